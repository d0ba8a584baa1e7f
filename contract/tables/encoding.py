"""What a text table is encoded in: told from all of its bytes, or refused; never guessed without a word.

UTF-8, and what a byte-order mark names, is read as it is. Text that is neither is taken for UTF-16 or Windows-1252 only
where nothing speaks against it: letters stand where those of a Western language do, and no control characters come out.
All else is for the user to say, with ``--encoding``.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contract.errors import UserError

_PIECE = 1 << 20
_MARKS = {
    codecs.BOM_UTF8: ("utf-8-sig", "UTF-8"),
    codecs.BOM_UTF32_LE: ("utf-32", "UTF-32"),  # its mark begins with that of UTF-16
    codecs.BOM_UTF32_BE: ("utf-32", "UTF-32"),
    codecs.BOM_UTF16_LE: ("utf-16", "UTF-16"),
    codecs.BOM_UTF16_BE: ("utf-16", "UTF-16"),
}
_CONTROL = re.compile("[\x00-\x08\x0e-\x19\x1b-\x1f\x7f-\x84\x86-\x9f]")
_ZERO = re.compile("\x00")
_UTF8_LETTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH_BYTE = re.compile(rb"[\x80-\xff]")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_CAPITAL, _SMALL = "À-ÖØ-ÞŠŽŒŸ", "ß-öø-ÿšžœ"
_QUOTE = "«»‹›“”„‘’‚"
# what the letters of Eastern alphabets, of DOS and of old Macs become when they are read as Windows-1252
_FOREIGN = re.compile(
    rf"[^\x00-\x7f\xa0€{_QUOTE}]{{3,}}"
    rf"|(?<![A-Za-z])[^\x00-\x7f\xa0€{_QUOTE}]{{2}}(?![A-Za-z])"
    rf"|(?<=[a-z{_SMALL}])[{_CAPITAL}]|(?<=[A-Z])[{_CAPITAL}](?=[a-z])"
    rf"|(?<=[A-Za-z])[^\x00-\x7f\xa0{_CAPITAL}{_SMALL}’‘´·–—](?=[A-Za-z])"
    rf"|(?<![^\s,;|\"'])[^\x00-\x7f\xa0{_CAPITAL}{_SMALL}€£¥§©®¿¡±µ°•…–—{_QUOTE}](?=[A-Za-z])"
    r"|(?<=[A-Za-z])[£¥¢§¨]|[šžŠŽýÝþÞðÐƒ¤¦¬¸¼¾¹³]"
)
_FOREIGN_SHARE = 0.1
"""Of the characters beyond ASCII, so many may be foreign ones: names know no rules."""
EXAMPLES = "cp1252 (Western Europe), cp1250 (Central Europe), cp1251 (Cyrillic), shift_jis, gb18030 or utf-16"


@dataclass(frozen=True)
class TextEncoding:
    """A codec's name, and how it is called where the user has to be told of it, else the empty text."""

    codec: str
    told: str = ""


def find_encoding(path: Path, wanted: str | None, origin: str) -> TextEncoding:
    """The encoding ``wanted``, if any, else the one that the whole file proves or leaves no doubt of.

    Raises:
        UserError: it is unknown, does not fit the file, or cannot be told.
        OSError: the file cannot be read.
    """
    if wanted is not None:
        return _wanted(path, wanted, origin)
    with path.open("rb") as file:
        start = file.read(65_536)
    for mark, (codec, name) in _MARKS.items():
        if start.startswith(mark):
            _require(path, codec, name, origin)
            return TextEncoding(codec, "" if name == "UTF-8" else name)
    if _is_utf8(path):
        return TextEncoding("utf-8")
    return _utf16(path, start) or _western(path, origin)


def _wanted(path: Path, wanted: str, origin: str) -> TextEncoding:
    try:
        codec = codecs.lookup(wanted).name
        "".encode(codec)  # some codecs make bytes of bytes
    except (LookupError, ValueError):
        raise UserError(f"--encoding {wanted!r} is not a known encoding; give one such as {EXAMPLES}") from None
    _require(path, codec, wanted, origin)
    return TextEncoding("utf-8-sig" if codec == "utf-8" else codec)


def _require(path: Path, codec: str, name: str, origin: str) -> None:
    if not _is_text(path, codec):
        raise UserError(
            f"{origin} is not text in {name}: some of its bytes have no meaning there, or mean control characters; "
            f"save it as CSV in UTF-8, or give another encoding with --encoding, such as {EXAMPLES}"
        )


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for piece in _pieces(path):
            if b"\0" in piece:
                return False
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _is_text(path: Path, codec: str) -> bool:
    """Whether all bytes mean something under the codec, and none a control character (of Unicode's, only the zero)."""
    control = _ZERO if codec.startswith("utf") else _CONTROL
    try:
        return not any(control.search(text) for text in _texts(path, codec))
    except UnicodeError:
        return False


def _utf16(path: Path, start: bytes) -> TextEncoding | None:
    """UTF-16 without a mark, where the zeros of its digits and marks all stand on one side of the pairs."""
    first, second = start[::2].count(0), start[1::2].count(0)
    if min(first, second) or max(first, second) * 8 < len(start):
        return None
    codec, order = ("utf-16-le", "little") if second else ("utf-16-be", "big")
    return TextEncoding(codec, f"UTF-16 ({order}-endian, without a mark)") if _is_text(path, codec) else None


def _western(path: Path, origin: str) -> TextEncoding:
    """Windows-1252, which ISO-8859-1 is a part of; or ISO-8859-15, where that makes euro signs of currency signs."""
    letters, broken, line = _utf8_letters(path)
    if letters > broken:
        raise UserError(
            f"{origin} is text in UTF-8, but its line {line} has bytes that are not; correct that line, or give the "
            f"encoding of the whole file with --encoding, such as {EXAMPLES}"
        )
    euro = any(b"\xa4" in piece for piece in _pieces(path)) and not _has_windows_signs(path)
    codec, name = ("iso8859-15", "ISO-8859-15") if euro else ("cp1252", "Windows-1252")
    if not _is_text(path, codec) or _foreign_share(path, codec) > _FOREIGN_SHARE:
        raise UserError(
            f"{origin} is not text in UTF-8, and its letters suggest that it is not in Windows-1252; save it as CSV "
            f"in UTF-8, or give its encoding with --encoding, such as {EXAMPLES}"
        )
    return TextEncoding(codec, name)


def _has_windows_signs(path: Path) -> bool:
    return not _is_text(path, "latin-1")


def _foreign_share(path: Path, codec: str) -> float:
    foreign = beyond = 0
    for text in _texts(path, codec):
        foreign += sum(map(len, _FOREIGN.findall(text)))
        beyond += len(_BEYOND_ASCII.findall(text))
    return foreign / beyond if beyond else 0.0


def _utf8_letters(path: Path) -> tuple[int, int, int]:
    """Characters beyond ASCII that are well-formed UTF-8, bytes that are not, and the first line with such a byte."""
    letters = broken = first = 0
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(_PIECE), b""), 1):
            if not line.isascii():
                rest, count = _UTF8_LETTER.subn(b"", line)
                wrong = len(_HIGH_BYTE.findall(rest))
                letters, broken = letters + count, broken + wrong
                first = first or (number if wrong else 0)
    return letters, broken, first


def _texts(path: Path, codec: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(codec)()
    for piece in _pieces(path):
        yield decoder.decode(piece)
    yield decoder.decode(b"", final=True)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(lambda: file.read(_PIECE), b"")
