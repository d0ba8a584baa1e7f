"""The compose stack as a test sees it: started under a name and on ports of its own, looked at over published ports."""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testcontainers.compose import DockerCompose

from churnstream.local_kafka.broker import free_port
from contract.settings import Settings, load_settings
from tests.support.observability.prometheus import CONFIG, Prometheus
from tests.support.paths import ROOT

SERVICES = ("kafka", "postgres", "mlflow", "scorer", "join", "monitor", "reports", "api", "dashboard", "producer")
"""Those that run for good; ``init`` ends."""


def docker_problem() -> str | None:
    """Why compose cannot be used here; None if it can."""
    for command in (["docker", "info"], ["docker", "compose", "version"]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"no Docker here: {error}"
        if done.returncode:
            return f"no Docker here: `{' '.join(command)}` says {done.stderr.strip() or done.stdout.strip()}"
    return None


@dataclass(frozen=True)
class Stack:
    """A project under compose, and its published addresses."""

    compose: DockerCompose
    kafka: str
    mlflow: str
    reports: str
    api: str
    dashboard: str
    prometheus: Prometheus

    @property
    def settings(self) -> Settings:
        """Settings with which this machine's clients see the stack's topics."""
        return load_settings(kafka={"bootstrap.servers": self.kafka}, mlflow_tracking_uri=self.mlflow)

    def run(self, *arguments: str, check: bool = True) -> str:
        """``docker compose …`` on this project; its standard output."""
        done = subprocess.run(
            [*self.compose.docker_compose_command(), *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert not (check and done.returncode), f"docker compose {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def up(self, *arguments: str) -> None:
        """Bring everything up and wait until it is healthy."""
        self.run("up", "--detach", "--wait", *arguments)

    def logs(self, service: str) -> str:
        """What the service's containers have printed so far."""
        # `docker compose logs` adds control characters of its own
        return "".join(docker("logs", container["Id"]) for container in self.containers(service))

    def containers(self, service: str) -> list[dict[str, Any]]:
        """``docker inspect`` of the service's containers."""
        ids = self.run("ps", "--all", "--quiet", service).split()
        return json.loads(docker("inspect", *ids)) if ids else []

    def flowed(self) -> bool:
        """Whether the producer has said where to look as its last word."""
        return self.logs("producer").rstrip().rpartition("\n")[2].startswith("strongest drift report:")

    def kill(self, *services: str) -> None:
        """SIGKILL to main processes, at once, as the kernel would: Docker takes it for a crash, and restarts them."""
        pids = []
        for service in services:
            (container,) = self.containers(service)
            assert container["State"]["Pid"], f"{service} does not run"
            pids.append(str(container["State"]["Pid"]))
        # `docker kill` would count as the user's wish, after which nothing is restarted
        command = f"kill -9 {' '.join(pids)}"
        docker("run", "--rm", "--pid=host", "--user=0", "--entrypoint=bash", "churnstream", "-c", command)

    def is_healthy(self, service: str) -> bool:
        found = self.containers(service)
        return bool(found) and all(
            container["State"]["Running"] and container["State"]["Health"]["Status"] == "healthy" for container in found
        )


def docker(*arguments: str) -> str:
    """``docker …``; all that it prints."""
    done = subprocess.run(
        ["docker", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stdout}"
    return done.stdout


@contextmanager
def compose_stack(folder: Path, **variables: str) -> Iterator[Stack]:
    """A project of its own, built but not up yet; removed with its volumes at the end. ``variables`` are for .env."""
    ports = {name: free_port() for name in ("KAFKA", "MLFLOW", "REPORTS", "API", "DASHBOARD", "PROMETHEUS")}
    given = {
        "COMPOSE_PROJECT_NAME": f"churnstream-test-{secrets.token_hex(4)}",
        "POSTGRES_PASSWORD": secrets.token_hex(16),
        **{f"PORT_{name}": str(port) for name, port in ports.items()},
        "PROMETHEUS_CONFIG": str(_soon(folder)),
        **variables,
    }
    env_file = folder / "compose.env"
    env_file.write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    with _without(given):
        compose = DockerCompose(str(ROOT), env_file=str(env_file))
        stack = Stack(
            compose,
            kafka=f"127.0.0.1:{ports['KAFKA']}",
            mlflow=f"http://127.0.0.1:{ports['MLFLOW']}",
            reports=f"http://127.0.0.1:{ports['REPORTS']}",
            api=f"http://127.0.0.1:{ports['API']}",
            dashboard=f"http://127.0.0.1:{ports['DASHBOARD']}",
            prometheus=Prometheus(f"http://127.0.0.1:{ports['PROMETHEUS']}"),
        )
        try:
            stack.run("build", "--quiet")
            yield stack
        finally:
            # nobody looks at it any more, so no container is given time to end well
            stack.run("down", "--volumes", "--timeout", "0")


def _soon(folder: Path) -> Path:
    """A copy of Prometheus' configuration by which a worker counts as down after seconds."""
    copy = folder / "prometheus"
    shutil.copytree(CONFIG, copy)
    for name in ("prometheus.yml", "rules.yml"):
        text = (copy / name).read_text("utf-8")
        (copy / name).write_text(text.replace("_interval: 5s", "_interval: 1s").replace("for: 1m", "for: 3s"))
    for path in (copy, *copy.iterdir()):
        # Prometheus runs as a user of its own
        path.chmod(0o755)
    return copy


@contextmanager
def _without(names: dict[str, str]) -> Iterator[None]:
    """The environment wins over an env file, so what it has of ``names`` is away meanwhile."""
    kept = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)
