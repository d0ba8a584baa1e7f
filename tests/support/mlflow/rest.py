"""MLflow's REST API as anybody has it: experiments, runs and metric histories."""

from urllib.parse import quote

from tests.support.service.http import get_json


def experiment_id(server: str, name: str) -> str:
    found = get_json(f"{server}/api/2.0/mlflow/experiments/get-by-name?experiment_name={quote(name)}")
    return str(found["experiment"]["experiment_id"])


def runs(server: str, experiment: str) -> dict[str, str]:
    """Run ids by name."""
    found = get_json(f"{server}/api/2.0/mlflow/runs/search", {"experiment_ids": [experiment], "max_results": 1_000})
    return {run["info"]["run_name"]: run["info"]["run_id"] for run in found["runs"]}


def history(server: str, run: str, metric: str) -> dict[int, float]:
    """The last value logged at each step; empty if the run has no such metric."""
    address = f"{server}/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key={quote(metric)}&max_results=25000"
    points = sorted(get_json(address).get("metrics", []), key=lambda point: int(point["timestamp"]))
    return {int(point["step"]): float(point["value"]) for point in points}
