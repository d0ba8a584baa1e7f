"""NannyML's CBPE on the windows of ``estimate_quality``, in an environment of its own."""

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from label_sources import Source

from contract.arrays import Floats, Labels
from contract.windows import Estimate

_SILENT = {"NML_DISABLE_USAGE_LOGGING": "1"}
PEERS = Path(__file__).with_name("peer_libraries.py")


class ScoredWindow(NamedTuple):
    """The customers of one window."""

    scores: Floats
    labels: Labels


def cbpe(python: str, source: Source, windows: Sequence[ScoredWindow]) -> list[dict[str, Estimate]]:
    """NannyML's estimates of windows of one size, with the source's reference rows to calibrate on.

    Raises:
        subprocess.CalledProcessError: that interpreter cannot do it.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scores, labels = source.reference
        _frame(scores, source.threshold).assign(label=labels).to_csv(folder / "reference.csv", index=False)
        frames = [_frame(one.scores, source.threshold).assign(_window=at) for at, one in enumerate(windows)]
        pd.concat(frames).to_csv(folder / "windows.csv", index=False)
        answer = subprocess.run(
            [python, PEERS, "cbpe", folder], check=True, capture_output=True, text=True, env=os.environ | _SILENT
        )
    found = json.loads(answer.stdout.splitlines()[-1])
    return [{name: Estimate(*ends) for name, ends in one.items()} for one in found]


def _frame(scores: Floats, threshold: float) -> pd.DataFrame:
    return pd.DataFrame({"score": scores, "prediction": (scores >= threshold).astype(np.int64)})
