"""The five tables of other shapes that go from file to dashboard without editing."""

import numpy as np
import pandas as pd

from tests.support.tables.own.shape import RightDraft, Rng, TableShape, as_csv, churned, days


def monthly_snapshots(rows: int, rng: Rng) -> pd.DataFrame:
    """A row a month for each customer until the one before it leaves; a row number; the date of leaving, if any."""
    months = pd.date_range("2024-01-31", periods=12, freq="ME")
    made: list[dict[str, object]] = []
    customer = 100_000
    while len(made) < rows:
        customer += int(rng.integers(1, 9))
        logins, balance = float(rng.gamma(3, 4)), float(rng.normal(4_000, 1_500))
        plan = str(rng.choice(["basic", "plus", "gold"], p=[0.5, 0.3, 0.2]))
        tenure = int(rng.integers(0, 120))
        for place in range(int(rng.integers(0, 6)), len(months)):
            logins = max(0.0, logins + float(rng.normal(-0.2, 2)))
            complaints = int(rng.poisson(0.3))
            logit = -1.1 - logins / 5 + complaints * 1.1 + (plan == "basic") * 0.6
            left = bool(churned(rng, np.array([logit]))[0])
            gone = months[place] + pd.Timedelta(days=int(rng.integers(3, 28)))
            made.append(
                {
                    "customer_id": customer,
                    "snapshot_date": months[place].strftime("%Y-%m-%d"),
                    "plan": plan,
                    "tenure_months": tenure + place,
                    "logins_last_30d": round(logins),
                    "complaints": complaints,
                    "avg_balance": round(balance + float(rng.normal(0, 200)), 2),
                    "churn_date": gone.strftime("%Y-%m-%d") if left else "",
                    "churn": int(left),
                }
            )
            if left:
                break
    frame = pd.DataFrame(made[:rows]).sort_values("snapshot_date", kind="stable").reset_index(drop=True)
    frame.insert(0, "snapshot_id", np.arange(1, rows + 1))
    return frame


MONTHLY_SNAPSHOTS = TableShape(
    "monthly_snapshots",
    monthly_snapshots,
    RightDraft(
        id="customer_id",
        label="churn",
        ignored=frozenset({"snapshot_id", "snapshot_date", "churn_date"}),
        features={
            "plan": "categorical",
            "tenure_months": "numeric",
            "logins_last_30d": "numeric",
            "complaints": "ordinal",
            "avg_balance": "numeric",
        },
        time="snapshot_date",
        label_time="churn_date",
        doubts=("'customer_id'", "'snapshot_id'", "'snapshot_date'", "'churn_date'"),
    ),
)


def money(rows: int, rng: Rng) -> pd.DataFrame:
    """Amounts with a sign and thousands separators, per cents, a hyphen where nothing is known."""
    balance = np.where(rng.random(rows) < 0.2, 0, rng.lognormal(9, 1, rows)).round(2)
    fees = rng.gamma(2, 15, rows).round(2)
    used = rng.beta(2, 3, rows)
    change = rng.normal(0, 900, rows).round(2)
    score = rng.integers(300, 851, rows).astype(object)
    score[rng.random(rows) < 0.1] = "-"
    left = churned(rng, -1.6 + fees / 30 - balance / 20_000 + (used > 0.6) * 1.4 - change / 1_500)
    return pd.DataFrame(
        {
            "Client ID": [f"CL-{number:06d}" for number in rng.permutation(rows) + 1],
            "As of": days(rng, "2024-01-01", "2024-12-31", rows).sort_values().strftime("%Y-%m-%d"),
            "Segment": rng.choice(["Retail", "Affluent", "Private"], rows, p=[0.7, 0.2, 0.1]),
            "Balance": [f"${amount:,.2f}" for amount in balance],
            "Net change": [f"-${-amount:,.2f}" if amount < 0 else f"${amount:,.2f}" for amount in change],
            "Monthly fees": [f"{amount:.2f}" for amount in fees],
            "Limit used": [f"{100 * share:.1f}%" for share in used],
            "Credit score": score,
            "Attrited": np.where(left, "Yes", "No"),
        }
    )


MONEY = TableShape(
    "money",
    money,
    RightDraft(
        id="Client ID",
        label="Attrited",
        positive="Yes",
        negative="No",
        ignored=frozenset({"As of"}),
        features={
            "Segment": "categorical",
            **dict.fromkeys(("Balance", "Net change", "Monthly fees", "Limit used", "Credit score"), "numeric"),
        },
        time="As of",
        doubts=("'As of'",),
    ),
)


def label_in_the_middle(rows: int, rng: Rng) -> pd.DataFrame:
    """Yes and No in the middle, among columns that are called as a label is."""
    visits, spend = rng.poisson(6, rows), rng.gamma(3, 40, rows).round(2)
    support = rng.poisson(1, rows)
    region = rng.choice(["north", "south", "east", "west"], rows)
    left = churned(rng, -0.9 - visits / 5 + support * 0.9 - spend / 400)
    flag = np.where(churned(rng, np.where(left, 1.2, -1.2)), "1", "0").astype(object)
    flag[rng.random(rows) < 0.08] = "U"
    return pd.DataFrame(
        {
            "churn_risk_segment": np.where(churned(rng, (support - 1) * 0.8), "high", "low"),
            "account_no": rng.choice(np.arange(7_000_000, 7_900_000), rows, replace=False),
            "observed_on": days(rng, "2024-03-01", "2024-08-31", rows).strftime("%Y-%m-%d"),
            "visits": visits,
            "status": rng.choice(["active", "dormant", "closed"], rows, p=[0.7, 0.2, 0.1]),
            "churn": np.where(left, "Yes", "No"),
            "churn_flag": flag,
            "left": rng.choice(["bank", "branch"], rows),
            "region": region,
            "support_calls": support,
            "spend": spend,
            "exit_survey_sent": rng.integers(0, 2, rows),
        }
    )


LABEL_IN_THE_MIDDLE = TableShape(
    "label_in_the_middle",
    label_in_the_middle,
    RightDraft(
        id="account_no",
        label="churn",
        positive="Yes",
        negative="No",
        ignored=frozenset({"churn_risk_segment", "churn_flag", "left", "status", "exit_survey_sent", "observed_on"}),
        features={"visits": "either", "region": "categorical", "support_calls": "ordinal", "spend": "numeric"},
        time="observed_on",
        doubts=("'churn_risk_segment'", "'churn_flag'", "'left'", "'status'", "'exit_survey_sent'", "'observed_on'"),
    ),
)


def dates(rows: int, rng: Rng) -> pd.DataFrame:
    """Dates of several formats and meanings, one that all rows are ordered by, one of leaving that is mostly empty."""
    moment = days(rng, "2024-01-01", "2024-12-20", rows) + pd.to_timedelta(rng.integers(0, 86_400, rows), unit="s")
    joined = moment - pd.to_timedelta(rng.integers(30, 3_000, rows), unit="D")
    seen = moment - pd.to_timedelta(rng.integers(0, 60, rows), unit="D")
    born = days(rng, "1940-01-01", "2005-12-31", rows)
    idle, orders, tickets = (moment - seen).days.to_numpy(), rng.poisson(5, rows), rng.poisson(1, rows)
    left = churned(rng, -2.4 + idle / 16 - orders / 6 + tickets * 0.7)
    closed = moment + pd.to_timedelta(rng.integers(2, 40, rows), unit="D")
    return pd.DataFrame(
        {
            "customer": [f"K{number:07d}" for number in rng.choice(9_999_999, rows, replace=False)],
            "date_of_birth": born.strftime("%d.%m.%Y"),
            "joined_on": joined.strftime("%d.%m.%Y"),
            "last_login": seen.strftime("%m/%d/%Y"),
            "event_time": moment.strftime("%Y-%m-%dT%H:%M:%S"),
            "closed_on": np.where(left, closed.strftime("%Y-%m-%d"), ""),
            "orders": orders,
            "idle_days": idle,
            "tickets": tickets,
            "exited": left.astype(int),
        }
    )


DATES = TableShape(
    "dates",
    dates,
    RightDraft(
        id="customer",
        label="exited",
        private=frozenset({"date_of_birth"}),
        ignored=frozenset({"joined_on", "last_login", "event_time", "closed_on"}),
        features={"orders": "either", "idle_days": "numeric", "tickets": "ordinal"},
        time="event_time",
        label_time="closed_on",
        doubts=("'event_time'", "'closed_on'"),
    ),
)


def umlauts(rows: int, rng: Rng) -> pd.DataFrame:
    """A German spreadsheet's CSV: semicolons, decimal commas, dates of its own, umlauts in names and cells."""
    age, contracts = rng.integers(18, 90, rows), rng.integers(1, 6, rows)
    fee = rng.gamma(4, 12, rows).round(2)
    sex = rng.choice(["männlich", "weiblich"], rows)
    place = rng.choice(["Köln", "München", "Nürnberg", "Düsseldorf", "Zürich"], rows)
    left = churned(rng, -1.2 + fee / 45 - contracts * 0.5 + (age < 35) * 0.9)
    first = rng.choice(["Jürgen", "Käthe", "Björn", "Anna", "Sören", "Müge", "Jörg", "Renée"], rows)
    street = rng.choice(["Hauptstraße", "Königsallee", "Gänsemarkt"], rows)
    return pd.DataFrame(
        {
            "Kundennummer": rng.choice(np.arange(100_000, 999_999), rows, replace=False),
            "Vorname": first,
            "Straße": [f"{name} {number}" for name, number in zip(street, rng.integers(1, 200, rows), strict=True)],
            "Stichtag": days(rng, "2024-01-01", "2024-12-31", rows).sort_values().strftime("%d.%m.%Y"),
            "Geschlecht": sex,
            "Wohnort": place,
            "Alter": age,
            "Beitrag": fee,
            "Verträge": contracts,
            "Gekündigt": np.where(left, "ja", "nein"),
        }
    )


UMLAUTS = TableShape(
    "umlauts",
    umlauts,
    RightDraft(
        id="Kundennummer",
        label="Gekündigt",
        positive="ja",
        negative="nein",
        private=frozenset({"Vorname", "Straße"}),
        ignored=frozenset({"Stichtag"}),
        features={
            "Geschlecht": "categorical",
            "Wohnort": "categorical",
            "Alter": "numeric",
            "Beitrag": "numeric",
            "Verträge": "ordinal",
        },
        time="Stichtag",
        doubts=("'Stichtag'",),
    ),
    write=as_csv(sep=";", decimal=",", encoding="cp1252"),
)

FIVE = (MONTHLY_SNAPSHOTS, MONEY, LABEL_IN_THE_MIDDLE, DATES, UMLAUTS)
