"""What every HTTP service of this room stands on: guard, bodies, problems, a running server."""

from coprove.prover.http.guard import Guard, GuardMetrics, GuardOptions, TokenBuckets
from coprove.prover.http.problems import COMMON_PROBLEMS, INTERNAL, Kind, Problems, problem
from coprove.prover.http.serving import (
    HttpServer,
    HttpService,
    check_exposure,
    is_loopback,
    until_signal,
)

__all__ = [
    "COMMON_PROBLEMS",
    "INTERNAL",
    "Guard",
    "GuardMetrics",
    "GuardOptions",
    "HttpServer",
    "HttpService",
    "Kind",
    "Problems",
    "TokenBuckets",
    "check_exposure",
    "is_loopback",
    "problem",
    "until_signal",
]
