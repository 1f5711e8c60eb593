"""The devnet's TEE lane: simulated provers kept registered, their claims recorded on L1."""
