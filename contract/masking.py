"""Passwords and tokens taken out of text that people read: messages, logs, tracebacks and links."""

import re
from urllib.parse import urlsplit, urlunsplit

_HIDDEN = "***"
# every repeat is bounded, so that no text is slow to look through
_ADDRESS = r"[A-Za-z][A-Za-z0-9+.-]{0,30}://"
# up to the last @ of the word: a password that was not percent-encoded may itself hold / : and @
_USER_INFO = re.compile(rf"({_ADDRESS})([^\s'\"<>`|]{{0,1000}})@")
_NAMES = r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[-_.]?key|access[-_.]?key|credentials?|signature|sig)"
_ASSIGNED = re.compile(
    rf"(?i)({_NAMES}(?:['\"]?\s{{0,3}}=|['\"]\s{{0,3}}:)\s{{0,3}})(\"[^\"]{{0,1000}}\"|'[^']{{0,1000}}'|[^\s&;,)'\"<>]+)"
)
_HEADER = re.compile(r"(?i)\b(bearer|basic)( {1,3})[A-Za-z0-9._~+/-]{16,}=*")


def without_secrets(text: str) -> str:
    """``text`` with ``***`` for passwords and tokens: in addresses, in ``name=value``, in JSON and in headers.

    In an address the user's name stays where a password follows it; alone it may be a token, and is hidden.
    """
    text = _USER_INFO.sub(_hide_user_info, text)
    text = _ASSIGNED.sub(rf"\1{_HIDDEN}", text)
    return _HEADER.sub(rf"\1\2{_HIDDEN}", text)


def public_address(address: str) -> str:
    """An address to follow or to show on a page: without user, password and query."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))


def _hide_user_info(found: "re.Match[str]") -> str:
    user, _, password = found[2].partition(":")
    return f"{found[1]}{user}:{_HIDDEN}@" if user and password else f"{found[1]}{_HIDDEN}@"
