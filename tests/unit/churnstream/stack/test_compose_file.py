import yaml

from monitor.reports.files import WORKSPACE
from tests.support.paths import ROOT

STATE = "/var/lib/churnstream"


def test_the_report_pages_can_read_the_reports_and_nothing_else_of_the_monitors() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert services["reports"]["volumes"] == [f"reports:{STATE}/{WORKSPACE}:ro"]
    monitors = [one for one in services["monitor"]["volumes"] if isinstance(one, str)]
    assert monitors == [f"monitor:{STATE}", f"reports:{STATE}/{WORKSPACE}"]
    # the folder in the image is what gives a new volume its owner
    assert f" {STATE}/{WORKSPACE} " in (ROOT / "Dockerfile").read_text()


def test_every_worker_is_told_the_schema_and_can_read_it() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    told = [name for name, one in services.items() if "CHURNSTREAM_DATASET" in (one.get("environment") or {})]
    assert {"init", "scorer", "join", "monitor", "api", "dashboard", "producer", "replay"} == set(told)
    for name in told:
        targets = [one["target"] for one in services[name]["volumes"] if isinstance(one, dict)]
        assert "/data/schema.toml" in targets, name
