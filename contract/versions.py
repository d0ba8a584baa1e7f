"""The messages on ``versions``: what each version of a model was like when it was made, and which one has the alias.

What was measured in training is here, so that a reader of the stream can say "then" beside "now" without MLflow. Times
are wall time in milliseconds since the epoch, UTC.
"""

import msgspec

from contract.messages import ModelRef
from contract.windows import Estimate

SERVING = "serving"
"""Last part of the keys that say which version serves, where a version's own key has its number."""


class TrainedCell(msgspec.Struct, array_like=True, frozen=True):
    """A range of values ``low < value <= high`` of a numeric column, one value (``low == high``), or a category.

    The smallest value belongs to the first range, and a value that has a cell to itself to no other one.
    """

    low: float | None = None
    high: float | None = None
    category: str | None = None


class TrainedColumn(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One column of the reference, the sample that windows are compared with: a feature, or ``score``.

    ``counts`` are the rows in each of ``cells``, and behind them in three more: values below the smallest, values above
    the largest, and missing values. Where no cell is a range, what the reference does not have is all in the first of
    these three, whether it is below, above or between. ``FeatureDrift.counts`` of a window has the same order.
    ``cells`` is empty where categories are too many to name; then ``counts`` is, too. ``mean`` and ``median`` are None
    where the column has no numbers.
    """

    mean: float | None = None
    median: float | None = None
    cells: tuple[TrainedCell, ...] = ()
    counts: tuple[int, ...] = ()


class TrainedVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version as it was when it was made. Under ``<name>/<version>``; the newest is true.

    ``created``: when it was registered. ``held_out`` are the metrics on rows that it has not learned from, with 95 %
    intervals, by the names that ``Performance`` has; ``rows`` how many there were. ``reference_rows`` are the rows of
    ``columns``. ``experiment`` and ``runs`` (by kind: ``realised``, ``inputs``, …) are MLflow's ids of what the monitor
    logs of it, as far as there is something.
    """

    name: str
    version: int
    created: int | None = None
    threshold: float | None = None
    rows: int = 0
    held_out: dict[str, Estimate] = {}
    reference_rows: int = 0
    columns: dict[str, TrainedColumn] = {}
    experiment: str | None = None
    runs: dict[str, str] = {}

    @property
    def key(self) -> str:
        return f"{self.name}/{self.version}"


class Reign(msgspec.Struct, frozen=True):
    """A version that had the alias from ``since`` on; None: it is not known since when.

    ``seen``: where that is not known, when the monitor saw it first; it had the alias by then.
    """

    version: int
    since: int | None = None
    seen: int | None = None


class ServingVersions(msgspec.Struct, frozen=True, kw_only=True):
    """Which versions of a model have the alias, or had it, as the registry says. Under ``<name>/serving``.

    ``champions`` from the first to the present one, at most ``MOST_CHAMPIONS``, the last of them; the last one has the
    alias now, unless ``without`` says that none does. ``challengers`` are versions that score beside it, or wait.
    """

    name: str
    alias: str
    champions: tuple[Reign, ...] = ()
    challengers: tuple[int, ...] = ()
    without: bool = False

    @property
    def key(self) -> str:
        return f"{self.name}/{SERVING}"

    @property
    def champion(self) -> Reign | None:
        """The version that has the alias now."""
        return None if self.without or not self.champions else self.champions[-1]


MOST_CHAMPIONS = 100
VersionMessage = TrainedVersion | ServingVersions


def version_message_type(key: bytes | None) -> type[TrainedVersion] | type[ServingVersions]:
    """Which of the two kinds of messages on ``versions`` stands under a key."""
    return ServingVersions if key is not None and key.endswith(f"/{SERVING}".encode()) else TrainedVersion


def version_key(model: ModelRef) -> str:
    """The key of a version's ``TrainedVersion``, whatever its role."""
    return f"{model.name}/{model.version}"
