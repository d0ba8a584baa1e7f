"""Prometheus' own tools, from its image, and what Prometheus answers over HTTP."""

import json
import subprocess
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from tests.support.paths import ROOT

IMAGE = "prom/prometheus:v2.53.3"
CONFIG = ROOT / "observability" / "prometheus"
DASHBOARD = ROOT / "observability" / "grafana" / "dashboards" / "churnstream.json"


@cache
def image_problem() -> str | None:
    """Why promtool cannot be run here; None if it can. No image is pulled for it."""
    try:
        done = subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"no Docker here: {error}"
    return f"there is no image {IMAGE} here" if done.returncode else None


def promtool(*arguments: str, config: Path = CONFIG, given: str = "") -> subprocess.CompletedProcess[str]:
    """``promtool …`` with a folder at /etc/prometheus and ``given`` as its standard input."""
    mounted = f"{config}:/etc/prometheus:ro"
    command = ["docker", "run", "--rm", "-i", "--network=none", "-v", mounted, "--entrypoint=promtool", IMAGE]
    return subprocess.run([*command, *arguments], input=given, capture_output=True, text=True, timeout=120, check=False)


def panels() -> list[dict[str, Any]]:
    """The dashboard's panels as they are committed, rows left out."""
    return [panel for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"] if panel["type"] != "row"]


def queries() -> list[str]:
    """Every query of the dashboard."""
    return [target["expr"] for panel in panels() for target in panel["targets"]]


@dataclass(frozen=True)
class Prometheus:
    """One that runs, by its address."""

    address: str

    def targets(self) -> dict[str, list[str]]:
        """By job, how each of its targets is: ``up`` or ``down``."""
        found: dict[str, list[str]] = {}
        for target in self._get("targets", state="active")["activeTargets"]:
            found.setdefault(target["labels"]["job"], []).append(target["health"])
        return found

    def has_data(self, query: str, seconds: float) -> bool:
        """Whether a query has given any number in the last seconds."""
        now = time.time()
        series = self._get("query_range", query=query, start=str(now - seconds), end=str(now), step="5")["result"]
        return any(value != "NaN" for one in series for _, value in one["values"])

    def firing(self) -> set[tuple[str, str]]:
        """Alerts that fire: their names, and jobs where they are of one."""
        alerts = self._get("alerts")["alerts"]
        return {(a["labels"]["alertname"], a["labels"].get("job", "")) for a in alerts if a["state"] == "firing"}

    def _get(self, what: str, **params: str) -> Any:
        answer = httpx.get(f"{self.address}/api/v1/{what}", params=params, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]
