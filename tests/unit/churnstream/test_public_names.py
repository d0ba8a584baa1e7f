"""What a user's own code may import."""

import importlib.metadata
import subprocess
import sys

import churnstream
from churnstream import _HOMES
from contract.messages import Outcome


def test_every_public_name_can_be_imported() -> None:
    assert all(getattr(churnstream, name) is not None for name in churnstream.__all__)
    assert set(churnstream.__all__) == {"__version__"}.union(*_HOMES.values())
    assert dir(churnstream) == sorted(churnstream.__all__)


def test_names_are_those_of_the_parts() -> None:
    assert churnstream.Outcome is Outcome


def test_a_name_that_is_none_is_refused_as_python_does() -> None:
    assert not hasattr(churnstream, "Nothing")


def test_the_version_is_the_packages() -> None:
    assert churnstream.__version__ == importlib.metadata.version("churnstream")
    shown = subprocess.run(
        [sys.executable, "-m", "churnstream", "--version"], capture_output=True, text=True, check=True
    )
    assert shown.stdout == f"churnstream {churnstream.__version__}\n"


def test_importing_the_package_imports_no_part() -> None:
    script = (
        "import sys, churnstream; print([name for name in sys.modules if name.startswith(('contract', 'pydantic'))])"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"
