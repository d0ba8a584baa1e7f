"""The example of docs/testing.md runs."""

import re

from tests.support.paths import ROOT


def test_the_example_runs() -> None:
    [example] = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "testing.md").read_text("utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    exec(example, names)
    assert "log" in names
