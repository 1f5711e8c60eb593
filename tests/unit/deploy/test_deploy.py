"""What `deploy/` ships fits the package: settings, commands, metrics, versions."""

from __future__ import annotations

import configparser
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # no stubs are installed

from coprove.cli import app
from coprove.config import all_settings, load_settings
from coprove.config.wiring import live_endpoints, server_options
from coprove.proposer.metrics import specs as proposer_specs
from coprove.prover.server.metrics import ALL as SERVER_METRICS
from coprove.telemetry import MetricKind, Metrics, MetricSpec

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
KNOWN = {name for setting in all_settings() for name in setting.names}
FUNCTIONS = {
    "absent", "by", "clamp_min", "deriv", "error", "event", "histogram_quantile", "increase",
    "kind", "le", "max", "min", "or", "outcome", "phase", "rate", "reason", "route", "state",
    "status", "sum", "time", "vector", "and", "call",
}  # fmt: skip


def series(spec: MetricSpec) -> set[str]:
    """Return the names of a metric's series, as they are exposed."""
    live = Metrics([spec])
    labels = dict.fromkeys(spec.labels, "x")
    if spec.kind is MetricKind.HISTOGRAM:
        live.observe(spec, 1, **labels)
    else:
        live.inc(spec, 1, **labels)
    lines = live.render().decode().splitlines()
    return {re.split(r"[{ ]", line)[0] for line in lines if not line.startswith("#")}


EXPOSED = {name for spec in (*proposer_specs(), *SERVER_METRICS) for name in series(spec)}


def metrics_in(expression: str) -> set[str]:
    """Return the words of a PromQL expression that must be metrics."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", expression)
    return set(re.findall(r"[a-zA-Z_][a-zA-Z0-9_]*", bare)) - FUNCTIONS


def panels() -> list[dict[str, Any]]:
    dashboard = json.loads((DEPLOY / "grafana/dashboards/validity.json").read_text())
    found = dashboard["panels"]
    assert isinstance(found, list)
    return found


def test_every_metric_of_the_dashboard_is_declared() -> None:
    used: set[str] = set()
    for panel in panels():
        for target in panel.get("targets", []):
            names = metrics_in(target["expr"])
            assert names, target["expr"]
            assert names <= EXPOSED, (panel["title"], names - EXPOSED)
            used |= names
    suffix = re.compile(r"_(bucket|sum|count)$")
    names = {name for spec in SERVER_METRICS for name in series(spec)}
    families = {suffix.sub("", name) for name in names if not name.endswith("_created")}
    assert families <= {suffix.sub("", name) for name in used}


def test_panels_are_told_apart_and_do_not_overlap() -> None:
    found = panels()
    assert len({panel["id"] for panel in found}) == len(found)
    cells: set[tuple[int, int]] = set()
    for panel in found:
        place = panel["gridPos"]
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not own & cells, panel["title"]
        assert max(x for x, _ in own) < 24
        cells |= own
        if panel["type"] != "row":
            assert panel["description"]


def test_every_metric_of_the_alerts_is_declared() -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())
    for rule in rules["groups"][0]["rules"]:
        assert metrics_in(rule["expr"]) <= EXPOSED, rule["alert"]
        assert rule["annotations"]["summary"]


def test_prometheus_reads_the_alerts_and_scrapes_the_services() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    assert config["rule_files"] == ["alerts.yml"]
    jobs = {job["job_name"] for job in config["scrape_configs"]}
    assert jobs == {"coprove-proposer", "coprove-server"}


def compose() -> dict[str, Any]:
    found = yaml.safe_load((DEPLOY / "compose/compose.yaml").read_text())
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", ["proposer", "server"])
def test_services_of_compose_are_commands_with_known_settings(name: str) -> None:
    service = compose()["services"][name]
    assert service["command"] == [name]
    assert name in app
    assert set(service["environment"]) <= KNOWN
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]


def test_compose_opens_no_port_to_the_network_and_knows_its_secrets() -> None:
    found = compose()
    for service in found["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        assert set(service.get("secrets", [])) <= set(found["secrets"])
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if source.startswith("../"):
                assert (DEPLOY / "compose" / source).exists(), source
            elif not source.startswith("./"):
                assert source in found["volumes"]


def variables(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize("name", ["compose/.env.example", "systemd/server.env"])
def test_variables_of_the_examples_are_settings(name: str) -> None:
    given = variables(DEPLOY / name)
    own = {"POSTGRES_PASSWORD", "GRAFANA_PASSWORD"}
    assert set(given) - own <= KNOWN
    load_settings(environment={key: value for key, value in given.items() if key not in own})


def test_the_settings_of_compose_load(tmp_path: Path) -> None:
    """The zero address of the example is none: the doctor asks for one."""
    token = tmp_path / "token"
    token.write_text("0123456789abcdef" * 4 + "\n")
    for name in ("proposer", "server"):
        given = (
            variables(DEPLOY / "compose/.env.example") | compose()["services"][name]["environment"]
        )
        settings = load_settings(environment={key: str(value) for key, value in given.items()})
        assert live_endpoints(settings).l1 == "https://l1.example"
        assert settings.contract.address is None
        if name == "server":
            changed = settings.server.model_copy(update={"token_file": token})
            options = server_options(settings.model_copy(update={"server": changed}))
            assert options.tokens == ("0123456789abcdef" * 4,)


def unit(path: Path) -> dict[str, list[str]]:
    """Return the [Service] section; directives may be given several times."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_units_run_commands_with_known_settings_and_are_hardened(path: Path) -> None:
    parser = configparser.RawConfigParser(strict=False)
    parser.read(path)
    assert {"Unit", "Service", "Install"} <= set(parser.sections())
    service = unit(path)
    command = shlex.split(service["ExecStart"][0])
    assert Path(command[0]).name == "coprove"
    assert command[1] in app
    assert command[2:] == ["--config", "/etc/coprove/coprove.toml"]
    assert {item.partition("=")[0] for item in service["Environment"]} <= KNOWN
    for name in ("NoNewPrivileges", "PrivateDevices", "PrivateTmp", "ProtectHome"):
        assert service[name] == ["yes"]
    assert service["ProtectSystem"] == ["strict"]
    assert service["CapabilityBoundingSet"] == [""]
    assert service["User"] == ["coprove"]
    text = path.read_text()
    assert "PRIVATE_KEY=" not in text
    assert "LoadCredential=" in text


def test_the_settings_file_of_the_units_loads() -> None:
    settings = load_settings(config=DEPLOY / "systemd/coprove.toml", environment={})
    assert settings.prover.backend == "server"
    server = load_settings(
        config=DEPLOY / "systemd/coprove.toml",
        environment=variables(DEPLOY / "systemd/server.env"),
    )
    assert server.prover.backend == "network"


def test_the_image_is_built_with_the_tools_of_the_makefile() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    makefile = (ROOT / "Makefile").read_text()
    version = re.search(r"UV_VERSION := (\S+)", makefile)
    assert version is not None
    assert f"uv=={version[1]}" in dockerfile
    rust = re.search(r"Rust (\d+\.\d+\.\d+) or newer", (ROOT / "README.md").read_text())
    assert rust is not None
    assert f"rust:{rust[1]}" in dockerfile
    assert re.search(r"^USER coprove$", dockerfile, re.MULTILINE)
