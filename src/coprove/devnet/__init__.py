"""A local L1 and an embedded OP Stack L2 as supervised processes."""
