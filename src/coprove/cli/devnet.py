"""`coprove devnet`: an L1, an L2 and a proposer on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from coprove.devnet.main import DevnetOptions, run_devnet

__all__ = ["devnet"]


def devnet(
    *,
    data_dir: Path | None = None,
    l1_port: int | None = None,
    l2_port: int | None = None,
    block_time: int = 1,
    submission_interval: int = 20,
    traffic: float = 2.0,
    prover: Literal["mock", "network"] = "mock",
    proposer: bool = True,
    tee_provers: int = 3,
    operators: int = 4,
    byzantine: int = 0,
    exit_after_outputs: int | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Run an L1 (anvil) and an embedded L2, and finalise outputs with the range program.

    Proofs are mock proofs: the contracts accept them on development chains only.

    Parameters
    ----------
    data_dir
        Folder that keeps the chains' state; a second start resumes there. Without it the state
        lies in a temporary folder and is removed at the end.
    l1_port
        Port of the L1 on the loopback address; a free one by default.
    l2_port
        Port of the L2 on the loopback address; a free one by default.
    block_time
        Seconds between L2 blocks.
    submission_interval
        L2 blocks from one output to the next.
    traffic
        L2 transactions a second that the traffic generator sends; 0 for none.
    prover
        Where proofs come from: mock makes them in the proposer, network runs a local prover network
        and speaks SP1's protocol with it. Both are simulated.
    proposer
        Run a proposer. Without one, operator/coprove.toml in the data folder has the settings for
        `coprove proposer` and `coprove server`.
    tee_provers
        Simulated TEE provers, SGX and TDX in turn, that are kept registered on L1 and say of each
        output what they think of it; 0 for none.
    operators
        Operators of the multi-prover AVS, each restaked at an EigenLayer of the devnet's own and
        with a prover of its own, in two quorums; 0 for no AVS.
    byzantine
        Operators that do wrong, the last ones: in turn they sign wrong roots, sign twice, replay,
        or say nothing. With 8 operators, two quorums of four, one of each can without harm.
    exit_after_outputs
        Stop after so many finalised outputs.
    json
        Print one JSON object at the end: the outputs and the seconds that it took.
    """
    return run_devnet(
        DevnetOptions(
            data_dir=data_dir,
            l1_port=l1_port,
            l2_port=l2_port,
            block_time=block_time,
            submission_interval=submission_interval,
            traffic=traffic,
            prover=prover,
            proposer=proposer,
            tee_provers=tee_provers,
            operators=operators,
            byzantine=byzantine,
            exit_after_outputs=exit_after_outputs,
            as_json=json,
        )
    )
