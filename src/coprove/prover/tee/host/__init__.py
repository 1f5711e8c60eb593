"""The service around the enclave: HTTP in, proofs and evidence out; nothing here is trusted."""
