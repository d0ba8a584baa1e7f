"""Tables that are odd in one way each, made of one plain table."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from contract.schema import ROW_NUMBER
from tests.support.tables.own.shape import RightDraft, Rng, TableShape, as_csv, as_parquet, churned, days

PLAIN_FEATURES = {"region": "categorical", "age": "numeric", "spend": "numeric", "visits": "numeric", "active": "flag"}


def plain(rows: int, rng: Rng) -> pd.DataFrame:
    """Nothing odd: an id, five features, a label of 1 and 0."""
    age, visits = rng.integers(18, 90, rows), rng.integers(0, 40, rows)
    active = rng.integers(0, 2, rows)
    left = churned(rng, 0.4 - visits / 14 - active * 1.2 + (age - 50) / 30)
    return pd.DataFrame(
        {
            "customer_id": rng.choice(np.arange(1_000_000, 9_999_999), rows, replace=False),
            "region": rng.choice(["north", "south", "east"], rows),
            "age": age,
            "spend": rng.gamma(3, 50, rows).round(2),
            "visits": visits,
            "active": active,
            "churn": left.astype(int),
        }
    )


def _plain_with(**more: Callable[[pd.DataFrame, Rng], Any]) -> Callable[[int, Rng], pd.DataFrame]:
    """The plain table with other columns, made of it."""

    def make(rows: int, rng: Rng) -> pd.DataFrame:
        frame = plain(rows, rng)
        return frame.assign(**{column: made(frame, rng) for column, made in more.items()})

    return make


def _right(
    features: dict[str, str] | None = None,
    ignored: tuple[str, ...] = (),
    private: tuple[str, ...] = (),
    doubts: tuple[str, ...] = (),
) -> RightDraft:
    return RightDraft(
        id="customer_id",
        label="churn",
        private=frozenset(private),
        ignored=frozenset(ignored),
        features=PLAIN_FEATURES | (features or {}),
        doubts=doubts,
    )


def _drawn(words: str) -> Callable[[pd.DataFrame, Rng], Any]:
    """Each row one of the words."""
    return lambda frame, rng: rng.choice(words.split(), len(frame))


def _texts(form: Callable[[int, Rng], str]) -> Callable[[pd.DataFrame, Rng], Any]:
    """Each row its own text."""
    return lambda frame, rng: [form(number, rng) for number in range(len(frame))]


def _where_churned(one: str, other: str) -> Callable[[pd.DataFrame, Rng], Any]:
    return lambda frame, _: np.where(frame["churn"] == 1, one, other)


def _iban(number: int, rng: Rng) -> str:
    return f"DE{rng.integers(10, 99)} {rng.integers(1000, 9999)} {rng.integers(1000, 9999)} 0000 {number:04d} 00"


FIRST_NAMES = "Anna Ben Clara David Emma Finn Hannah Jonas Lena Lukas Maria Noah Paul Sofia Thomas Julia José Lucía"


def text_ids(rows: int, rng: Rng) -> pd.DataFrame:
    """Ids with letters, under a name that is no word for an id."""
    frame = plain(rows, rng).rename(columns={"customer_id": "member"})
    return frame.assign(member=[f"M-{number:06x}" for number in frame["member"]])


def spanish(rows: int, rng: Rng) -> pd.DataFrame:
    """Spanish names."""
    frame = plain(rows, rng)
    return pd.DataFrame(
        {
            "id_cliente": frame["customer_id"],
            "nombre": rng.choice(["José", "María", "Lucía", "Hugo"], rows),
            "apellidos": rng.choice(["García López", "Muñoz Pérez", "Núñez"], rows),
            "región": frame["region"],
            "edad": frame["age"],
            "gasto": frame["spend"],
            "visitas": frame["visits"],
            "baja": np.where(frame["churn"] == 1, "sí", "no"),
        }
    )


def german(rows: int, rng: Rng) -> pd.DataFrame:
    """German names, in UTF-8."""
    frame = plain(rows, rng)
    return pd.DataFrame(
        {
            "Kündigung": frame["churn"],
            "Kunden-Nr": frame["customer_id"],
            "Nachname": rng.choice(["Müller", "Schmidt", "Weiß"], rows),
            "Gebiet": frame["region"],
            "Alter": frame["age"],
            "Umsatz": frame["spend"],
            "Besuche": frame["visits"],
        }
    )


def third_value(rows: int, rng: Rng) -> pd.DataFrame:
    """A label with a third value that says nothing, in 8 % of the rows."""
    frame = plain(rows, rng)
    flag = np.where(frame["churn"] == 1, "Y", "N").astype(object)
    flag[rng.random(rows) < 0.08] = "U"
    return frame.drop(columns="churn").assign(churn_flag=flag)


def sentinels(rows: int, rng: Rng) -> pd.DataFrame:
    """-999 for nothing in a tenth of the rows; one row of 9,999,999 at the end."""
    frame = plain(rows, rng)
    frame["spend"] = np.where(rng.random(rows) < 0.1, -999, frame["spend"])
    frame.loc[rows - 1, "visits"] = 9_999_999
    return frame


def unlabelled_tail(rows: int, rng: Rng) -> pd.DataFrame:
    """The last rows have no label, and values that the others have not."""
    frame = plain(rows, rng).astype({"churn": object})
    frame.loc[rows - 20 :, "churn"] = None
    frame.loc[rows - 20 :, "age"] = 5_000
    return frame


def row_number(rows: int, rng: Rng) -> pd.DataFrame:
    """A number for each row, beside customers who have several."""
    frame = plain(rows, rng)
    several = np.sort(rng.choice(frame["customer_id"], rows)).astype(int)
    return frame.assign(customer_id=several, record_id=rng.permutation(rows) + 500_000)


def booleans(rows: int, rng: Rng) -> pd.DataFrame:
    """Yes and no in many spellings."""
    spelled = {
        "has_card": "true false",
        "is_active": "TRUE FALSE",
        "newsletter": "Y N",
        "paperless": "yes no",
        "autopay": "on off",
        "vip": "T F",
        "loan": "ja nein",
        "mixed": "Yes yes No no",
    }
    return plain(rows, rng).assign(**{column: rng.choice(texts.split(), rows) for column, texts in spelled.items()})


def label_first(rows: int, rng: Rng) -> pd.DataFrame:
    """The label is the first column."""
    frame = plain(rows, rng)
    return frame[["churn", *(column for column in frame.columns if column != "churn")]]


def status_label(rows: int, rng: Rng) -> pd.DataFrame:
    """No column is named as a label surely is."""
    frame = plain(rows, rng)
    status = np.where(frame["churn"] == 1, "closed", "active")
    return frame.drop(columns=["churn", "active"]).assign(status=status)


def label_left(rows: int, rng: Rng) -> pd.DataFrame:
    """The label is called ``left`` and is of true and false."""
    frame = plain(rows, rng)
    return frame.drop(columns="churn").assign(left=frame["churn"].astype(bool))


def no_label(rows: int, rng: Rng) -> pd.DataFrame:
    """Nothing tells who left."""
    return plain(rows, rng).drop(columns="churn")


def no_id(rows: int, rng: Rng) -> pd.DataFrame:
    """Nothing tells a customer from another."""
    return plain(rows, rng).drop(columns="customer_id")


def moments(rows: int, rng: Rng) -> pd.DataFrame:
    """Moments in seconds and in ms since 1970, in a Parquet file with a column of dates."""
    frame = plain(rows, rng)
    seen = days(rng, "2024-01-01", "2024-12-31", rows)
    seconds = ((seen - pd.Timestamp(0)) // pd.Timedelta(seconds=1)).to_numpy()
    return frame.assign(
        recorded_at=seconds + rng.integers(0, 86_400, rows),
        first_seen_ms=(seconds - 86_400 * rng.integers(30, 900, rows)) * 1_000,
        renewal=(seen + pd.to_timedelta(rng.integers(1, 300, rows), unit="D")).date,
    )


VARIANTS = (
    TableShape("plain", plain, _right()),
    TableShape(
        "text_ids",
        text_ids,
        RightDraft(id="member", label="churn", features=PLAIN_FEATURES),
    ),
    TableShape(
        "spanish",
        spanish,
        RightDraft(
            id="id_cliente",
            label="baja",
            positive="sí",
            negative="no",
            private=frozenset({"nombre", "apellidos"}),
            features={"región": "categorical", "edad": "numeric", "gasto": "numeric", "visitas": "numeric"},
        ),
    ),
    TableShape(
        "german",
        german,
        RightDraft(
            id="Kunden-Nr",
            label="Kündigung",
            private=frozenset({"Nachname"}),
            features={"Gebiet": "categorical", "Alter": "numeric", "Umsatz": "numeric", "Besuche": "numeric"},
        ),
    ),
    TableShape(
        "third_value",
        third_value,
        RightDraft(
            id="customer_id",
            label="churn_flag",
            positive="Y",
            negative="N",
            features=PLAIN_FEATURES,
            doubts=("third value in 'churn_flag'",),
        ),
    ),
    TableShape(
        "leak",
        _plain_with(
            refund=lambda frame, rng: np.where(frame["churn"] == 1, rng.normal(90, 4, len(frame)), 0).round(2),
            closing_reason=_where_churned("price", ""),
        ),
        _right(ignored=("refund", "closing_reason"), doubts=("'refund'", "'closing_reason'")),
    ),
    TableShape("sentinels", sentinels, _right(doubts=("-999", "'visits'"))),
    TableShape("unlabelled_tail", unlabelled_tail, _right()),
    TableShape("row_number", row_number, _right(ignored=("record_id",), doubts=("'customer_id'", "'record_id'"))),
    TableShape(
        "flags_called_personal",
        _plain_with(
            mobile_app_logins=lambda frame, rng: rng.poisson(2, len(frame)),
            phone_calls_12m=lambda frame, rng: rng.poisson(4, len(frame)),
            EmailOptIn=lambda frame, rng: rng.integers(0, 2, len(frame)),
            MobileBanking=lambda frame, rng: rng.choice(["Yes", "No"], len(frame)),
            address_changes=lambda frame, rng: rng.poisson(1, len(frame)),
        ),
        _right(
            features={
                "mobile_app_logins": "ordinal",
                "phone_calls_12m": "ordinal",
                "EmailOptIn": "flag",
                "MobileBanking": "categorical",
                "address_changes": "ordinal",
            },
            doubts=("'mobile_app_logins'", "'phone_calls_12m'", "'EmailOptIn'", "'MobileBanking'", "'address_changes'"),
        ),
    ),
    TableShape(
        "first_names",
        _plain_with(
            Vorname=_drawn(FIRST_NAMES), prénom=_drawn(FIRST_NAMES), contact=_drawn(FIRST_NAMES), agent=_drawn("A B C")
        ),
        _right(private=("Vorname", "prénom", "contact"), features={"agent": "categorical"}, doubts=("'contact'",)),
    ),
    TableShape(
        "private_by_value",
        _plain_with(
            ref_a=_texts(_iban),
            ref_b=_texts(lambda number, _: f"user{number % 400}@example.org"),
            ref_c=_texts(lambda _, rng: f"+49 30 {rng.integers(1_000_000, 9_999_999)}"),
            ref_d=_texts(lambda _, rng: f"{rng.integers(1, 200)} Maple Street, Springfield"),
            account_number=lambda frame, rng: rng.integers(10**9, 10**10, len(frame)),
            notes=_texts(lambda number, _: f"called on day {number}, asked about the bill and was told to wait"),
            postcode=lambda frame, rng: [f"{code:05d}" for code in rng.integers(1_000, 99_999, len(frame))],
        ),
        _right(
            private=("ref_a", "ref_b", "ref_c", "ref_d"),
            ignored=("account_number", "notes", "postcode"),
            doubts=("'ref_a'", "'ref_c'", "'notes'", "'postcode'", "'account_number'"),
        ),
    ),
    TableShape(
        "constants_and_texts",
        _plain_with(
            currency=lambda *_: "EUR",
            empty=lambda *_: "",
            product=lambda frame, rng: [f"SKU-{code:04d}" for code in rng.integers(0, 900, len(frame))],
            size=_drawn("low medium high"),
            stage=_drawn("1st 2nd 3rd"),
        ),
        _right(
            ignored=("currency", "empty", "product"),
            features={"size": "categorical", "stage": "categorical"},
            doubts=("'product'", "'size'"),
        ),
    ),
    TableShape(
        "booleans",
        booleans,
        _right(
            features={
                "has_card": "flag",
                "is_active": "flag",
                **dict.fromkeys(("newsletter", "paperless", "autopay", "vip", "loan", "mixed"), "categorical"),
            },
            doubts=("differ in case only",),
        ),
    ),
    TableShape(
        "two_currencies",
        _plain_with(
            paid=lambda frame, rng: [
                f"{'$' if us else '€'}{amount:,.2f}"
                for us, amount in zip(rng.integers(0, 2, len(frame)), rng.gamma(2, 900, len(frame)), strict=True)
            ],
            share=lambda frame, rng: [f"{value:.1f}%" for value in rng.uniform(0, 100, len(frame))],
        ),
        _right(ignored=("paid",), features={"share": "numeric"}, doubts=("'paid' has numbers with the sign",)),
    ),
    TableShape("label_first", label_first, _right()),
    TableShape(
        "status_label",
        status_label,
        RightDraft(
            id="customer_id",
            label="status",
            positive="closed",
            negative="active",
            features={name: kind for name, kind in PLAIN_FEATURES.items() if name != "active"},
            doubts=("'status'",),
        ),
    ),
    TableShape(
        "label_left",
        label_left,
        RightDraft(
            id="customer_id",
            label="left",
            features=PLAIN_FEATURES,
            doubts=("'left'",),
        ),
    ),
    TableShape("no_label", no_label, RightDraft(id="customer_id", label=None, features=PLAIN_FEATURES)),
    TableShape("no_id", no_id, RightDraft(id=ROW_NUMBER, label="churn", features=PLAIN_FEATURES)),
    TableShape(
        "moments",
        moments,
        RightDraft(
            id="customer_id",
            label="churn",
            ignored=frozenset({"recorded_at", "first_seen_ms", "renewal"}),
            features=PLAIN_FEATURES,
            time="recorded_at",
            doubts=("'recorded_at'", "'first_seen_ms'", "'renewal'"),
        ),
        write=as_parquet,
    ),
    TableShape("semicolons", plain, _right(), write=as_csv(sep=";", decimal=",")),
)
