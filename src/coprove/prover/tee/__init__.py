"""The TEE prover: an enclave that proves ranges, and the service around it."""
