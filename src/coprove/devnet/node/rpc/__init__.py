"""JSON-RPC of the node: transport, hex codecs, JSON shapes as op-geth and op-node give them."""
