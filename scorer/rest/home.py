"""The page that greets a browser."""

from html import escape

NAME = "churnstream"
DESCRIPTION = "Scores customers for churn, with the model that scores the stream."

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<title>{name}</title>
<style>
  body {{ font: 1.1rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem; }}
  @media (prefers-color-scheme: dark) {{ body {{ background: #111; color: #ddd }} a {{ color: #8bf }} }}
</style>
<h1>{name}</h1>
<p>{description}</p>
<ul>
{links}
</ul>
</html>
"""


def page(links: dict[str, str]) -> str:
    """HTML with ``links``, addresses by what they show."""
    items = (f'<li><a href="{escape(address)}">{escape(name)}</a></li>' for name, address in links.items())
    return _PAGE.format(name=NAME, description=DESCRIPTION, links="\n".join(items))
