"""How large a pane and its sample can become: the schema says it at start, so that none is ever refused by Kafka.

A sample takes less than 1 MB, which every topic takes as Kafka is shipped, and so do the sums of some hundred features.
Sums cannot be cut: those of thousands of long categories may take up to what our topics take.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from contract.errors import UserError
from contract.panes import SCORE_BINS
from contract.schema import Feature, Schema
from contract.topics import MAX_MESSAGE_BYTES
from monitor.panes import HOUR, LONGEST_TEXT, MOST_UNLISTED, short_text

MAX_PANE_BYTES = MAX_MESSAGE_BYTES - 200_000
"""The largest pane, as JSON: what a topic takes, less its key, the header of a batch and compression in vain."""
MAX_SAMPLE_BYTES = 900_000
"""The largest sample, as JSON, unless a single record takes more."""

# bytes of JSON at most: what stands around the numbers, and numbers of 20 digits (sums of a feature: of 65)
_HEAD = 5_000
_SCORE_BIN = 75
_DELAY = 35
_NUMBERS = 280
_CATEGORIES = 160
_COUNT = 25
_SEGMENT = 220
_ROW = 80
_NUMBER = 25
_ESCAPED = 6
_TEXT = LONGEST_TEXT * _ESCAPED + 3
_UNLISTED_BYTES = 300_000
_USUAL_NUMBER = 8
_SAMPLE_HEAD = 2_000


@dataclass(frozen=True)
class PaneLimits:
    """What a pane of a schema holds at most: records in its sample and their bytes, values outside the categories.

    Of the sample the records of smallest hash are kept as long as neither limit is reached, in every partition alike.
    ``largest_row`` is what a record takes in it at most, in bytes.
    """

    sample_size: int
    sample_bytes: int
    most_unlisted: int
    features: int
    largest_row: int
    long_categories: frozenset[str] = frozenset()

    @classmethod
    def of(cls, schema: Schema, sample_size: int, longest_delay: int) -> "PaneLimits":
        """The limits for a setting of ``sample_size`` records; ``longest_delay`` in ms, from a record to its label.

        Raises:
            UserError: the sums, or a single record, may be larger than a message.
        """
        open_ended = [feature for feature in schema.features if feature.is_categorical and not _is_closed(feature)]
        most_unlisted = min(MOST_UNLISTED, _UNLISTED_BYTES // (len(open_ended) * (_TEXT + _COUNT) or 1)) or 1
        sums = _HEAD + SCORE_BINS * _SCORE_BIN + 2 * (longest_delay // HOUR + 2) * _DELAY
        sums += sum(json_bytes(name) + _SEGMENT for segments in schema.segments for name in segments.names)
        largest_row = _ROW
        for feature in schema.features:
            if not feature.is_categorical:
                sums += json_bytes(feature.name) + _NUMBERS
                largest_row += _NUMBER
                continue
            listed = [json_bytes(category) for category in feature.categories]
            sums += json_bytes(feature.name) + _CATEGORIES + sum(listed) + len(listed) * _COUNT
            sums += 0 if _is_closed(feature) else most_unlisted * (_TEXT + _COUNT)
            largest_row += max([*listed, 0 if _is_closed(feature) else _TEXT])
        if max(sums, largest_row) > MAX_PANE_BYTES:
            raise UserError(
                f"schema {schema.name}: the sums of a pane over {len(schema.features)} features may take "
                f"{max(sums, largest_row):,} bytes, but a Kafka message holds {MAX_PANE_BYTES:,}; use fewer features "
                f"or categories, shorter categories, fewer segments, or a shorter CHURNSTREAM_LABEL_LATENESS"
            )
        listed_texts = (text for feature in schema.features for text in feature.categories)
        long_categories = frozenset(text for text in listed_texts if len(text) > LONGEST_TEXT)
        sample_bytes = max(MAX_SAMPLE_BYTES - _SAMPLE_HEAD, largest_row)
        return cls(sample_size, sample_bytes, most_unlisted, len(schema.features), largest_row, long_categories)

    @property
    def most_rows(self) -> int:
        """Records that the sample holds where values are short; less than ``sample_size`` for a wide schema."""
        return min(self.sample_size, self.sample_bytes // (_ROW + _USUAL_NUMBER * self.features))

    def shown(self, value: str | None) -> str | None:
        """A category as a sample has it: a long one cut, unless it is one of the schema's."""
        return value if value is None or value in self.long_categories else short_text(value)

    def row_bytes(self, values: Sequence[float | str | None]) -> int:
        """What a record of these features takes in the sample; the same wherever and however it is computed."""
        return _ROW + len(msgspec.json.encode(values))


def json_bytes(text: str) -> int:
    """Bytes of a text as JSON, with quotes and a separator."""
    return len(msgspec.json.encode(text)) + 1


def _is_closed(feature: Feature) -> bool:
    """Whether no value outside the categories can come."""
    return feature.on_violation == "reject"
