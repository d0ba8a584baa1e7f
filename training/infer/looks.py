"""What a column's values look like: addresses, names of people, postcodes, amounts, free text. Pure."""

import re

from training.infer.column import Column
from training.infer.words import is_first_name

_MOST = 0.8
_MOST_NAMES = 0.6
_MIN_NAMES = 4
_MIN_PHONES = 20
_FREE_WORDS = 4

_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]){11,30}")
_PHONE = re.compile(
    r"(?:\+|00)[0-9][0-9 ()/.-]{6,20}|\(?0[0-9]{1,5}\)?[ /-][0-9][0-9 /-]{4,14}|\(?[0-9]{3}\)?[ -][0-9]{3}-[0-9]{4}"
)
_SOCIAL = re.compile(r"[0-9]{3}-[0-9]{2}-[0-9]{4}")
_NETWORK = re.compile(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}|(?:[0-9a-fA-F]{0,4}:){4,7}[0-9a-fA-F]{1,4}")
_STREET = re.compile(
    r".*\b(?:street|st\.?|avenue|ave\.?|road|rd\.?|lane|drive|boulevard|blvd|rue|calle|via|avenida|plaza|weg|platz|"
    r"allee)\b.*|.*(?:stra(?:ß|ss)e|str\.|gasse|weg|platz|allee|straat|laan)\b.*",
    re.IGNORECASE,
)
_CARD = re.compile(r"[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{1,7}")
_MONEY = re.compile(
    r"[(+-]?\s?(?:[$€£¥₹]|[A-Z]{3}\s)\s?[(+-]?[0-9][0-9.,'\u00a0\u202f ]*\)?|"
    r"[(+-]?[0-9][0-9.,'\u00a0\u202f ]*\s?(?:[$€£¥₹]|[A-Z]{3}|zł|kr)\)?"
)
_PERCENT = re.compile(r"[+-]?[0-9][0-9.,]*\s?%")


def personal(column: Column) -> str | None:
    """What personal data the values look like, if any: a noun."""
    if not column.is_text or column.dates is not None or not column.different:
        return _card_numbers(column)
    values = column.sample
    if _share(_MAIL, values) >= _MOST:
        return "e-mail addresses"
    if _share(_IBAN, values) >= _MOST and len(values) > 1:
        return "account numbers (IBAN)"
    if _share(_SOCIAL, values) >= _MOST and len(values) >= _MIN_PHONES:
        return "social security numbers"
    if _share(_NETWORK, values) >= _MOST and len(values) > 1:
        return "network addresses"
    if _share(_CARD, values) >= _MOST and len(values) >= _MIN_PHONES:
        return "card numbers"
    if _share(_PHONE, values) >= _MOST and len(values) >= _MIN_PHONES:
        return "telephone numbers"
    if sum(bool(_STREET.fullmatch(value)) and any(map(str.isdigit, value)) for value in values) >= _MOST * len(values):
        return "postal addresses"
    if len(values) >= _MIN_NAMES and sum(map(is_first_name, values)) >= _MOST_NAMES * len(values):
        return "names of people"
    return None


def is_free_text(column: Column) -> bool:
    """Whether values are sentences rather than names of something."""
    values = column.sample if column.is_text else ()
    return bool(values) and sum(len(value.split()) for value in values) >= _FREE_WORDS * len(values)


def amounts(column: Column) -> str | None:
    """What sign the numbers of a column of texts have that keeps them from being read; a noun."""
    values = [value for value in column.sample if any(map(str.isdigit, value))] if column.is_text else []
    if not values or len(values) < _MOST * len(column.sample):
        return None
    for pattern, noun in ((_MONEY, "amounts of money"), (_PERCENT, "percentages")):
        if _share(pattern, tuple(values)) >= _MOST:
            return noun
    return None


def _card_numbers(column: Column) -> str | None:
    """Whole numbers of a payment card's length whose check digits are right."""
    if not column.is_whole or column.different < _MIN_PHONES or not column.present.min() >= 1e14:
        return None
    values = column.sample
    return "card numbers" if sum(map(_passes_luhn, values)) >= _MOST * len(values) else None


def _passes_luhn(digits: str) -> bool:
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return len(digits) <= 19 and sum(number - 9 * (number > 9) for number in doubled) % 10 == 0


def _share(pattern: re.Pattern[str], values: tuple[str, ...]) -> float:
    return sum(bool(pattern.fullmatch(value)) for value in values) / len(values) if values else 0.0
