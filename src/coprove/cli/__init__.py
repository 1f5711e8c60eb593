"""The command `coprove`.

Exit codes: 0 right, 1 a mismatch (the computed value is not the expected one), 2 bad usage or
input, 3 a defect of this program, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from coprove.cli.block import app as block_app
from coprove.cli.range import app as range_app
from coprove.errors import CoproveError
from coprove.telemetry import configure_logging

__all__ = ["app", "main"]

app = App(
    name="coprove",
    help="Finality from many proofs for OP Stack rollups.",
    version_flags=["--version"],
)
app.command(range_app)
app.command(block_app)
app.command("coprove.cli.devnet:devnet", name="devnet")
app.command("coprove.cli.deploy:app", name="deploy")
app.command("coprove.cli.upgrade:upgrade", name="upgrade")
app.command("coprove.cli.config:app", name="config")
app.command("coprove.cli.validate:validate", name="validate")
app.command("coprove.cli.checkpoint:checkpoint", name="checkpoint")
app.command("coprove.cli.proposer:proposer", name="proposer")
app.command("coprove.cli.server:server", name="server")
app.command("coprove.cli.tee_prover:tee_prover", name="tee-prover")
app.command("coprove.cli.aggregator:aggregator", name="aggregator")
app.command("coprove.cli.attestation:tee_register", name="tee-register")
app.command("coprove.cli.operator:app", name="operator")
app.command("coprove.cli.measure:app", name="measure")
app.command("coprove.cli.cost:cost", name="cost")
app.command("coprove.cli.vkeys:vkeys", name="vkeys")
app.command("coprove.cli.doctor:doctor", name="doctor")
app.command("coprove.cli.quote:app", name="quote")
app.command("coprove.cli.da:app", name="da")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(_run(sys.argv[1:] if arguments is None else arguments))


def _run(arguments: Sequence[str]) -> int:
    try:
        configure_logging("coprove", level=os.environ.get("COPROVE_LOG_LEVEL", "info"))
    except ValueError as error:
        print(f"coprove: COPROVE_LOG_LEVEL: {error}", file=sys.stderr)  # noqa: T201 - the CLI's own voice
        return 2
    try:
        # cyclopts prints a usage error itself, in a box; the exit code is ours.
        result = app(list(arguments), exit_on_error=False, result_action="return_value")
    except CycloptsError:
        return 2
    except CoproveError as error:
        print(f"coprove: {type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201 - the CLI's own voice
        return 2
    except KeyboardInterrupt:
        return 130
    except Exception:  # noqa: BLE001 - a defect must not look like a mismatch (exit code 1)
        traceback.print_exc()
        return 3
    return result if isinstance(result, int) else 0
