"""A local, simulated SP1 prover network."""
