"""The share of dead letters among the messages that workers have read last. Pure; needs no window."""

from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from contract.alert_rules import StreamRules
from monitor.watch.findings import StreamFinding
from monitor.watch.letters import OTHER, Letter

FEW = 10
"""Dead letters that are no alert, whatever share they are."""
MOST_NAMES_COUNTED = 500
SEVERAL = "several"
"""Subject of what is refused for many reasons, none of them often."""
_GRAVE = 0.5


@dataclass
class _Stretch:
    """What was read between two looks: how many messages, and the dead letters among them."""

    read: int
    letters: Counter[str] = field(default_factory=Counter)


class RefusedMessages:
    """Follows one topic, of which a worker's offsets and the dead letters tell.

    Args:
        topic: its full name.
        what: what its messages are called, and what could not be done with them.
    """

    def __init__(self, topic: str, what: tuple[str, str], rules: StreamRules) -> None:
        self._topic = topic
        self._what, self._undone = what
        self._share, self._span = rules.dead_letter_share, rules.dead_letter_records
        self._positions: dict[int, int] = {}
        self._first: dict[int, int] = {}
        self._stretches: deque[_Stretch] = deque()
        self._read = 0
        self._examples: dict[str, Letter] = {}

    def advance(self, positions: Mapping[int, int]) -> None:
        """The worker's offsets, by partition: what lies behind the last ones has been read since."""
        if any(offset < self._positions.get(partition, 0) for partition, offset in positions.items()):
            # the topic was made anew, or the group's offsets were reset
            self._positions, self._stretches, self._read = {}, deque(), 0
        if not self._stretches:
            self._first = {partition: max(offset - self._span, 0) for partition, offset in positions.items()}
            read = sum(offset - self._first[partition] for partition, offset in positions.items())
        else:
            read = sum(offset - self._positions.get(partition, 0) for partition, offset in positions.items())
        self._positions.update(positions)
        if read or not self._stretches:
            self._stretches.append(_Stretch(read))
            self._read += read
        while len(self._stretches) > 1 and self._read - self._stretches[0].read >= self._span:
            self._read -= self._stretches.popleft().read

    def take(self, letter: Letter, *, is_old: bool = False) -> None:
        """A dead letter of this topic. ``is_old``: it was there before the first look."""
        if not self._stretches:
            return
        if is_old and letter.origin_offset < self._first.get(letter.origin_partition, 0):
            return
        counts = self._stretches[0 if is_old else -1].letters
        counts[letter.name if letter.name in counts or len(counts) < MOST_NAMES_COUNTED else OTHER] += 1
        if letter.name in self._examples or len(self._examples) < MOST_NAMES_COUNTED:
            self._examples[letter.name] = letter

    def findings(self, standing: Collection[str]) -> Iterator[StreamFinding]:
        """What is refused too often; and of the subjects that are ``standing`` those that no longer are.

        That one is over takes as many messages as the rules count.
        """
        total: Counter[str] = Counter()
        for stretch in self._stretches:
            total.update(stretch.letters)
        self._examples = {name: letter for name, letter in self._examples.items() if name in total}
        read = max(self._read, sum(total.values()), 1)
        often = {name: count for name, count in total.items() if self._is_often(count, read)}
        rest = Counter({name: count for name, count in total.items() if name not in often})
        wrong = {f"{self._topic}/{name}" for name in often}
        for name, count in sorted(often.items()):
            yield self._finding(name, count, read, name)
        if self._is_often(sum(rest.values()), read):
            wrong.add(f"{self._topic}/{SEVERAL}")
            names = ", ".join(name for name, _ in rest.most_common(5))
            yield self._finding(SEVERAL, sum(rest.values()), read, f"several reasons ({names})")
        if self._read >= self._span:
            yield from (
                StreamFinding("dead_letters", subject, False) for subject in sorted(standing) if subject not in wrong
            )

    def is_mine(self, subject: str) -> bool:
        return subject.startswith(f"{self._topic}/")

    def _is_often(self, count: int, read: int) -> bool:
        return count >= FEW and count > self._share * read

    def _finding(self, name: str, count: int, read: int, why: str) -> StreamFinding:
        share = count / read
        example = self._examples.get(name) or next(iter(self._examples.values()), None)
        at = (
            ""
            if example is None
            else f"; one of them is on {example.origin}, partition {example.origin_partition}, offset "
            f"{example.origin_offset}"
        )
        field = name.partition("/")[2]
        return StreamFinding(
            "dead_letters",
            f"{self._topic}/{name}",
            True,
            f"{self._what} are refused: {why}",
            f"{count:,} of the last {read:,} {self._what} ({share:.1%}) {self._undone}{at}; read its header `detail` "
            f"on dead-letters, and correct what sends it, or the schema if it is too strict",
            (field,) if field and field != OTHER else (),
            "critical" if share >= _GRAVE else "warning",
        )
