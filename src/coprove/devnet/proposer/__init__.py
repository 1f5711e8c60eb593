"""The devnet's proposer: finalised blocks become range runs, range runs an output on L1."""
