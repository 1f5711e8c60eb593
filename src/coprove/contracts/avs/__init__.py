"""The contracts of the multi-prover AVS: headers, readers, calls."""
