"""``churnstream report``: a window's drift report as a file, the same that the monitor would have made.

Bound: ``MOST_BYTES`` of samples, and what Evidently takes for ``monitor.reports.shown.MAX_ROWS`` rows a side. It writes
the file and the cached reference in the state folder, nothing else.
"""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contract.errors import UserError
from contract.schema import Schema
from contract.settings import Settings
from contract.windows import Window
from contract.worker.private import private_folder
from monitor.files import references_folder, write_durably
from monitor.naming import file_time, file_title, iso_time, model_title, version_title
from monitor.on_demand.logged import where_logged
from monitor.on_demand.samples import SamplesGoneError, read_sample
from monitor.on_demand.window import AskedWindow, find_window
from monitor.reports.reference import ReferenceCache
from monitor.reports.shown import MAX_ROWS


def make_report(settings: Settings, schema: Schema, asked: AskedWindow, out: Path | None) -> Path:
    """Write the report of a window and return its file: ``out``, or one in the working folder named by the window.

    Takes 5 to 10 s, most of them for Evidently's imports.

    Raises:
        UserError: there is no such window; it cannot be judged; its samples are gone (the message says where MLflow has
            a report of it); the reference or a topic cannot be read; the schema is another one.
        OSError: the file cannot be written.
    """
    if out is not None and out.is_dir():
        raise UserError(f"--out {out} is a folder; give the name of a file")
    window = find_window(settings, asked)
    title = f"{model_title(window.model)} that starts at {iso_time(window.start)}"
    if not window.drift.features:
        raise UserError(
            f"no report can be made of the window of {title}, because its columns were not judged: it has fewer than "
            f"{settings.min_records} customers, or the version has no reference; give the start of a window with more"
        )
    try:
        sample = read_sample(settings, window)
    except SamplesGoneError as error:
        raise UserError(f"{error}; {where_logged(settings, window)}") from None
    if len(sample) and len(sample.columns) != len(schema.features):
        raise UserError(
            f"the samples of the window of {title} have {len(sample.columns)} features, but the schema "
            f"{schema.name} has {len(schema.features)}; give the stream's own schema with --dataset"
        )
    warnings.simplefilter("ignore")
    with _references(settings) as folder:
        reference, _ = ReferenceCache(settings.mlflow_tracking_uri, folder, schema).load(window.model)
        from monitor.reports.made import page_of
        from monitor.reports.report import NothingToReportError

        try:
            page = page_of(settings, schema, window, sample.first(MAX_ROWS), reference)
        except NothingToReportError as error:
            raise UserError(f"no column of the window of {title} can be shown: {error}") from None
    target = _default_name(window) if out is None else out
    write_durably(target, page.encode())
    return target


def _default_name(window: Window) -> Path:
    version = version_title(window.model).replace(" ", "-")
    return Path(f"{file_title(window.model.name)}-{version}-{file_time(window.start)}.html")


@contextmanager
def _references(settings: Settings) -> Iterator[Path]:
    """The folder of cached references; where the state folder cannot be written, one that goes at the end."""
    try:
        folder = private_folder(references_folder(settings.state_dir))
    except OSError:
        with tempfile.TemporaryDirectory() as temporary:
            yield Path(temporary)
    else:
        yield folder
