"""Synthetic tables with the columns of well-known public churn tables."""

import numpy as np
import pandas as pd

from tests.support.tables.own.shape import RightDraft, Rng, TableShape, churned


def _yes(rng: Rng, rows: int, third: str | None = None) -> "np.typing.NDArray[np.str_]":
    return rng.choice(["Yes", "No", third] if third else ["Yes", "No"], rows)


def telco_churn(rows: int, rng: Rng) -> pd.DataFrame:
    """As the public telco table: TotalCharges is a blank for customers who have only just come."""
    tenure = rng.integers(0, 73, rows)
    charges = rng.uniform(18, 119, rows).round(2)
    contract = rng.choice(["Month-to-month", "One year", "Two year"], rows, p=[0.55, 0.21, 0.24])
    left = churned(rng, -0.5 - tenure / 20 + (contract == "Month-to-month") * 1.6 + (charges - 65) / 45)
    made: dict[str, object] = {
        "customerID": [
            f"{number:04d}-{''.join(rng.choice(list('ABCDEFGHIJ'), 5))}" for number in rng.permutation(rows)
        ],
        "gender": rng.choice(["Female", "Male"], rows),
        "SeniorCitizen": rng.choice([0, 1], rows, p=[0.84, 0.16]),
        "Partner": _yes(rng, rows),
        "Dependents": _yes(rng, rows),
        "tenure": tenure,
        "PhoneService": _yes(rng, rows),
        "MultipleLines": _yes(rng, rows, "No phone service"),
        "InternetService": rng.choice(["DSL", "Fiber optic", "No"], rows),
    }
    for service in ("OnlineSecurity", "OnlineBackup", "DeviceProtection", "TechSupport", "StreamingTV"):
        made[service] = _yes(rng, rows, "No internet service")
    return pd.DataFrame(
        made
        | {
            "Contract": contract,
            "PaperlessBilling": _yes(rng, rows),
            "PaymentMethod": rng.choice(["Electronic check", "Mailed check", "Bank transfer (automatic)"], rows),
            "MonthlyCharges": charges,
            "TotalCharges": [f"{a * b:.2f}" if a else " " for a, b in zip(tenure, charges, strict=True)],
            "Churn": np.where(left, "Yes", "No"),
        }
    )


_SERVICES = (
    *("gender", "Partner", "Dependents", "PhoneService", "MultipleLines", "InternetService", "OnlineSecurity"),
    *("OnlineBackup", "DeviceProtection", "TechSupport", "StreamingTV", "Contract", "PaperlessBilling"),
    "PaymentMethod",
)

TELCO_CHURN = TableShape(
    "telco_churn",
    telco_churn,
    RightDraft(
        id="customerID",
        label="Churn",
        positive="Yes",
        negative="No",
        features={
            **dict.fromkeys(_SERVICES, "categorical"),
            "SeniorCitizen": "flag",
            **dict.fromkeys(("tenure", "MonthlyCharges", "TotalCharges"), "numeric"),
        },
    ),
)

NAIVE_BAYES = (
    "Naive_Bayes_Classifier_Attrition_Flag_Card_Category_Contacts_Count_12_mon_Dependent_count_Education_Level_Months"
    "_Inactive_12_mon_"
)


def bank_churners(rows: int, rng: Rng) -> pd.DataFrame:
    """As the public table of credit cards: labels that are words, and two columns of another model's answers."""
    transactions, inactive = rng.integers(10, 140, rows), rng.integers(0, 7, rows)
    left = churned(rng, (45 - transactions) / 14 + inactive / 4)
    answer = np.clip(np.where(left, 0.99, 0.001) + rng.normal(0, 1e-4, rows), 0, 1)
    return pd.DataFrame(
        {
            "CLIENTNUM": rng.choice(np.arange(708_000_000, 800_000_000), rows, replace=False),
            "Attrition_Flag": np.where(left, "Attrited Customer", "Existing Customer"),
            "Customer_Age": rng.integers(26, 74, rows),
            "Gender": rng.choice(["F", "M"], rows),
            "Dependent_count": rng.integers(0, 6, rows),
            "Education_Level": rng.choice(["High School", "Graduate", "Uneducated", "Unknown", "College"], rows),
            "Marital_Status": rng.choice(["Married", "Single", "Unknown", "Divorced"], rows),
            "Income_Category": rng.choice(["$60K - $80K", "Less than $40K", "$80K - $120K", "Unknown"], rows),
            "Card_Category": rng.choice(["Blue", "Gold", "Silver", "Platinum"], rows),
            "Months_on_book": rng.integers(13, 57, rows),
            "Total_Relationship_Count": rng.integers(1, 7, rows),
            "Months_Inactive_12_mon": inactive,
            "Contacts_Count_12_mon": rng.integers(0, 7, rows),
            "Credit_Limit": rng.uniform(1_438, 34_516, rows).round(1),
            "Total_Trans_Amt": rng.integers(510, 18_000, rows),
            "Total_Trans_Ct": transactions,
            "Avg_Utilization_Ratio": rng.uniform(0, 1, rows).round(3),
            f"{NAIVE_BAYES}1": answer,
            f"{NAIVE_BAYES}2": 1 - answer,
        }
    )


BANK_CHURNERS = TableShape(
    "bank_churners",
    bank_churners,
    RightDraft(
        id="CLIENTNUM",
        label="Attrition_Flag",
        positive="Attrited Customer",
        negative="Existing Customer",
        ignored=frozenset({f"{NAIVE_BAYES}1", f"{NAIVE_BAYES}2"}),
        features={
            **dict.fromkeys(("Gender", "Education_Level", "Marital_Status", "Income_Category"), "categorical"),
            "Card_Category": "categorical",
            **dict.fromkeys(("Customer_Age", "Months_on_book", "Credit_Limit", "Total_Trans_Amt"), "numeric"),
            **dict.fromkeys(("Total_Trans_Ct", "Avg_Utilization_Ratio"), "numeric"),
            **dict.fromkeys(("Dependent_count", "Total_Relationship_Count", "Months_Inactive_12_mon"), "ordinal"),
            "Contacts_Count_12_mon": "ordinal",
        },
        doubts=(f"'{NAIVE_BAYES}1'", f"'{NAIVE_BAYES}2'"),
    ),
)


def shop_churn(rows: int, rng: Rng) -> pd.DataFrame:
    """As the public table of an online shop: gaps in many numbers, flags and satisfaction marks."""
    tenure = np.round(rng.gamma(1.5, 7, rows))
    complained = rng.choice([0, 1], rows, p=[0.72, 0.28])
    left = churned(rng, -0.6 - tenure / 7 + complained * 1.6)

    def gaps(values: "np.typing.NDArray[np.float64]") -> "np.typing.NDArray[np.float64]":
        return np.where(rng.random(rows) < 0.05, np.nan, values)

    return pd.DataFrame(
        {
            "CustomerID": np.arange(50_001, 50_001 + rows),
            "Churn": left.astype(int),
            "Tenure": gaps(tenure),
            "PreferredLoginDevice": rng.choice(["Mobile Phone", "Phone", "Computer"], rows),
            "CityTier": rng.integers(1, 4, rows),
            "WarehouseToHome": gaps(rng.integers(5, 36, rows).astype(float)),
            "PreferredPaymentMode": rng.choice(["Debit Card", "UPI", "Credit Card", "CC", "COD"], rows),
            "Gender": rng.choice(["Female", "Male"], rows),
            "HourSpendOnApp": gaps(rng.integers(0, 6, rows).astype(float)),
            "NumberOfDeviceRegistered": rng.integers(1, 7, rows),
            "PreferedOrderCat": rng.choice(["Laptop & Accessory", "Mobile", "Mobile Phone", "Fashion"], rows),
            "SatisfactionScore": rng.integers(1, 6, rows),
            "MaritalStatus": rng.choice(["Single", "Divorced", "Married"], rows),
            "NumberOfAddress": rng.integers(1, 23, rows),
            "Complain": complained,
            "OrderAmountHikeFromlastYear": gaps(rng.integers(11, 27, rows).astype(float)),
            "CouponUsed": gaps(rng.poisson(2, rows).astype(float)),
            "DaySinceLastOrder": gaps(rng.integers(0, 47, rows).astype(float)),
            "CashbackAmount": rng.gamma(10, 18, rows).round(2),
        }
    )


SHOP_CHURN = TableShape(
    "shop_churn",
    shop_churn,
    RightDraft(
        id="CustomerID",
        label="Churn",
        features={
            **dict.fromkeys(("PreferredLoginDevice", "PreferredPaymentMode", "Gender"), "categorical"),
            **dict.fromkeys(("PreferedOrderCat", "MaritalStatus"), "categorical"),
            **dict.fromkeys(("WarehouseToHome", "Tenure", "DaySinceLastOrder"), "numeric"),
            **dict.fromkeys(("NumberOfAddress", "OrderAmountHikeFromlastYear"), "numeric"),
            "CashbackAmount": "numeric",
            **dict.fromkeys(("CityTier", "NumberOfDeviceRegistered", "SatisfactionScore", "CouponUsed"), "ordinal"),
            "HourSpendOnApp": "ordinal",
            "Complain": "flag",
        },
        doubts=("'NumberOfAddress'",),
    ),
)

KAGGLE = (TELCO_CHURN, BANK_CHURNERS, SHOP_CHURN)
