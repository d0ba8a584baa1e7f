"""The command that is named next finds the same model and schema as the one before it."""

import pytest

from contract.settings import load_settings
from training.registered.next_step import promote_anyway


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        ({}, ""),
        ({"dataset": "my table.toml"}, " --dataset 'my table.toml'"),
        ({"model_name": "lapse"}, " --model-name lapse"),
        ({"stream": "cards"}, " --stream cards"),
        ({"stream": "cards", "model_name": "lapse"}, " --stream cards --model-name lapse"),
    ],
)
def test_what_was_given_by_a_flag_is_given_again(given: dict[str, str], flags: str) -> None:
    said = promote_anyway(load_settings(**given), 3)
    assert said == f"churnstream promote 3{flags} --force, if it should score anyway"


def test_what_the_environment_says_need_not_be_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURNSTREAM_DATASET", "mine.toml")
    assert "--dataset" not in promote_anyway(load_settings(), "@challenger")
