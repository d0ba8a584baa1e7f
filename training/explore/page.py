"""One HTML page with all pictures in it: no script, no style sheet, no image from anywhere else."""

import base64
from html import escape

from training.explore.figures import Picture

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #f6f6f4; margin: 0; }
main { max-width: 1320px; margin: 0 auto; padding: 24px; }
h1 { font-size: 26px; margin: 0 0 4px; }
h2 { font-size: 17px; margin: 0 0 4px; }
p, ul { margin: 0 0 10px; max-width: 100ch; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(560px, 100%), 1fr)); gap: 16px; }
figure { margin: 0; background: #fff; border: 1px solid #ddd; border-radius: 6px; padding: 14px; }
.wide { grid-column: 1 / -1; }
img { max-width: 100%; height: auto; display: block; margin: 0 auto; }
.notes { background: #fff8e6; border-left: 4px solid #E69F00; padding: 10px 14px; margin: 0 0 16px; }
.about { color: #555; font-size: 14px; }
"""


def page(title: str, about: list[str], notes: list[str], parts: list[tuple[Picture, bytes]]) -> str:
    """The page: what the table is, what to look at first, and each picture with its PNG."""
    cards = "\n".join(_card(picture, content) for picture, content in parts)
    told = "".join(f"<p class='about'>{escape(line)}</p>\n" for line in about)
    return (
        f"<!doctype html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
        f"<meta name='viewport' content='width=device-width, initial-scale=1'>\n<title>{escape(title)}</title>\n"
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{escape(title)}</h1>\n{told}{_notes(notes)}"
        f"<div class='cards'>\n{cards}\n</div>\n</main>\n</body>\n</html>\n"
    )


def _notes(notes: list[str]) -> str:
    if not notes:
        return ""
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f"<div class='notes'><h2>Look at this first</h2><ul>{items}</ul></div>\n"


def _card(picture: Picture, content: bytes) -> str:
    source = base64.b64encode(content).decode()
    title, text = escape(picture.title), escape(picture.text)
    kind = "wide" if picture.wide else "half"
    return (
        f"<figure class='{kind}'><h2>{title}</h2><p>{text}</p>"
        f"<img src='data:image/png;base64,{source}' alt='{title}: {text}'></figure>"
    )
