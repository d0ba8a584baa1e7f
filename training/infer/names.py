"""What a column's name, or a label's word, says about what it is. Pure.

English words, as the public churn tables use them: a column named otherwise is judged by its values alone.
"""

import re

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^\W\d_]+")


def _list(words: str) -> frozenset[str]:
    return frozenset(words.split())


_PRIVATE = _list(
    "surname lastname firstname forename fullname username nickname initials email mail phone telephone tel mobile fax "
    "address street ssn passport iban birthdate birthday dob"
)
_PERSONS = _list("customer client user member subscriber person first last full middle family given sur")
_NUMBERS = _list("id ids identifier number num no nr key ref guid uuid")
_ID_NAMES = _list("customerid clientid userid clientnum customernumber accountid memberid subscriberid")
_HOLDERS = _PERSONS | _list("account policy contract msisdn")
_ROWS = _list("row rows rownumber rownum index idx unnamed line rowid")
_LABEL = _list(
    "churn churned churner churners exited exit attrition attrited cancelled canceled lapsed leaver defected"
)
_WEAK_LABEL = _list("left target label outcome closed status y class")
_LEFT = _list(
    "1 yes y true t churned churn churner exited attrited left leaver closed cancelled canceled lapsed lost gone"
)
_STAYED = _list("0 no n false f existing retained stayed active current open loyal kept non not")


def words(name: str) -> frozenset[str]:
    """The words of a name, in lower case: "CustomerId" and "customer_id" have two."""
    return frozenset(word.lower() for word in _WORD.findall(name))


def names_private(name: str) -> bool:
    """Whether a column so named is about who the customer is."""
    found = words(name)
    is_persons_name = "name" in found and (len(found) == 1 or bool(found & _PERSONS))
    return bool(found & _PRIVATE) or _joined(name) in _PRIVATE or is_persons_name


def names_rows(name: str) -> bool:
    """Whether a column so named counts the rows."""
    return bool(words(name) & _ROWS)


def names_id(name: str) -> int:
    """0: not named as an id; 1: named as one; 2: named as a customer's."""
    found, joined = words(name), _joined(name)
    if joined in _ID_NAMES:
        return 2
    return int(bool(found & _NUMBERS)) and 1 + bool(found & _HOLDERS)


def names_label(name: str) -> int:
    """0: not named as a label; 1: perhaps; 2: surely."""
    found = words(name)
    return 2 if found & _LABEL else 1 if found & _WEAK_LABEL else 0


def says_left(value: str) -> int:
    """The greater, the rather a label's value says that a customer left; "not churned" says the opposite."""
    found = {word.lower() for word in re.findall(r"[A-Za-z]+|[0-9]+", value)}
    return bool(found & _LEFT) - 2 * bool(found & _STAYED)


def _joined(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())
