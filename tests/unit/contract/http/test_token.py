"""Who carries the bearer token."""

import pytest
from pydantic import SecretStr

from contract.http.token import has_token

TOKEN = SecretStr("correct-horse-battery-staple")


@pytest.mark.parametrize(
    ("authorization", "known"),
    [
        ("Bearer correct-horse-battery-staple", True),
        ("bearer  correct-horse-battery-staple ", True),
        ("", False),
        ("Bearer", False),
        ("Bearer correct-horse-battery-stapl", False),
        ("Basic correct-horse-battery-staple", False),
        ("correct-horse-battery-staple", False),
        ("Bearer \xe9", False),
    ],
)
def test_the_token_behind_its_scheme(authorization: str, known: bool) -> None:
    assert has_token(authorization, TOKEN) is known
