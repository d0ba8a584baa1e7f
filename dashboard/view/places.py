"""What the page must be told about where it stands: addresses to link to, and settings that words rest on."""

from urllib.parse import urlencode, urlsplit

import msgspec

from contract.durations import DAY, HOUR
from contract.messages import ModelRef
from contract.settings import Settings

CSV_ADDRESS = "/windows.csv"
JSON_ADDRESS = "/page.json"
REPORT_ADDRESS = "/report"


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """``mlflow``: base address of MLflow's pages; ``reports``: where the monitor's drift reports can be looked at; both
    http(s), None: not told. ``own_reports``: the page makes the report of a window on demand. ``topic_prefix``,
    ``window``, ``slide``, ``out_of_orderness``, ``label_lateness`` (ms), ``min_distance`` and ``alias`` are the
    stream's settings.
    """

    mlflow: str | None = None
    reports: str | None = None
    own_reports: bool = True
    topic_prefix: str = ""
    alias: str = "champion"
    window: int = 7 * DAY
    slide: int = DAY
    out_of_orderness: int = HOUR
    label_lateness: int = 60 * DAY
    min_distance: float = 0.05

    def report_of(self, model: ModelRef, start: int) -> str:
        """The page's own address of a window's drift report."""
        named = {"model": model.name, "version": model.version, "role": model.role, "start": start}
        return f"{REPORT_ADDRESS}?{urlencode(named)}"

    def mlflow_experiment(self, experiment: str) -> str | None:
        """MLflow's page of an experiment, None where its address is not known."""
        base = web_address(self.mlflow)
        return None if base is None else f"{base}/#/experiments/{_segment(experiment)}"

    def mlflow_run(self, experiment: str, run: str) -> str | None:
        """MLflow's page of a run, None where its address is not known."""
        base = self.mlflow_experiment(experiment)
        return None if base is None else f"{base}/runs/{_segment(run)}"


def places_of(
    settings: Settings, *, mlflow: str | None = None, reports: str | None = None, own_reports: bool = True
) -> Places:
    """Those of a stream with these settings."""
    return Places(
        mlflow=mlflow,
        reports=reports,
        own_reports=own_reports,
        topic_prefix=settings.topic_prefix,
        alias=settings.model_alias,
        window=settings.window,
        slide=settings.slide,
        out_of_orderness=settings.out_of_orderness,
        label_lateness=settings.label_lateness,
        min_distance=settings.min_distance,
    )


def web_address(address: str | None) -> str | None:
    """An http(s) address without what would be a secret in it or a script; None where it is none."""
    if address is None:
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        return None
    return address.rstrip("/")


def _segment(text: str) -> str:
    """MLflow's ids are letters and digits; what is not is somebody else's message, and must not lead elsewhere."""
    return "".join(one for one in text if one.isalnum() or one in "-_")
