"""JSON values that readers trip over, as the text in which they stand in a message."""

from random import Random

NUMBERS = (
    "0",
    "1",
    "-1",
    "2",
    "-0",
    "-0.0",
    "0.0",
    "1.0",
    "3.0",
    "3e0",
    "2.5",
    "1e-9",
    "5e-324",
    "1e39",
    "-1e39",
    "3.4028234663852886e38",
    "-3.4028234663852886e38",
    "1e300",
    "1e308",
    "1e309",
    "1e999",
    "-1e999",
    "9007199254740991",
    "9007199254740992",
    "9007199254740993",
    "9007199254740993.0",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "1e9999999999",
    "9" * 30,
    "9" * 400,
    "9" * 4_300,
    "9" * 4_301,
    "-" + "9" * 5_000,
    "0." + "3" * 2_000,
    "01",
    "+1",
    ".5",
    "1.",
    "1e",
    "0x10",
    "1_000",
    "NaN",
    "-Infinity",
    "Infinity",
)

TEXTS = (
    '""',
    '" "',
    '"0"',
    '"3"',
    '"3.0"',
    '"true"',
    '"NaN"',
    '"null"',
    '"France "',
    '"\\u0000"',
    '"\\u001f\\u007f"',
    '"a\\nb\\r\\tc"',
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"\\ud83d\\ude00"',
    '"\U0001f600"',
    '"Zoë"',
    '"Zoe\u0308"',
    '"\u202egnahc\u202c"',
    '"\ufeff"',
    '"\uffff"',
    '"</script><img src=x onerror=alert(1)>"',
    '"{{7*7}}${7*7}"',
    '"[bold red]x[/]"',
    '"\'; DROP TABLE predictions; --"',
    '"../../etc/passwd"',
    '"%s%n{0}"',
    '"\\"',
    '"\\x41"',
    '"\\u12"',
    '"`$.x` - at `$.y`"',
    '"unterminated',
)

SHAPES = ("true", "false", "null", "[]", "{}", "[1]", '{"a": 1}', '[{"a": [null]}]', "undefined", "None", "True", "")


def hostile(random: Random) -> str:
    """A value of any kind, valid JSON or not, mostly short."""
    kind = random.randrange(20)
    if kind < 8:
        return random.choice(NUMBERS)
    if kind < 13:
        return random.choice(TEXTS)
    if kind < 17:
        return random.choice(SHAPES)
    if kind < 18:
        return f'"{random.choice("xé0") * random.choice((1, 31, 255, 256, 257, 300, 1_025, 5_000))}"'
    if kind < 19:
        opening, closing = random.choice((("[", "]"), ('{"a":', "}")))
        depth = random.choice((2, 40, 900, 1_000, 1_100, 5_000))
        return opening * depth + "1" + closing * depth
    return str(random.uniform(-1, 1) * 10 ** random.randrange(-20, 40))
