"""What ``churnstream retrain`` prints: what was read, whether it is time and why, the version, what became of it."""

from rich.console import Console

from training.commands.show import show as show_training
from training.retrain.retrain import RetrainingResult


def show(result: RetrainingResult, console: Console) -> None:
    """Print it, what is to be done next last."""

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    for clause in result.told:
        say(f"{clause[0].upper()}{clause[1:]}.")
    say(f"{'It is time to train' if result.decision.trains else 'Nothing is trained'}: {_joined(result)}.")
    if result.trained is not None:
        show_training(result.trained)
    if result.compared is not None:
        say(result.compared)
    if result.became is None:
        return
    say(result.became.said)
    if result.version is not None and result.became.next:
        say(f"Next: {result.became.next}")


def _joined(result: RetrainingResult) -> str:
    return "; ".join(reason.rstrip(".") for reason in result.decision.reasons)
