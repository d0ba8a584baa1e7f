"""A version's review out of MLflow, with what the registry says of the version now."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from contract.errors import UserError
from contract.models.registry import out_of_reach, registry_client
from contract.settings import Settings
from training.registered.versions import Version, find
from training.review.facts import FACTS_FORMAT, ReviewFacts
from training.review.made import FACTS_ARTIFACT, FIGURE_PREFIX, FIGURES_FOLDER, PICTURES
from training.review.page import review_page
from training.review.standing import standing

if TYPE_CHECKING:
    from mlflow import MlflowClient

MOST_FACT_BYTES = 16 * 2**20
MOST_PICTURE_BYTES = 4 * 2**20
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class ReviewFile:
    """A page in a file, and which version it is about, such as ``churn v3``."""

    title: str
    path: Path


def write_review(settings: Settings, version: str, out: Path | None) -> ReviewFile:
    """Write the page of a version that a user means by ``version`` to ``out``, or to a file named after the version.

    Raises:
        UserError: there is no such version, it has no review, MLflow does not answer, or ``out`` cannot be written.
    """
    from mlflow.exceptions import MlflowException

    client = registry_client(settings)
    try:
        found = find(client, settings, version)
        facts = _facts(client, found)
        page = review_page(facts, standing(client, found.settings, found.number), _pictures(client, found))
    except (MlflowException, OSError) as error:
        raise out_of_reach(settings, error) from error
    path = out or Path(f"review-{found.settings.model_name}-{found.number}.html")
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UserError(f"the review cannot be written to {path} ({error.strerror}); give another --out") from None
    return ReviewFile(found.title, path)


def _facts(client: "MlflowClient", version: Version) -> ReviewFacts:
    content = _artifact(client, version, FACTS_ARTIFACT, MOST_FACT_BYTES)
    if content is None:
        raise UserError(
            f"{version.title} has no review, because an earlier release made it, or its run is gone; train it again "
            f"with `churnstream train`"
        )
    try:
        facts = msgspec.json.decode(content, type=ReviewFacts)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise UserError(
            f"the review of {version.title} ({FACTS_ARTIFACT} of its run) is damaged or of a newer release; train it "
            f"again, or use that release"
        ) from None
    if facts.format > FACTS_FORMAT:
        raise UserError(f"the review of {version.title} was made by a newer release; use that one")
    return facts


def _pictures(client: "MlflowClient", version: Version) -> dict[str, bytes]:
    """Those that are there; what is no picture is left out."""
    there = {Path(file.path).name for file in client.list_artifacts(version.run_id, FIGURES_FOLDER)}
    found: dict[str, bytes] = {}
    for name in PICTURES:
        file = f"{FIGURE_PREFIX}{name}.png"
        content = _artifact(client, version, f"{FIGURES_FOLDER}/{file}", MOST_PICTURE_BYTES) if file in there else None
        if content is not None and content.startswith(_PNG):
            found[name] = content
    return found


def _artifact(client: "MlflowClient", version: Version, path: str, most: int) -> bytes | None:
    """The content of an artifact of the version's run; None if there is none or it is larger than ``most`` bytes."""
    folder, _, _ = path.rpartition("/")
    sizes = {file.path: file.file_size for file in client.list_artifacts(version.run_id, folder)}
    if path not in sizes or (sizes[path] or 0) > most:
        return None
    with tempfile.TemporaryDirectory(prefix="churnstream-review-") as local:
        return Path(client.download_artifacts(version.run_id, path, local)).read_bytes()
