"""docs/settings.md says what the settings say."""

import importlib.util

from tests.support.paths import ROOT


def test_the_page_is_up_to_date() -> None:
    script = ROOT / "scripts" / "write_settings_page.py"
    spec = importlib.util.spec_from_file_location("write_settings_page", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == module.page(), f"run {script.name}"
