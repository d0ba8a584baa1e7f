"""The dashboard is one by Grafana's own schema, where npm can be had, which has its types."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import jsonschema_rs
import pytest

from tests.support.observability.prometheus import DASHBOARD
from tests.support.paths import ROOT

GENERATOR = "ts-json-schema-generator@2.4.0"


@pytest.mark.skipif(shutil.which("npm") is None, reason="no npm here")
def test_the_dashboard_is_one_by_the_schema_of_the_grafana_that_compose_names(tmp_path: Path) -> None:
    found = re.search(r"grafana/grafana-oss:([\d.]+)", (ROOT / "docker-compose.yml").read_text("utf-8"))
    assert found is not None
    packages = [GENERATOR, f"@grafana/schema@{found[1]}"]
    quiet = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", os.fspath(tmp_path)]
    subprocess.run(["npm", "install", *quiet, *packages], check=True, timeout=300)
    types = "node_modules/@grafana/schema/dist/esm/raw/dashboard/x/dashboard_types.gen.d.ts"
    made = ["node_modules/.bin/ts-json-schema-generator", "--path", types, "--type", "Dashboard", "--no-type-check"]
    done = subprocess.run(made, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120)

    validator = jsonschema_rs.validator_for(json.loads(done.stdout))
    dashboard = json.loads(DASHBOARD.read_text("utf-8"))
    assert [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(dashboard)] == []
    assert not validator.is_valid(dashboard | {"panels": [{"type": 1}]})
