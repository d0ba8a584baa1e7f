"""What is measured, section by section."""

from collections.abc import Callable
from dataclasses import dataclass

from models import CHAMPION, LARGE

PLAIN, TRANSACTIONAL = "copy, plain", "copy, transactional"
_MODELS = {CHAMPION: "champion, 200 × 4 trees", LARGE: "300 × 5 trees"}
_TINY = 100_000
_LONG = 25


@dataclass(frozen=True)
class ScorerCase:
    """One worker, or several alike, over one stream.

    ``job`` is ``copy``, ``score``, ``quix`` or ``faust``, ``how`` what it is told beside (a copy's kind, a model, a
    peer's job). ``share`` is the part of the usual records that is enough for a slow one, or how many times as many.
    """

    name: str
    job: str
    how: str
    partitions: int = 1
    workers: int = 1
    length: str = "277 B"
    share: float = 1.0
    records: int | None = None
    challenger: bool = False
    numba: bool = True


def copies(**stream: object) -> list[ScorerCase]:
    return [_case(PLAIN, "copy", "plain", stream), _case(TRANSACTIONAL, "copy", "transactional", stream)]


def scorer(model: str, **stream: object) -> ScorerCase:
    name = f"scorer, {_MODELS[model]}"
    name += "" if stream.get("numba", True) else ", without numba"
    name += ", with a challenger" if stream.get("challenger") else ""
    return _case(name, "score", model, stream)


def _ratio(_records: int) -> list[ScorerCase]:
    return [copies()[1], scorer(LARGE)]


def _models(_records: int) -> list[ScorerCase]:
    return [
        *copies(),
        scorer(CHAMPION),
        scorer(LARGE),
        scorer(CHAMPION, numba=False),
        scorer(LARGE, numba=False),
        scorer(CHAMPION, challenger=True, share=3.0),  # which is loaded while the champion scores already
    ]


def _partitions(_records: int) -> list[ScorerCase]:
    return [
        case
        for count in (1, 4, 32)
        for case in (copies(partitions=count)[1], scorer(CHAMPION, partitions=count), scorer(LARGE, partitions=count))
    ]


def _workers(_records: int) -> list[ScorerCase]:
    # while the second one starts, the first one works already
    return [
        case
        for count in (1, 2)
        for case in (
            copies(partitions=4, workers=count, share=2.0)[1],
            scorer(CHAMPION, partitions=4, workers=count, share=2.0),
            scorer(LARGE, partitions=4, workers=count, share=2.0),
        )
    ]


def _lengths(_records: int) -> list[ScorerCase]:
    return [
        case
        for length, share in (("277 B", 1.0), ("4 KB", 0.25))
        for case in (
            copies(length=length, share=share)[1],
            scorer(CHAMPION, length=length, share=share),
            scorer(LARGE, length=length, share=share),
            scorer(LARGE, length=length, share=share, numba=False),
        )
    ]


def _streams(records: int) -> list[ScorerCase]:
    return [
        case
        for count in (_TINY, records, _LONG * records)
        for case in (copies(records=count)[1], scorer(CHAMPION, records=count), scorer(LARGE, records=count))
    ]


def _peers(_records: int) -> list[ScorerCase]:
    return [
        copies()[1],
        scorer(LARGE),
        *quix(),
        *(
            ScorerCase(f"Faust, {title}, {guarantee}", "faust", f"{job} {guarantee.replace(' ', '_')}", share=share)
            for guarantee in ("at least once", "exactly once")
            for job, title, share in (("copy", "copy", 0.1), ("score", "300 × 5 trees, batches", 0.1))
        ),
    ]


def quix() -> list[ScorerCase]:
    return [
        ScorerCase("Quix Streams, copy, exactly once", "quix", "copy", share=0.25),
        ScorerCase("Quix Streams, 300 × 5 trees, exactly once", "quix", "score", share=0.1),
        ScorerCase("Quix Streams, 300 × 5 trees, batching sink, at least once", "quix", "sink", share=0.25),
    ]


def quick_cases() -> list[ScorerCase]:
    """What the ratios that are promised are made of."""
    return [
        copies()[1],
        scorer(CHAMPION),
        scorer(LARGE),
        scorer(LARGE, numba=False),
        scorer(LARGE, partitions=32),
        copies(partitions=32)[1],
        quix()[0],
    ]


SECTIONS: dict[str, Callable[[int], list[ScorerCase]]] = {
    "ratio": _ratio,
    "models": _models,
    "partitions": _partitions,
    "workers": _workers,
    "lengths": _lengths,
    "streams": _streams,
    "peers": _peers,
}


def _case(name: str, job: str, how: str, stream: dict[str, object]) -> ScorerCase:
    return ScorerCase(name, job, how, **stream)  # type: ignore[arg-type]
