"""The multi-prover AVS on EigenLayer: operators sign what their TEE provers prove."""
