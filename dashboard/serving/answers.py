"""Short pages of ours that need no script: a sentence, a form, a wait."""

from html import escape

from starlette.responses import HTMLResponse, Response

_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem}"
    "h1{font-size:1.25rem}label{display:block;margin:1rem 0 .25rem}"
    "input,button{font:inherit;padding:.5rem;min-height:2.75rem;box-sizing:border-box}input{width:100%}"
    "button{margin-top:1rem}"
)


def sentence(status: int, text: str) -> Response:
    """``text`` alone, as text."""
    return Response(f"{text}\n", status, media_type="text/plain; charset=utf-8")


def short_page(title: str, *paragraphs: str, status: int = 200, again_in: int | None = None) -> Response:
    """A page with paragraphs of text, never markup; ``again_in``: the browser asks again after so many seconds."""
    return _page(title, "".join(f"<p>{escape(text)}</p>" for text in paragraphs), status, again_in)


def login_page(action: str, fault: str, status: int) -> Response:
    """Asks for the token; ``fault`` says what was wrong with the one before."""
    told = f'<p role="alert"><strong>{escape(fault)}</strong></p>' if fault else ""
    form = (
        f'<form method="post" action="{escape(action)}"><label for="token">Token</label>'
        '<input id="token" name="token" type="password" required autofocus autocomplete="current-password">'
        '<button type="submit">Show the page</button></form>'
    )
    return _page(
        "This page needs a token",
        f"<p>It is the value of CHURNSTREAM_HTTP_TOKEN. Whoever runs churnstream can tell you.</p>{told}{form}",
        status,
        None,
    )


def _page(title: str, body: str, status: int, again_in: int | None) -> Response:
    refresh = "" if again_in is None else f'<meta http-equiv="refresh" content="{again_in}">'
    return HTMLResponse(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{refresh}'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>",
        status,
    )
