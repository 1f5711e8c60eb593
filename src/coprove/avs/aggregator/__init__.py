"""The aggregator of the multi-prover AVS."""
