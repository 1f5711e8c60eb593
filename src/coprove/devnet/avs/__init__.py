"""The devnet's AVS: EigenLayer, operators in simulated enclaves, the aggregator."""
