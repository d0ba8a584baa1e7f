"""How every figure looks: sizes, colours that colour-blind people tell apart, and PNG bytes. No display is needed.

Figures are made without pyplot, so nothing is kept between them and threads do not meet.
"""

import io

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Okabe & Ito, Color Universal Design, 2008
BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7"
GREY, INK = "#8A8A8A", "#222222"
DPI = 120
LONGEST_TICK = 28
# a category between dollar signs is a category and no formula
mpl.rcParams["text.parse_math"] = False


def one_axes(title: str, x: str, y: str, *, width: float = 6.4, height: float = 4.8) -> tuple[Figure, Axes]:
    """A figure of one drawing with a title and named axes; ``width`` and ``height`` in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    name(axes, title, x, y)
    return figure, axes


def several_axes(
    count: int, *, width: float, height: float, heights: tuple[float, ...] = ()
) -> tuple[Figure, list[Axes]]:
    """A figure of drawings side by side; one above the other, in the proportions of ``heights``, if that is given."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    if heights:
        made = figure.subplots(count, 1, height_ratios=heights, squeeze=False)
    else:
        made = figure.subplots(1, count, squeeze=False)
    return figure, list(made.ravel())


def name(axes: Axes, title: str, x: str, y: str) -> None:
    """Title and axes' names, a light grid behind the data, no box around it."""
    axes.set_title(title, fontsize=11, color=INK, loc="left")
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#E3E3E3", linewidth=0.8)
    axes.set_axisbelow(True)


def shortened(text: str) -> str:
    """A name as it fits beside an axis: at most ``LONGEST_TICK`` characters."""
    return text if len(text) <= LONGEST_TICK else f"{text[: LONGEST_TICK - 1]}…"


def png(figure: Figure) -> bytes:
    """The figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()
