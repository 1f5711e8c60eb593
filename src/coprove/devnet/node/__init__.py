"""The embedded L2 node of the devnet: sequencer, verifier and JSON-RPC on the kernel."""
