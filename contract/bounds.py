"""How large what enters may be. A schema is held to its bounds when it is read, a message when it is decoded.

What else is published or stored is made of these, so that its own bound follows: a prediction is a record and an answer
(``contract.topics``), a pane the sums over a schema's features (``monitor.join.pane_limits``).
"""

LARGEST_NUMBER = (2 - 2**-23) * 2.0**127
"""3.4e38, the largest 32-bit float. A feature beyond it, on either side, is refused whatever its schema says: a model
of 32-bit floats sees infinity."""
LARGEST_INTEGER = 2**53
"""The same for ordinals and flags: beyond it, neighbouring integers are one double."""
LARGEST_WHOLE_FLOAT = 2**53 - 1
"""The same for one that is written with a fraction or an exponent: a double of 2**53 may have been 2**53 + 1."""

LONGEST_IDENTIFIER = 256
"""Characters of a record id or a customer id, which are keys; any character may stand in them."""
LONGEST_CATEGORY = 1_000
"""Characters of a category, in a schema and, where others are to be scored, in a record."""
LONGEST_NAME = 200
"""Bytes (UTF-8) of a feature's name. MLflow takes metric names of 250, and file names end at 255: what stands before
it, such as ``data/violations_``, has the rest."""
MOST_FEATURES = 1_000
"""Features of a schema."""
MOST_COLUMNS = 5_000
"""Columns of the matrix that a model sees: one for each number, and one for each category."""
