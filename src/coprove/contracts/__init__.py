"""The L1 contracts: artifacts, typed readers, and the only code that signs and sends."""
