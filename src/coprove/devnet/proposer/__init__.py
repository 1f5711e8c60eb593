"""The proposer on the devnet's chains, with mock proofs or the local prover network's."""
