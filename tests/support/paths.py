"""Where the repository lies, and what lies beside it."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHIPPED_SCHEMA = ROOT / "contract" / "datasets" / "bank_churn.toml"
REAL_TABLE = ROOT.parent / "shared" / "data" / "Churn_Modelling.csv"
"""The public bank-churn table; tests that want it are skipped where it is missing."""
