"""Logging with redaction, metrics declared once, and a small HTTP server for probes."""

from coprove.telemetry.logs import LogFormat, configure_logging, get_logger
from coprove.telemetry.metrics import MetricKind, Metrics, MetricSpec
from coprove.telemetry.redaction import redact, redact_url, register_secret, url_secrets
from coprove.telemetry.server import TelemetryServer

__all__ = [
    "LogFormat",
    "MetricKind",
    "MetricSpec",
    "Metrics",
    "TelemetryServer",
    "configure_logging",
    "get_logger",
    "redact",
    "redact_url",
    "register_secret",
    "url_secrets",
]
