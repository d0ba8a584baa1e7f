"""Words of tables that every module of this room knows: what stands for nothing, and the two decimal marks."""

import re
from typing import Literal

Mark = Literal[".", ","]
NULLS = frozenset(("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "None"))
MISSING_WORDS = frozenset(
    re.findall(
        r"\S+",
        "- -- --- – — ? ?? . .. … n.a. N.A. na Na k.A. <NA> #NA #NULL! #DIV/0! #VALUE! #REF! #NAME? #NUM! -NaN -nan "
        "1.#IND -1.#IND 1.#QNAN -1.#QNAN (null) Null none NONE \\N",
    )
)
"""What besides ``NULLS`` stands for nothing where numbers are expected, and is a name like any other elsewhere."""
