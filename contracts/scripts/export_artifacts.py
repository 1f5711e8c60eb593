"""Compile the contracts and write their ABI and bytecode to src/coprove/contracts/artifacts.

`python contracts/scripts/export_artifacts.py` writes the files; with `--check` it compares them
and exits with 1 when one differs. `--out DIR` writes or compares elsewhere.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

_PROJECT = Path(__file__).resolve().parent.parent
_REPOSITORY = _PROJECT.parent
_DEFAULT_OUT = _REPOSITORY / "src" / "coprove" / "contracts" / "artifacts"
_EXPORTED = {
    "L2OutputOracle": "L2OutputOracle.sol",
    "L2OutputOracleV2": "L2OutputOracleV2.sol",
    "ValidityDisputeGame": "ValidityDisputeGame.sol",
    "OracleProxy": "OracleProxy.sol",
    "ProxyAdmin": "ProxyAdmin.sol",
    "Placeholder": "Placeholder.sol",
    "MockSP1Verifier": "MockSP1Verifier.sol",
    "ISP1VerifierGateway": "ISP1Verifier.sol",
    "SystemConfigExtension": "SystemConfigExtension.sol",
    "P256Fallback": "P256Fallback.sol",
    "DcapCollateral": "DcapCollateral.sol",
    "DcapVerifier": "DcapVerifier.sol",
    "Timelock": "Timelock.sol",
    "AttestationPolicy": "AttestationPolicy.sol",
    "AttestorVerifier": "AttestorVerifier.sol",
    "PoEVerifier": "PoEVerifier.sol",
    "TEELivenessVerifier": "TEELivenessVerifier.sol",
    "TEEProverRegistry": "TEEProverRegistry.sol",
    "StateChecker": "StateChecker.sol",
    "MultiProverServiceManager": "MultiProverServiceManager.sol",
    "AvsSlasher": "AvsSlasher.sol",
    "AvsRewards": "AvsRewards.sol",
    "DevIndexRegistry": "DevIndexRegistry.sol",
    "DevSocketRegistry": "DevEigenLayer.sol",
    "DevPauserRegistry": "DevEigenLayer.sol",
    "DevEigenPodManager": "DevEigenLayer.sol",
    "DevToken": "DevEigenLayer.sol",
    "DevStrategy": "DevEigenLayer.sol",
}

# An upgrade in place compares their storage with what it finds.
_UPGRADEABLE = (
    "L2OutputOracle",
    "L2OutputOracleV2",
    "AttestationPolicy",
    "TEELivenessVerifier",
    "TEEProverRegistry",
    "MultiProverServiceManager",
)


def compile_contracts(out: Path) -> None:
    """Run forge into an empty `out` folder, without its cache."""
    sys.path.insert(0, str(_REPOSITORY / "src"))
    from coprove.contracts.foundry_tools import find_tool  # noqa: PLC0415 - path set above

    command = [str(find_tool("forge")), "build", "--force", "--skip", "test", "--no-cache"]
    subprocess.run(  # noqa: S603 - forge of node_modules, fixed arguments
        [*command, "--out", str(out)], cwd=_PROJECT, check=True, stdout=subprocess.DEVNULL
    )


def render(out: Path) -> dict[str, str]:
    """Return the text of each artifact file by its name."""
    files = {}
    for name, source in _EXPORTED.items():
        compiled = json.loads((out / source / f"{name}.json").read_text())
        artifact = {
            "name": name,
            "compiler": compiled["metadata"]["compiler"]["version"],
            "abi": compiled["abi"],
            "bytecode": compiled["bytecode"]["object"],
        }
        if name in _UPGRADEABLE:
            artifact["storage"] = [
                {key: variable[key] for key in ("label", "slot", "offset")}
                | {"type": compiled["storageLayout"]["types"][variable["type"]]["label"]}
                for variable in compiled["storageLayout"]["storage"]
            ]
        files[f"{name}.json"] = json.dumps(artifact, indent=1) + "\n"
    return files


def compare(files: dict[str, str], folder: Path) -> list[str]:
    """Return the names that differ between rendered artifacts and the files of a folder."""
    there = {path.name: path.read_text() for path in folder.glob("*.json")}
    return sorted(name for name in files.keys() | there if files.get(name) != there.get(name))


def main() -> int:
    """Write or compare; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    parser.add_argument("--out", type=Path, default=_DEFAULT_OUT, help="folder of the artifacts")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        compile_contracts(Path(folder))
        files = render(Path(folder))
    if not arguments.check:
        arguments.out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (arguments.out / name).write_text(text)
        return 0
    differing = compare(files, arguments.out)
    for name in differing:
        print(f"{name} differs from the sources: run `make contracts`", file=sys.stderr)  # noqa: T201
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
