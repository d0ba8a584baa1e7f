"""What the sums of a pane have in common wherever they are computed: bins, hashes, and which values are named.

Every sum is an integer, so the same predictions and labels give the same summary in whatever order they come, and
taking a label away undoes adding it exactly.

What could grow without end is cut in a way that keeps this true: of the values outside a feature's categories, those of
smallest hash are kept. What falls out of such a list can never come back into it, so what is in it is exact, and two
lists can be merged up to the end of the shorter one.
"""

from functools import lru_cache
from hashlib import blake2b

from xxhash import xxh3_64_intdigest

from contract.panes import SCORE_BINS, CategorySummary

HOUR = 3_600_000
MOST_UNLISTED = 200
"""Values outside its categories that are kept of a feature; the rest is counted together."""
LONGEST_TEXT = 128
"""Characters of a value outside the categories; a longer one is cut, and its hash stands for the rest."""
_CUT_TEXT = 96
CLIP = 1e-15
"""A log loss takes no probability nearer to 0 or 1 than this."""


def record_hash(record_id: str) -> int:
    """53 bits of the XXH3 hash of ``record_id``: the same in every process and on every machine."""
    # surrogatepass: JSON can carry a lone surrogate, which plain UTF-8 refuses
    return xxh3_64_intdigest(record_id.encode("utf-8", "surrogatepass")) >> 11


def short_text(value: str) -> str:
    """``value``, or what stands for it in summaries and samples if it has more than ``LONGEST_TEXT`` characters."""
    if len(value) <= LONGEST_TEXT:
        return value
    return f"{value[:_CUT_TEXT]}… {blake2b(value.encode('utf-8', 'surrogatepass'), digest_size=8).hexdigest()}"


def score_bin(probability: float) -> int:
    """The bin of the score histogram that ``probability`` falls in."""
    return min(int(probability * SCORE_BINS), SCORE_BINS - 1)


@lru_cache(maxsize=10_000)
def text_rank(value: str) -> tuple[int, str]:
    """By which values outside the categories are kept, the smallest first."""
    # as in every release so far, because lists that are cut by different ranks cannot be merged
    digest = blake2b(value.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 11, value


def add_unlisted(part: CategorySummary, value: str, most: int) -> None:
    """Count a value outside the categories, as ``short_text`` gives it; ``most`` of them are kept apart."""
    if value in part.unlisted:
        part.unlisted[value] += 1
    elif part.other and text_rank(value) > max(map(text_rank, part.unlisted), default=(-1, "")):
        part.other += 1
    else:
        part.unlisted[value] = 1
        if len(part.unlisted) > most:
            for last in sorted(part.unlisted, key=text_rank)[most:]:
                part.other += part.unlisted.pop(last)
