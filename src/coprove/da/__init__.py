"""Where batch data comes from: blobs of L1 beacon nodes, verified on arrival."""

from coprove.da.blobs import Blob, check_blobs, fetch_blobs

__all__ = ["Blob", "check_blobs", "fetch_blobs"]
