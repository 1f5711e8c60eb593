"""EigenLayer's compiled contracts, as the package `eigensdk` has them: for devnet and tests."""

from __future__ import annotations

import json
from functools import cache
from importlib import metadata
from typing import Final

from coprove.contracts.artifacts import Artifact
from coprove.contracts.errors import ArtifactError

__all__ = ["load_eigenlayer_artifact"]

_PACKAGE: Final = "eigensdk"


@cache
def load_eigenlayer_artifact(name: str) -> Artifact:
    """Return a contract of EigenLayer's slashing release.

    A development dependency: ArtifactError says so without it. Its files are read where they lie;
    importing the package would ask for a native library.
    """
    try:
        folder = metadata.distribution(_PACKAGE).locate_file("eigensdk/contracts/ABI")
        parsed = json.loads((folder / f"{name}.json").read_text())
        bytecode = bytes.fromhex(parsed["bytecode"]["object"].removeprefix("0x"))
        return Artifact(name=name, abi=parsed["abi"], bytecode=bytecode)
    except metadata.PackageNotFoundError:
        raise ArtifactError(
            f"EigenLayer's {name}: {_PACKAGE} is not installed, a development dependency"
        ) from None
    except (OSError, ValueError, KeyError) as error:
        raise ArtifactError(f"EigenLayer's {name} in {_PACKAGE}: {error}") from error
