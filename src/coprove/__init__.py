"""coprove: finality from many proofs for OP Stack rollups."""
