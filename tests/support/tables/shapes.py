"""Small tables of other shapes than the bank's, in the manner of public churn tables; their churn can be learned."""

import numpy as np
import pandas as pd

SECRET = "Zzyzxsecret"


def telco(rows: int = 600, seed: int = 0) -> pd.DataFrame:
    """Text ids, label words, names with blanks, gaps in a number (a blank cell) and in a category, a private column."""
    rng = np.random.default_rng(seed)
    months = rng.integers(0, 73, rows)
    contract = rng.choice(["Month-to-month", "One year", "Two year"], rows, p=[0.55, 0.2, 0.25])
    charges = rng.uniform(18, 120, rows).round(2)
    logit = 0.3 - months / 18 + (contract == "Month-to-month") * 1.5 + (charges - 65) / 40
    left = rng.random(rows) < 1 / (1 + np.exp(-logit))
    payment = rng.choice(np.array(["Electronic check", "Mailed check", "Bank transfer", ""], dtype=object), rows)
    return pd.DataFrame(
        {
            "customerID": [f"{number:04d}-X{number % 7}" for number in rng.permutation(rows)],
            "Customer Name": [f"{SECRET} {number}" for number in range(rows)],
            "SeniorCitizen": rng.integers(0, 2, rows),
            "Partner": rng.choice(["Yes", "No"], rows),
            "tenure": months,
            "Contract Type": contract,
            "Payment Method": payment,
            "Monthly Charges": charges,
            "Total Charges": [f"{a * b:.2f}" if a else " " for a, b in zip(months, charges, strict=True)],
            "Churn": np.where(left, "Yes", "No"),
        }
    )


TELCO = """
name = "telco"
id = "customerID"
private = ["Customer Name"]
on_violation = "score"

[label]
column = "Churn"
positive = "Yes"
negative = "No"

[features.SeniorCitizen]
kind = "flag"

[features.Partner]
kind = "categorical"
categories = ["No", "Yes"]

[features.tenure]
kind = "numeric"
min = 0

[features.ContractType]
column = "Contract Type"
kind = "categorical"
categories = ["Month-to-month", "One year", "Two year"]

[features.PaymentMethod]
column = "Payment Method"
kind = "categorical"
categories = ["Bank transfer", "Electronic check", "Mailed check"]
missing = true

[features.MonthlyCharges]
column = "Monthly Charges"
kind = "numeric"

[features.TotalCharges]
column = "Total Charges"
kind = "numeric"
missing = true
"""


def credit_cards(rows: int = 600, seed: int = 0) -> pd.DataFrame:
    """Label sentences, whole numbers, a column that gives the label away, one that is constant, and dates."""
    rng = np.random.default_rng(seed)
    transactions = rng.integers(10, 140, rows)
    inactive = rng.integers(0, 7, rows)
    left = rng.random(rows) < 1 / (1 + np.exp((transactions - 45) / 12 - inactive / 4))
    return pd.DataFrame(
        {
            "CLIENTNUM": rng.choice(np.arange(708_000_000, 800_000_000), rows, replace=False),
            "Attrition_Flag": np.where(left, "Attrited Customer", "Existing Customer"),
            "Customer_Age": rng.integers(26, 74, rows),
            "Income Category": rng.choice(["$40K - $60K", "$60K - $80K", "Less than $40K", "Unknown"], rows),
            "Months_Inactive_12_mon": inactive,
            "Total_Trans_Ct": transactions,
            "Avg_Utilization_Ratio": rng.uniform(0, 1, rows).round(3),
            "Classifier_Attrition": np.where(left, 0.99, 0.01) + rng.normal(0, 1e-3, rows),
            "Currency": "USD",
            "Opened": pd.date_range("2015-01-01", periods=rows).strftime("%Y-%m-%d"),
        }
    )
