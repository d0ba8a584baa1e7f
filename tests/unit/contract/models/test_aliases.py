"""The tags that say which versions have had an alias."""

from contract.models.aliases import history_text, read_history, read_reigns, with_reign
from contract.versions import MOST_CHAMPIONS, Reign

LONGEST_TAG = 5_000
"""Characters of a registered model's tag: what MLflow's databases take."""


def test_what_is_written_is_read() -> None:
    assert read_history(history_text([1, 2, 1])) == [1, 2, 1]
    assert read_history("1, 2,x,,3") == [1, 2, 3]
    assert read_reigns(with_reign(with_reign("", 3, 1_700_000_000_000), 4, 5)) == [
        Reign(3, 1_700_000_000_000),
        Reign(4, 5),
    ]
    assert read_reigns("nothing of ours") == []


def test_a_tag_never_outgrows_what_mlflow_takes() -> None:
    text = ""
    for number in range(300):
        text = with_reign(text, 999_999_000 + number, 1_900_000_000_000 + number)
    assert len(text) < LONGEST_TAG
    assert len(read_reigns(text)) == MOST_CHAMPIONS
    assert read_reigns(text)[-1] == Reign(999_999_299, 1_900_000_000_299)
