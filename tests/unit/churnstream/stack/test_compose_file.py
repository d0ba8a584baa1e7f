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
