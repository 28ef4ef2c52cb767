"""What the plots share: matplotlib when it is needed, axes, colours, labels that do not overlap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from inspect import signature
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, cast

import numpy as np
import pandas as pd

from nmfre.core.arguments import check_alpha, check_choice, check_label
from nmfre.core.typing import FloatArray, IntArray
from nmfre.data.checks import DATES, SPANS, on_a_scale
from nmfre.errors import InvalidArgumentError, MissingDependencyError
from nmfre.results import NMFREResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

COLOURS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
"""Ten colours that colour-blind readers can tell apart (Petroff 2021, arXiv:2107.02270)."""
INK, GREY = "#333333", "#8a8a8a"
SEQUENTIAL, DIVERGING = "Blues", "RdBu_r"
LINES = ("-", "--", "-.", ":")
FONT, THINNED_FONT, SMALLEST_FONT = 10.0, 8.0, 6.0
"""Sizes of labels, in points: as a rule, where only some are shown, where all just fit."""
LONGEST, LONGEST_TURNED = 40, 24
"""Characters of a label; of one on the x axis that is turned."""
UNITS_OF_TIME = ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))
LINE = 1.25
"""Height of a line of text, in sizes of its font."""

Order = Literal["cluster"]
P = ParamSpec("P")
R = TypeVar("R")


def plot_of(kind: type) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a plot refuse a first argument that is not of this class, and an alpha that is none."""

    def decorated(function: Callable[P, R]) -> Callable[P, R]:
        first, *others = signature(function).parameters

        @wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            given = args[0] if args else kwargs.get(first)
            if args or first in kwargs:
                check_class(first, given, kind)
            if "alpha" in others:
                check_alpha(kwargs.get("alpha", 0.05))
            return function(*args, **kwargs)

        return checked

    return decorated


def check_class(argument: str, value: Any, kind: type) -> None:
    """``value`` must be of this class."""
    if not isinstance(value, kind):
        raise InvalidArgumentError(argument, value, kind.__name__)


def require_matplotlib() -> None:
    """Matplotlib is optional: say how to get it where it is missing."""
    try:
        import matplotlib.pyplot  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            purpose="plotting", package="matplotlib", extra="plots"
        ) from error


def axes(ax: Any, width: float, height: float) -> Axes:
    """The given axes, or those of a new figure of this size in inches; no lines at top or right."""
    require_matplotlib()
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes

    if ax is None:
        ax = plt.figure(figsize=(width, height), layout="constrained").add_subplot()
    if not isinstance(ax, Axes):
        raise InvalidArgumentError("ax", ax, "axes of matplotlib, or None")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def colour(position: int) -> str:
    """Colour of the component, group or fit at a position; they repeat after ten."""
    return COLOURS[position % len(COLOURS)]


def line(position: int) -> str:
    """Line style that goes with the colour, so that grey copies can be read."""
    return LINES[position % len(LINES)]


def text(label: Any, longest: int = LONGEST) -> str:
    """A label of the data as plain text; of a very long one the middle is left out."""
    if isinstance(label, tuple):
        return ", ".join(map(text, label))
    if isinstance(label, pd.Timestamp) and label == label.normalize():
        label = label.date()
    if isinstance(label, float | np.floating):
        label = f"{label:g}"
    shown = str(label)
    if len(shown) > longest:
        end = longest // 3
        shown = f"{shown[: longest - 1 - end]}…{shown[-end:]}"
    return shown.replace("$", r"\$")


def name(index: pd.Index, default: str) -> str:
    """What an index is about: its name, or a default."""
    return default if index.name is None else text(index.name)


def size(ax: Axes) -> tuple[float, float]:
    """Width and height of the axes, in points."""
    box = ax.get_window_extent()
    dpi = ax.figure.dpi
    return 72.0 * box.width / dpi, 72.0 * box.height / dpi


def text_width(shown: str, font: float) -> float:
    """Width of a text, in points."""
    from matplotlib.textpath import TextPath

    if not shown.strip():  # there is no path then
        return 0.0
    return float(np.asarray(TextPath((0, 0), shown, size=font).vertices)[:, 0].max())


def labels_width(labels: Sequence[Any] | pd.Index) -> float:
    """Width that labels beside the y axis take, in inches."""
    require_matplotlib()
    return text_width(max(map(text, labels), key=len), FONT) / 72.0


def fitting_font(room: float) -> tuple[float, int]:
    """
    Size of the font for labels that lie ``room`` points apart, and the step from one to the next.

    They are smaller where they are many, down to a limit; from there on only every second, fifth,
    tenth, ... is shown.
    """
    if room >= SMALLEST_FONT * LINE:
        return min(room / LINE, FONT), 1
    return THINNED_FONT, _round_step(THINNED_FONT * LINE / room)


def _round_step(least: float) -> int:
    """The first of 1, 2, 5, 10, 20, 50, ... from ``least`` on."""
    power: int = 10 ** int(np.floor(np.log10(max(least, 1.0))))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least)


def label_ticks(ax: Axes, axis: Literal["x", "y"], labels: Sequence[Any] | pd.Index) -> None:
    """
    A label a tick, or where they are too many for that, every second, fifth, tenth, ... of them.

    Labels of the x axis are turned where they are too long to stand side by side.
    """
    width, height = size(ax)
    room = (width if axis == "x" else height) / len(labels)
    texts = [text(label) for label in labels]
    font, step = fitting_font(room)
    rotation = 0
    if axis == "x":
        longest = max(texts, key=len)
        wide = text_width(longest, THINNED_FONT)
        if text_width(longest, FONT) + 0.5 * FONT <= room:
            font = FONT
        elif step > 1 and wide <= 4 * THINNED_FONT:  # short ones: fewer of them need no turning
            step = _round_step((wide + THINNED_FONT) / room)
        else:
            rotation = 45 if room * step >= 1.6 * font else 90
            texts = [text(label, LONGEST_TURNED) for label in labels]
    target = ax.xaxis if axis == "x" else ax.yaxis
    target.set_ticks(np.arange(len(texts))[::step], texts[::step])
    ax.tick_params(axis, labelsize=font, labelrotation=rotation, length=0 if step == 1 else 3)
    if rotation == 45:
        for label in ax.get_xticklabels():
            label.set(horizontalalignment="right", rotation_mode="anchor")


def legend(ax: Axes, title: str | None = None, **handles: Any) -> None:
    """A legend beside the axes, where it hides nothing."""
    ax.legend(title=title, loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, **handles)


def twin(ax: Axes, label: str) -> Axes:
    """Axes with a scale of their own on the right."""
    other = ax.twinx()
    other.spines["top"].set_visible(False)
    other.set_ylabel(label)
    return other


def legend_above(ax: Axes, handles: Sequence[Any], labels: Sequence[str]) -> None:
    """A legend above the axes, in one line, of what they and their twin show."""
    ax.legend(
        handles, labels, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False
    )


def zero_line(ax: Axes, axis: Literal["x", "y"]) -> None:
    """A thin line at zero of this axis, behind all else."""
    draw = ax.axvline if axis == "x" else ax.axhline
    draw(0.0, color=GREY, linewidth=1, zorder=0)


def occasions(ax: Axes, responses: pd.Index) -> tuple[FloatArray, IntArray]:
    """
    Positions of the responses along the x axis, which is labelled, and their order along it.

    Numbers and times lie where they are, other labels side by side.
    """
    ax.set_xlabel(name(responses, "response"))
    if not on_a_scale(responses):
        label_ticks(ax, "x", responses)
        return np.arange(float(len(responses))), np.arange(len(responses))
    if pd.api.types.infer_dtype(responses) in DATES:
        positions = _dates(ax, responses)
        return positions, np.argsort(positions, kind="stable")
    positions, unit = _numbers(responses)
    if unit:
        ax.set_xlabel(f"{name(responses, 'response')} ({unit})")
    order = np.argsort(positions, kind="stable")
    if (np.diff(positions[order]) > 0.07 * np.ptp(positions)).all():
        ax.set_xticks(positions[order])
    return positions, order


def _dates(ax: Axes, responses: pd.Index) -> FloatArray:
    """Positions of dates, or of the starts of periods, on an axis that is made one of dates."""
    from matplotlib import dates

    if pd.api.types.infer_dtype(responses) == "period":
        responses = pd.PeriodIndex(responses).to_timestamp()
    if isinstance(responses.dtype, pd.DatetimeTZDtype):
        responses = pd.DatetimeIndex(responses).tz_localize(None)  # as clocks there show them
    axis, kinds = cast("Any", ax.xaxis), cast("Any", dates)  # they have no types
    axis.update_units(responses.to_numpy())
    locator = kinds.AutoDateLocator(minticks=3, maxticks=6)
    axis.set_major_locator(locator)
    axis.set_major_formatter(kinds.ConciseDateFormatter(locator))
    return np.asarray(axis.convert_units(responses.to_numpy()), dtype=np.float64)


def _numbers(responses: pd.Index) -> tuple[FloatArray, str]:
    """Numbers as they are; durations and times of the day in a unit of time, and its name."""
    kind = pd.api.types.infer_dtype(responses)
    if kind not in SPANS:
        return responses.to_numpy(dtype=np.float64), ""
    if kind == "time":
        clocks = [(t.hour * 60 + t.minute) * 60 + t.second + t.microsecond / 1e6 for t in responses]
        seconds = np.array(clocks)
    else:
        seconds = pd.TimedeltaIndex(responses).total_seconds().to_numpy()
    gap = np.diff(np.sort(seconds)).min(initial=np.inf)
    length, unit = next(item for item in UNITS_OF_TIME if gap >= item[0] or item[0] == 1.0)
    return seconds / length, unit


def ordered(shares: FloatArray, order: Order | None) -> IntArray:
    """Order of rows; "cluster": by the column with the largest entry, there from large to small."""
    if order is None:
        return np.arange(len(shares))
    check_choice("order", order, Order)
    return np.lexsort((-shares.max(axis=1), shares.argmax(axis=1)))


def check_component(results: NMFREResults, component: Any) -> int:
    """Position of a component."""
    components = list(results.model.components)
    check_label("component", component, components)
    return components.index(component)


def heatmap(ax: Axes, values: FloatArray, title: str, *, diverging: bool = False) -> AxesImage:
    """Cells coloured by value from white for zero, grey where it is NaN, with a colour bar."""
    largest = float(np.nanmax(np.abs(values)))
    image = ax.imshow(
        values,
        aspect="auto",
        interpolation="nearest",
        cmap=DIVERGING if diverging else SEQUENTIAL,
        vmin=-largest if diverging else 0.0,
        vmax=largest,
    )
    bar = ax.figure.colorbar(image, ax=ax, fraction=0.05, pad=0.02, aspect=30)
    bar.set_label(title)
    bar.outline.set_visible(False)
    ax.spines[:].set_visible(False)
    ax.set_facecolor(GREY)
    return image
