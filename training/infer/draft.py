"""A guessed schema, with all doubts about it."""

from dataclasses import dataclass

from contract.schema import Feature


@dataclass(frozen=True)
class LabelGuess:
    """The label column and its two values; integers where they are 1 and 0."""

    column: str
    positive: int | str
    negative: int | str


@dataclass(frozen=True)
class Unused:
    """A column that is left out of the features, and why; ``doubt`` where the reason may be wrong."""

    column: str
    reason: str
    doubt: str | None = None


@dataclass(frozen=True)
class DraftFeature:
    """A feature, the doubts about it, and (for numbers) the least and greatest value seen."""

    feature: Feature
    doubts: tuple[str, ...] = ()
    seen: tuple[float, float] | None = None


@dataclass(frozen=True)
class TimeGuess:
    """The columns of the rows' times and of the labels', each with its ``strptime`` format where it must be told.

    ``horizon_days``: labels are told by their dates only for those who left, and all had them after so many days.
    """

    column: str
    label_column: str | None = None
    horizon_days: int | None = None


@dataclass(frozen=True)
class Draft:
    """A guessed schema. ``label`` is None where the user must decide; ``id_column`` may be ``ROW_NUMBER``.

    ``doubts`` are those that are not about one feature.
    """

    id_column: str
    label: LabelGuess | None
    private: tuple[str, ...]
    ignored: tuple[Unused, ...]
    features: tuple[DraftFeature, ...]
    doubts: tuple[str, ...]
    repairs: tuple[str, ...]
    times: TimeGuess | None = None

    @property
    def all_doubts(self) -> tuple[str, ...]:
        """Every doubt as a sentence without its full stop, in the order of the file."""
        return (*self.doubts, *(doubt for feature in self.features for doubt in feature.doubts))

    @property
    def open(self) -> tuple[str, ...]:
        """What must be decided before the draft is a schema: ``[label]``, or features."""
        found = ["[label]"] if self.label is None else []
        return (*found, *(() if self.features else ("[features]",)))

    @property
    def time(self) -> str | None:
        """The column of the rows' times."""
        return self.times.column if self.times else None

    @property
    def label_time(self) -> str | None:
        """The column of the times at which labels were known."""
        return self.times.label_column if self.times else None
