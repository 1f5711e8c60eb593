"""Traffic for the devnet: transfers, contracts, deposits and withdrawals at a set rate."""
