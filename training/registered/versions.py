"""How a user names a registered version or a run, and what is kept with it in MLflow."""

import re
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from contract.arrays import Integers, Labels
from contract.errors import UserError
from contract.models.bundle import CUSTOMER_COLUMN, LABEL_COLUMN, REFERENCE_ARTIFACT, TIME_COLUMN
from contract.models.registry import model_title
from contract.records import columns_frame
from contract.schema import Schema
from contract.settings import Settings
from contract.split.defaults import DEFAULT_TEST_SHARE
from contract.split.held_out import SPLIT_RULE
from training.quality.objections import read_objections
from training.registered import tags
from training.registered.tags import read_moment
from training.table.division import TIME_RULE

if TYPE_CHECKING:
    from mlflow import MlflowClient

FORMS = "a version's number such as 3 or churn/3, or an alias such as @champion or churn@champion"
CANDIDATES = "a candidate's run by its id or its name, such as 'xgboost smote'"
_REFERENCE = re.compile(r"(?:(?P<name>[^/@]+)/)?(?P<version>\d+)|(?P<aliased>[^/@]+)?@(?P<alias>[\w-]+)")
_RUN = re.compile(r"[0-9a-f]{32}")


class KeptRows(NamedTuple):
    """Features and labels of the held-out rows that are kept with a version.

    ``customers`` numbers whom each row is about; None where each is about another one, or an earlier release does not
    say. ``times`` says when each came, in ms; None where nobody knows.
    """

    X: pd.DataFrame
    y: Labels
    customers: Integers | None
    times: Integers | None = None


@dataclass(frozen=True)
class Version:
    """A registered version: ``settings`` name its model; ``tags`` are its own over its run's."""

    settings: Settings
    number: int
    run_id: str
    tags: dict[str, str]

    @property
    def title(self) -> str:
        return model_title(self.settings, self.number)

    @property
    def split_seed(self) -> str | None:
        """Seed of the split into training and test rows, as text; None if the version does not say."""
        return self.tags.get(tags.SPLIT_SEED)

    @property
    def test_share(self) -> float:
        """Share of the customers that was held out; of a version that does not say, the usual one."""
        return float(self.tags.get(tags.TEST_SHARE, DEFAULT_TEST_SHARE))

    @property
    def objections(self) -> tuple[str, ...]:
        """What speaks against giving it the alias, one clause each; none of a version that does not say."""
        return read_objections(self.tags.get(tags.OBJECTIONS))

    @property
    def by_time(self) -> bool:
        """Whether its held-out rows are the newest ones, and not those of some customers."""
        return self.tags.get(tags.SPLIT_RULE) == TIME_RULE

    @property
    def learned_before(self) -> int | None:
        """The moment (ms) before which all rows lie that it has learned from; None where nobody knows."""
        return read_moment(self.tags.get(tags.LEARNED_BEFORE) or self.tags.get(tags.LEARNED_UNTIL))

    @property
    def test_period(self) -> tuple[int, int] | None:
        """From which moment (ms) until before which its held-out rows lie; None where it holds out customers."""
        start, end = (read_moment(self.tags.get(tag)) for tag in (tags.TEST_FROM, tags.TEST_UNTIL))
        return None if start is None or end is None else (start, end)

    def scored_all_of(self, other: "Version") -> bool:
        """Whether this version has scored each row that ``other`` has held out, before the row's label was known."""
        named = other.tags.get(tags.NEW_TO, "")
        return self.settings.model_name == other.settings.model_name and str(self.number) in named.split(",")

    def has_held_out_all_of(self, other: "Version") -> bool:
        """Whether every customer that ``other`` has held out is certain to be held out of this version, too.

        Releases before ``SPLIT_RULE`` held out another part of each table, some of whose rows moved as it grew.
        """
        same_rule = self.tags.get(tags.SPLIT_RULE) == other.tags.get(tags.SPLIT_RULE) == SPLIT_RULE
        return same_rule and self.split_seed == other.split_seed and self.test_share >= other.test_share


def find(client: "MlflowClient", settings: Settings, text: str) -> Version:
    """The version that a user means by ``text``, one of ``FORMS``.

    Raises:
        UserError: ``text`` has another form, or there is no such version.
        mlflow.exceptions.MlflowException: MLflow does not answer.
    """
    from mlflow.exceptions import MlflowException

    meant = _REFERENCE.fullmatch(text.strip())
    if meant is None:
        raise UserError(f"{text!r} names no model; give {FORMS}")
    name = meant["name"] or meant["aliased"] or settings.model_name
    try:
        if meant["alias"]:
            found = client.get_model_version_by_alias(name, meant["alias"])
        else:
            found = client.get_model_version(name, meant["version"])
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise UserError(
                f"there is no model {name!r} with {_wanted(meant)} at {settings.mlflow_tracking_uri}; "
                f"{_there_are(client, name, meant['alias'])}"
            ) from None
        raise
    return describe(client, settings.model_copy(update={"model_name": name}), int(found.version))


def describe(client: "MlflowClient", settings: Settings, number: int) -> Version:
    """The version ``number``, which exists, with its run and tags."""
    from mlflow.exceptions import MlflowException

    found = client.get_model_version(settings.model_name, str(number))
    run_id = str(found.run_id or "")
    try:
        of_run = dict(client.get_run(run_id).data.tags) if run_id else {}
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        of_run = {}
    return Version(settings, number, run_id, of_run | dict(found.tags))


def is_version(text: str) -> bool:
    """Whether ``text`` has the form of a version or an alias."""
    return _REFERENCE.fullmatch(text.strip()) is not None


def is_run_id(text: str) -> bool:
    """Whether ``text`` has the form of a run's id."""
    return _RUN.fullmatch(text.strip()) is not None


def reference_rows(client: "MlflowClient", version: Version, schema: Schema) -> KeptRows:
    """The held-out rows that are kept with a version.

    Raises:
        UserError: there are none, or they lack a column or are no table.
        mlflow.exceptions.MlflowException: MLflow does not answer.
    """
    from mlflow.exceptions import MlflowException

    named = f"the held-out rows of {version.title} ({REFERENCE_ARTIFACT} of its run)"
    remedy = "train it again with `churnstream train`"
    with tempfile.TemporaryDirectory(prefix="churnstream-reference-") as folder:
        try:
            frame = pd.read_parquet(client.download_artifacts(version.run_id, REFERENCE_ARTIFACT, folder))
        except (OSError, ValueError) as error:
            raise UserError(f"{named} cannot be read ({type(error).__name__}); {remedy}") from None
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            raise UserError(f"{named} are missing; {remedy}") from None
    lacking = [column for column in (*schema.names, LABEL_COLUMN) if column not in frame.columns]
    if lacking:
        raise UserError(f"{named} have no column {', '.join(lacking)}; {remedy}")
    y = frame[LABEL_COLUMN].to_numpy()
    try:
        X = columns_frame(schema, [frame[name].tolist() for name in schema.names])
        labels = y.astype("int64")
        customers = frame[CUSTOMER_COLUMN].to_numpy("int64") if CUSTOMER_COLUMN in frame.columns else None
        times = frame[TIME_COLUMN].to_numpy("int64") if TIME_COLUMN in frame.columns else None
    except (TypeError, ValueError):
        raise UserError(f"{named} hold values of another kind than the schema's; {remedy}") from None
    if set(labels.tolist()) != {0, 1}:
        raise UserError(f"{named} do not have both labels; {remedy}")
    return KeptRows(X, labels, customers, times)


def _wanted(meant: "re.Match[str]") -> str:
    return f"alias @{meant['alias']}" if meant["alias"] else f"version {meant['version']}"


def _there_are(client: "MlflowClient", name: str, alias: str | None) -> str:
    from mlflow.exceptions import MlflowException

    try:
        known = sorted(int(version.version) for version in client.search_model_versions(f"name='{name}'"))
    except MlflowException:  # a name that MLflow's filter cannot hold
        known = []
    if not known:
        return "register one with `churnstream train`, or set --model-name"
    listed = ", ".join(map(str, known))
    return f"it has versions {listed}{'' if alias is None else ': name one of these, or give it the alias first'}"
