"""The steps of a tick, one module each, in the order in which they run."""
