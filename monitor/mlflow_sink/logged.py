"""What MLflow was last given of a window, so that a revision need not repeat what has stayed as it was.

An optimisation and nothing else: what is not known here is logged, under the revision's own timestamp. So nothing need
be kept on disk, and a monitor that starts with an empty memory can only repeat values, never contradict any.
"""

import hashlib
from collections import OrderedDict

import msgspec

from contract.windows import Window
from monitor.mlflow_sink.points import Values

MOST_ENTRIES = 20_000
"""Of one run and one window each, some 600 bytes: the hourly windows of 60 days of two models are 9,000."""


class _Entry(msgspec.Struct, frozen=True):
    revision: int
    digests: dict[str, bytes]


class Logged:
    """By run and window: the newest revision that MLflow has, and a digest of each group of its values.

    A group is what metric names have before their slash, such as ``drift``: its values change together. What ``news``
    has given out counts as logged from ``commit`` on; ``discard`` takes it back. One thread at a time.
    """

    def __init__(self, most_entries: int = MOST_ENTRIES) -> None:
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()
        self._pending: dict[tuple[str, str], _Entry] = {}
        self._most_entries = most_entries

    def __len__(self) -> int:
        return len(self._entries)

    def news(self, run_id: str, window: Window, values: Values) -> Values:
        """Of all values of a window's revision those in groups that differ from the revision before, if it is known.

        Nothing if this revision has been logged already, everything if a later one has.
        """
        key = run_id, window.key
        before = self._pending.get(key) or self._entries.get(key)
        if before is not None and before.revision > window.revision:
            return values
        if before is not None and before.revision == window.revision:
            return {}
        digests = _digests(values)
        self._pending[key] = _Entry(window.revision, digests)
        if before is None:
            return values
        changed = {group for group, digest in digests.items() if before.digests.get(group) != digest}
        return {name: value for name, value in values.items() if _group(name) in changed}

    def commit(self) -> None:
        """MLflow has what was given out. Beyond the bound, what was given out longest ago is forgotten."""
        for key, entry in self._pending.items():
            self._entries[key] = entry
            self._entries.move_to_end(key)
        self._pending.clear()
        while len(self._entries) > self._most_entries:
            self._entries.popitem(last=False)

    def discard(self) -> None:
        """It is not known whether MLflow has what was given out."""
        self._pending.clear()

    def clear(self) -> None:
        """Forget everything, because MLflow may have lost it."""
        self._pending.clear()
        self._entries.clear()


def _group(name: str) -> str:
    return name.partition("/")[0]


def _digests(values: Values) -> dict[str, bytes]:
    groups: dict[str, list[tuple[str, float]]] = {}
    for item in sorted(values.items()):
        groups.setdefault(_group(item[0]), []).append(item)
    return {
        group: hashlib.blake2b(msgspec.json.encode(items), digest_size=16).digest() for group, items in groups.items()
    }
