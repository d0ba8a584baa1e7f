"""A retraining that is killed (SIGKILL) right before or after one of its steps: ``python -m … STEP``."""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import training.making
import training.registered.promotion
import training.retrain.retrain
from contract.settings import load_settings
from training.retrain.options import RetrainOptions

STEPS: dict[str, tuple[Any, str, bool]] = {
    "before training": (training.retrain.retrain, "train", False),
    "before registration": (training.making, "register", False),
    "after registration": (training.making, "register", True),
    "before the policy": (training.retrain.retrain, "promote", False),
    "after the judgement": (training.registered.promotion, "judge", True),
    "after the alias": (training.registered.promotion, "give_alias", True),
    "after the policy": (training.retrain.retrain, "promote", True),
}
"""By name: the module and the function in it, and whether it is done before the process dies."""


def main(step: str) -> None:
    """Retrain because an incident stands, promote, and die."""
    module, name, done = STEPS[step]
    whole: Callable[..., Any] = getattr(module, name)

    def deadly(*given: Any, **named: Any) -> None:
        if done:
            whole(*given, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(module, name, deadly)
    training.retrain.retrain.retrain(load_settings(), RetrainOptions(when=("performance",), policy="promote"))


if __name__ == "__main__":
    main(sys.argv[1])
