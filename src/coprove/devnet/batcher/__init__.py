"""The devnet's batcher: unsafe L2 blocks become channels, their frames L1 calldata."""
