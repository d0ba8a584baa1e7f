"""How numbers are dressed in tables: currency, percent, thousands, signs of accountants. Pure.

A cell is undressed to its sign, its digits and marks, and what stands around them. What the marks are is for the whole
table to say (``contract.tables.decimal_mark``), because ``1.234`` alone can be either number.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.tables.words import MISSING_WORDS, NULLS, Mark

SPACES = " \u00a0\u202f\u2009"
APOSTROPHES = "'’"
_MINUS = "\u2212-"  # in this order, because they stand in brackets of patterns
_NEGATIVE = (*_MINUS, "(")
# ISO 4217
_CODES = re.findall(
    r"[A-Z]+",
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP "
    "CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF "
    "IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD "
    "MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB "
    "RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD "
    "UYU UZS VED VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG",
)
_SIGNS = re.findall(
    r"\S+",
    "US$ A$ AU$ C$ CA$ NZ$ HK$ S$ NT$ R$ MX$ $ € £ ¥ ₹ ₽ ₩ ₺ ₴ ₫ ₪ ₱ ₦ ฿ ₡ ₲ ₵ ₸ ₮ ₭ "
    "kr kr. Kr Kr. Kč zł Ft lei лв. руб. Fr. SFr. Rs Rs. Rp RM Euro EURO euro Eur eur usd",
)
_SAME = {
    **dict.fromkeys(("EUR", "Euro", "EURO", "euro", "Eur", "eur"), "€"),
    **dict.fromkeys(("USD", "US$", "usd"), "$"),
    **dict.fromkeys(("kr.", "Kr", "Kr."), "kr"),
    **dict.fromkeys(("Fr.", "SFr."), "CHF"),
    "GBP": "£",
    "Rs.": "Rs",
}
_ALL_SIGNS = (*_SIGNS, *_CODES)
_CURRENCY = "|".join(sorted(map(re.escape, _ALL_SIGNS), key=len, reverse=True))
_BODY = rf"[0-9](?:[0-9.,{APOSTROPHES}{SPACES}]*[0-9])?|[.,][0-9]+"
_DRESSED = re.compile(
    rf"(?P<open>\()?[{SPACES}]*(?P<before>[+{_MINUS}])?[{SPACES}]*"
    rf"(?:(?P<left>{_CURRENCY})[{SPACES}]*(?P<inside>[+{_MINUS}])?[{SPACES}]*)?"
    rf"(?P<body>{_BODY})(?P<exponent>[eE][+-]?[0-9]+)?"
    rf"(?P<end>[.,](?:[-–—]{{1,2}})?)?(?P<after>[{_MINUS}])?[{SPACES}]*"
    rf"(?:(?P<right>{_CURRENCY})[{SPACES}]*)?(?P<percent>%)?[{SPACES}]*(?P<last>[{_MINUS}])?[{SPACES}]*(?P<close>\))?"
)
_THREES = "|".join(
    rf"[1-9][0-9]{{0,2}}(?:[{between}][0-9]{{3}})+(?:[{marks}][0-9]*)?"
    for between, marks in ((",", "."), (".", ","), (SPACES, ".,"), (APOSTROPHES, ".,"))
)
_SHAPE = re.compile(rf"[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+|{_THREES}|[1-9][0-9]?(?:,[0-9]{{2}})+,[0-9]{{3}}(?:\.[0-9]*)?")
_NO_AMOUNT = re.compile(rf"(?P<left>{_CURRENCY})[{SPACES}]*[-–—]|[-–—][{SPACES}]*(?P<right>{_CURRENCY})")


@dataclass(frozen=True)
class Undressed:
    """A number's sign, digits and marks (``body``), its exponent, and what stands around them."""

    body: str
    exponent: str
    negative: bool
    currency: str
    percent: bool
    accounting: bool
    """Whether it is negative by brackets or a minus after it."""


@dataclass(frozen=True)
class Dress:
    """What all numbers of a column wear. ``thousands`` are the characters that divide them, empty where none do.

    ``currency`` is a sign or code, empty where there is none; ``percent`` whether a percent sign is. ``hundredths``:
    whether 12.5% is 0.125.
    """

    thousands: str = ""
    currency: str = ""
    percent: bool = False
    hundredths: bool = True


PLAIN = Dress()


@lru_cache(maxsize=4_096)
def undress(text: str) -> Undressed | None:
    """A cell without blanks around it, taken apart; None where it is no number in any dress."""
    found = _DRESSED.fullmatch(text)
    if found is None:
        none = _NO_AMOUNT.fullmatch(text)  # a spreadsheet's accounting format shows a zero so
        return Undressed("0", "", False, _currency(none["left"] or none["right"]), False, False) if none else None
    signs = [sign for sign in found.group("before", "inside", "after", "last") if sign]
    brackets = found["open"] is not None
    if not _SHAPE.fullmatch(found["body"]) or brackets != (found["close"] is not None) or len(signs) + brackets > 1:
        return None
    left, right, percent = found["left"], found["right"], found["percent"] is not None
    if (left and right) or (percent and (left or right)):
        return None
    accounting = brackets or any(found.group("after", "last"))
    negative = brackets or any(sign != "+" for sign in signs)
    return Undressed(found["body"], found["exponent"] or "", negative, _currency(left or right), percent, accounting)


def looks_numeric(text: str) -> bool:
    """Whether a cell without blanks around it is a number in some dress; what stands for nothing is none."""
    return text not in NULLS and text not in MISSING_WORDS and undress(text) is not None


def read_number(text: str, mark: Mark, dress: Dress) -> float | None:
    """The number of a cell that wears the column's dress, or is a zero without; None where it is none."""
    found = undress(text)
    if found is None or not _body(mark, dress.thousands).fullmatch(found.body):
        return None
    hundredths = found.percent and dress.hundredths and not found.exponent
    number = float(_bare(found.body, mark, dress.thousands) + (found.exponent or ("e-2" if hundredths else "")))
    if (found.currency, found.percent) != (dress.currency, dress.percent):
        return None if number or found.currency or found.percent else 0.0
    return -number if found.negative else number


def read_numbers(cells: Sequence[Any], mark: Mark, dress: Dress) -> npt.NDArray[np.float64] | None:
    """All cells as floats, NaN for nothing; None if one is not text, or a number in an order that is seldom.

    As ``read_number``, and faster.
    """
    try:
        text = "\n".join(["" if cell in NULLS or cell in MISSING_WORDS else cell for cell in cells])
    except TypeError:
        return None
    found = _line(mark, dress).findall(text)
    if len(found) != len(cells):
        return None
    end = "e-2" if dress.percent and dress.hundredths else ""
    bodies = _bare("\n".join([body + end if body else "nan" for _, _, body, _ in found]), mark, dress.thousands)
    numbers = np.array(bodies.split("\n"), dtype=object).astype(np.float64)
    if any(sign in text for sign in _NEGATIVE):
        signs = [_negative(before, after) for before, _, _, after in found]
        if None in signs:
            return None
        numbers = np.where(np.array(signs, dtype=bool), -numbers, numbers)
    return numbers


def _currency(sign: str | None) -> str:
    return _SAME.get(sign, sign) if sign else ""


def _negative(before: str, after: str) -> bool | None:
    """Whether what is around a number makes it negative; None if that cannot be, as with two signs."""
    around = before + after
    if not around:
        return False
    brackets = around.count("(") + around.count(")")
    minus = sum(map(around.count, _MINUS))
    if brackets not in (0, 2) or brackets // 2 + minus + around.count("+") > 1:
        return None
    return bool(brackets or minus)


def _bare(body: str, mark: Mark, thousands: str) -> str:
    """Digits and a point."""
    for character in thousands:
        body = body.replace(character, "")
    return body.replace(",", ".") if mark == "," else body


@lru_cache(maxsize=64)
def _body(mark: Mark, thousands: str) -> re.Pattern[str]:
    return re.compile(_digits(mark, thousands), re.ASCII)


def _digits(mark: Mark, thousands: str) -> str:
    decimals = rf"(?:\{mark}(?![-–—])[0-9]*)?"
    if not thousands:
        return rf"[0-9]+{decimals}|\{mark}[0-9]+"
    between = f"[{re.escape(thousands)}]"
    threes = rf"[0-9]{{1,3}}(?:{between}[0-9]{{3}})+"
    indian = rf"[0-9]{{1,2}}(?:{between}[0-9]{{2}})+{between}[0-9]{{3}}"
    return rf"(?:{threes}|{indian}|[0-9]+){decimals}|\{mark}[0-9]+"


@lru_cache(maxsize=64)
def _line(mark: Mark, dress: Dress) -> re.Pattern[str]:
    """A line that is empty, or a number of this dress: what is before it, a sign of currency, its body, what is after.

    The sign of currency stands on one side, and an exponent nowhere.
    """
    names = [sign for sign in _ALL_SIGNS if _currency(sign) == dress.currency] if dress.currency else []
    signs = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    if signs:
        left, right = rf"({signs})?", rf"(?(2)|(?:{signs}))"
    else:
        left, right = "()", "%" if dress.percent else ""
    before = rf"\(?[+{_MINUS}]?[{SPACES}]*{left}[{SPACES}]*[+{_MINUS}]?"
    after = rf"[{_MINUS}]?[{SPACES}]*{right}[{_MINUS}]?\)?"
    return re.compile(rf"^(?:({before})({_digits(mark, dress.thousands)})({after}))?$", re.MULTILINE | re.ASCII)
