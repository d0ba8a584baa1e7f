"""Record the demo in terminals of several sizes, as text, and make the picture of it in docs/ anew.

Usage: python scripts/record_demo.py [--columns 60,80,120,200] [--out FOLDER] [--picture docs/demo.svg] [--piped]

Needs tmux. Runs `churnstream demo` once for each size, one after the other, some 75 s each on two quiet cores. FOLDER
gets for each size each screen that was seen, with its time (`demo-80.txt`), and the whole output of a demo whose output
goes to a pipe (`demo-piped.txt`). --plain records without colour. The picture is the screen of the recording of
--picture-columns that shows most: provisional windows, a drift, and a model that is worse.
"""

import argparse
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
LONGEST_SECONDS = 1_200.0
_EVERY_SECONDS = 0.5
_KEPT_EVERY_SECONDS = 2.0
_HISTORY_LINES = 5_000
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_TELLING = (r"prov", r"drift since", r"performance worse", r"\d↓")
_TELLING_ROW = re.compile(r"^\d.*(?:prov|worse|relation|↓).*$", re.MULTILINE)
"""What a screen for the picture should show; the newest of those that show most is taken."""
_LIVE = re.compile(r"\breplayed [\d,]+(?s:.*)\blag [\d,]+")
# Rich's own, without the fonts that it would load from another host
_SVG = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img" \
aria-label="The demo in a terminal">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


class Screen(NamedTuple):
    """What was to be seen ``seconds`` after the start; ``content`` has the terminal's colours in it."""

    seconds: float
    content: str

    @property
    def text(self) -> str:
        return _COLOURS.sub("", self.content)


class TmuxTerminal:
    """A tmux server of its own with one window, in which a command runs."""

    def __init__(self, name: str, columns: int, lines: int, folder: Path) -> None:
        self._name, self._size = name, (columns, lines)
        self._settings = folder / "tmux.conf"
        self._settings.write_text(
            f"set -g status off\nset -g remain-on-exit on\nset -g history-limit {_HISTORY_LINES}\n"
            "set -g default-terminal screen-256color\n"
        )

    def run(self, command: Sequence[str], environment: dict[str, str], folder: Path) -> None:
        columns, lines = map(str, self._size)
        variables = [word for name, value in environment.items() for word in ("-e", f"{name}={value}")]
        self._tmux("new-session", "-d", "-x", columns, "-y", lines, "-c", str(folder), *variables, shlex.join(command))

    @property
    def is_over(self) -> bool:
        return self._tmux("display-message", "-p", "#{pane_dead}").strip() == "1"

    def screen(self, *, whole: bool = False) -> str:
        """What is to be seen; ``whole``: with all that has moved up."""
        before = ("-S", f"-{_HISTORY_LINES}") if whole else ()
        return self._tmux("capture-pane", "-e", "-p", *before).rstrip("\n")

    def close(self) -> None:
        subprocess.run(["tmux", "-L", self._name, "kill-server"], capture_output=True, check=False)

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._name, "-f", str(self._settings), *words], capture_output=True, text=True, check=True
        )
        return done.stdout


@contextmanager
def terminal(columns: int, lines: int) -> Iterator[tuple[TmuxTerminal, Path]]:
    """A terminal of this size, and a folder that goes with it."""
    with tempfile.TemporaryDirectory(prefix="churnstream-recorded-") as name:
        opened = TmuxTerminal(f"churnstream-{os.getpid()}-{columns}", columns, lines, Path(name))
        try:
            yield opened, Path(name)
        finally:
            opened.close()


def demo_command() -> list[str]:
    return [sys.executable, "-m", "churnstream", "demo", "--no-wait"]


def environment(plain: bool) -> dict[str, str]:
    return {"PYTHONPATH": str(ROOT), **({"NO_COLOR": "1"} if plain else {})}


def recorded(columns: int, lines: int, plain: bool) -> list[Screen]:
    """Each screen of a demo that was another one than before; the last has all that it printed."""
    screens: list[Screen] = []
    with terminal(columns, lines) as (opened, folder):
        began = time.monotonic()
        opened.run(demo_command(), environment(plain), folder)
        while not opened.is_over:
            seconds = time.monotonic() - began
            if seconds > LONGEST_SECONDS:
                print(f"the demo has not ended after {LONGEST_SECONDS:.0f} s", file=sys.stderr)
                break
            content = opened.screen()
            if content and (not screens or content != screens[-1].content):
                screens.append(Screen(seconds, content))
            time.sleep(_EVERY_SECONDS)
        screens.append(Screen(time.monotonic() - began, opened.screen(whole=True)))
    return screens


def piped() -> str:
    """What a demo writes into a pipe, each line with the seconds after which it came."""
    with tempfile.TemporaryDirectory(prefix="churnstream-recorded-") as name:
        began = time.monotonic()
        process = subprocess.Popen(
            demo_command(),
            cwd=name,
            env={**os.environ, **environment(plain=False)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        lines = process.stdout or ()
        return "".join(f"{time.monotonic() - began:6.1f} s | {line}" for line in lines)


def kept(screens: Sequence[Screen], columns: int) -> str:
    """The screens as text, not more than one in two seconds, and the last."""
    parts, last = [], -_KEPT_EVERY_SECONDS
    for number, screen in enumerate(screens):
        if screen.seconds - last >= _KEPT_EVERY_SECONDS or number == len(screens) - 1:
            last = screen.seconds
            parts.append(f"{f' {screen.seconds:.1f} s ':=^{columns}}\n{screen.text}\n")
    return "".join(parts)


def most_telling(screens: Sequence[Screen]) -> Screen:
    """Of those that were seen while the stream was replayed and measured."""
    live = [one for one in screens[:-1] if _LIVE.search(one.text)] or screens
    return max(live, key=lambda one: (_signs(one), len(_TELLING_ROW.findall(one.text)), one.seconds))


def _signs(screen: Screen) -> int:
    return sum(bool(re.search(sign, screen.text)) for sign in _TELLING)


def picture(screen: Screen, columns: int, title: str) -> str:
    """The screen as an SVG that needs no other file."""
    console = Console(record=True, width=columns, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(Text.from_ansi(screen.content))
    return console.export_svg(title=title, theme=MONOKAI, code_format=_SVG, unique_id="demo")


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("--columns", default="60,80,120,200")
    told.add_argument("--lines", type=int, default=30)
    told.add_argument("--out", type=Path, default=Path("recorded"))
    told.add_argument("--picture", type=Path)
    told.add_argument("--picture-columns", type=int, default=100)
    told.add_argument("--plain", action="store_true")
    told.add_argument("--piped", action="store_true", help="record a pipe as well")
    asked = told.parse_args()
    if shutil.which("tmux") is None:
        raise SystemExit("tmux is not on the PATH; install it")
    asked.out.mkdir(parents=True, exist_ok=True)
    for columns in map(int, asked.columns.split(",")):
        screens = recorded(columns, asked.lines, asked.plain)
        (asked.out / f"demo-{columns}.txt").write_text(kept(screens, columns), encoding="utf-8")
        chosen = most_telling(screens)
        made = picture(chosen, columns, "churnstream demo")
        (asked.out / f"demo-{columns}.svg").write_text(made, encoding="utf-8")
        if asked.picture and columns == asked.picture_columns:
            asked.picture.write_text(made, encoding="utf-8")
        print(f"{columns} columns: {len(screens)} screens in {screens[-1].seconds:.0f} s", flush=True)
    if asked.piped:
        (asked.out / "demo-piped.txt").write_text(piped(), encoding="utf-8")


if __name__ == "__main__":
    main()
