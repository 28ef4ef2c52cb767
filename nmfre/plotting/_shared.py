"""What the plots share: axes, colours, labels that do not overlap."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from nmfre.core.arguments import check_choice
from nmfre.core.typing import FloatArray, IntArray
from nmfre.data.checks import DATES, SPANS, on_a_scale
from nmfre.errors import InvalidArgumentError, MissingDependencyError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

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
GREY = "#8a8a8a"
"""Of helping lines: halfway between black and white, so that it shows on either."""
LIGHTER = 0.4
"""Share of white in the colours on a dark background."""
LINES = ("-", "--", "-.", ":")
MARKERS = "osD^vPX*<>"
HATCHES = ("", "///", "...", "\\\\\\", "xxx", "ooo", "+++", "---", "|||", "**")
"""Of areas: they tell components apart where colours do not."""
HATCHING = 0.6
"""Opacity of the hatching."""
FONT, THINNED_FONT, SMALLEST_FONT = 10.0, 8.0, 6.0
"""Sizes of labels, in points: as a rule, where only some are shown, where all just fit."""
LONGEST, LONGEST_TURNED = 40, 24
"""Characters of a label; of one on the x axis that is turned."""
UNITS_OF_TIME = ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"), (0.0, "seconds"))
ROUNDED = 1.07
"""Widest text on a screen, over its outline: measured for fonts of 6 to 10 points."""
LINE = 1.25
"""Height of a line of text, in sizes of its font."""

Order = Literal["cluster"]
Colour: TypeAlias = tuple[float, float, float, float]
Line: TypeAlias = tuple[object, object]
"""Component and covariate, or the heading of the component."""
HEADING = object()


def check_class(argument: str, value: object, kind: type) -> None:
    """The argument must be of this class."""
    if not isinstance(value, kind):
        raise InvalidArgumentError(argument, value, kind.__name__)


def check_plot(argument: str, value: object, kind: type) -> None:
    """The argument must be of this class, and matplotlib, which is optional, installed."""
    check_class(argument, value, kind)
    try:
        import matplotlib.pyplot  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            purpose="plotting", package="matplotlib", extra="plots"
        ) from error


def axes(ax: object, width: float, height: float) -> Axes:
    """The given axes, or those of a new figure of this size in inches; no lines at top or right."""
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes

    if ax is None:
        ax = plt.figure(figsize=(width, height), layout="constrained").add_subplot()
    if not isinstance(ax, Axes):
        raise InvalidArgumentError("ax", ax, "axes of matplotlib, or None")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def ink() -> str:
    """Colour of text in the style of the user."""
    from matplotlib import rcParams

    return str(rcParams["text.color"])


def paper(ax: Axes) -> Colour:
    """Colour behind what is drawn: of the axes or, where these are transparent, of the figure."""
    from matplotlib.colors import to_rgba

    behind = (ax.get_facecolor() if ax.axison else "none", ax.figure.figure.get_facecolor())
    opaque = [shade for shade in map(to_rgba, behind) if shade[3] > 0.0]
    return opaque[0] if opaque else to_rgba("black" if is_light(ink()) else "white")


def is_light(shade: str | Colour) -> bool:
    """Whether a colour is closer to white than to black."""
    from matplotlib.colors import to_rgb

    return float(np.dot(to_rgb(shade), [0.299, 0.587, 0.114])) > 0.5


def on_paper(shade: str) -> str:
    """A colour, made lighter where the style of the user has light text on dark paper."""
    from matplotlib.colors import to_hex, to_rgb

    if not is_light(ink()):
        return shade
    red, green, blue = (LIGHTER + (1.0 - LIGHTER) * part for part in to_rgb(shade))
    return str(to_hex((red, green, blue)))


def colour(position: int) -> str:
    """Colour of the component, group or fit at a position; they repeat after ten."""
    return on_paper(COLOURS[position % len(COLOURS)])


def marker(position: int) -> str:
    """Marker that goes with the colour."""
    return MARKERS[position % len(MARKERS)]


def fill(ax: Axes, area: Patch, position: int) -> None:
    """Fill an area with the colour of a position and the hatching that goes with it."""
    lines = (*paper(ax)[:3], HATCHING)
    hatch = HATCHES[position % len(HATCHES)]
    area.set(facecolor=colour(position), edgecolor=lines, hatch=hatch, linewidth=0)


def line(position: int) -> str:
    """Line style that goes with the colour, so that grey copies can be read."""
    return LINES[position % len(LINES)]


def number(value: float) -> str:
    """A number as plots show it: three significant digits, integers whole."""
    if 100.0 <= abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:#.3g}".rstrip(".")


def shortened(label: object, longest: int = LONGEST) -> str:
    """A label of the data; of a very long one the middle is left out."""
    if isinstance(label, tuple):
        return ", ".join(map(shortened, label))
    if isinstance(label, pd.Timestamp) and label == label.normalize():
        label = label.date()
    shown = f"{label:g}" if isinstance(label, float | np.floating) else str(label)
    if len(shown) > longest:
        end = longest // 3
        shown = f"{shown[: longest - 1 - end]}…{shown[-end:]}"
    return shown


def text(label: object, longest: int = LONGEST) -> str:
    """A label of the data for matplotlib, as `shortened`; dollar signs start no formula."""
    return re.sub(r"(?<!\\)\$", r"\$", shortened(label, longest))


def name(index: pd.Index, default: str) -> str:
    """What an index is about: its name, or a default."""
    return default if index.name is None else text(index.name)


def percent(alpha: float) -> str:
    """An interval of this level, in words."""
    return f"{100 * (1 - alpha):g} % interval"


def size(ax: Axes) -> FloatArray:
    """Width and height of the axes, in points."""
    box = ax.get_window_extent()
    return np.array([box.width, box.height]) * 72.0 / ax.figure.dpi


def text_width(shown: str, font: float) -> float:
    """Width of a text, in points, with what renderers add as they round the widths of letters."""
    from matplotlib.textpath import TextPath

    if not shown.strip():  # there is no path then
        return 0.0
    outline = np.asarray(TextPath((0, 0), shown, size=font).vertices)
    return ROUNDED * float(outline[:, 0].max())


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


def label_ticks(ax: Axes, axis: Literal["x", "y"], labels: Collection[object]) -> None:
    """
    A label a tick, or where they are too many for that, every second, fifth, tenth, ... of them.

    Labels of the x axis are turned where they are too long to stand side by side.
    """
    room = size(ax)["xy".index(axis)] / len(labels)
    texts = list(map(text, labels))
    font, step = fitting_font(room)
    style: dict[str, Any] = {}
    if axis == "x":
        longest = max(texts, key=len)
        wide = text_width(longest, THINNED_FONT)
        if text_width(longest, FONT) + 0.5 * FONT <= room:
            font = FONT
        elif step > 1 and wide <= 4 * THINNED_FONT:  # short ones: fewer of them need no turning
            step = _round_step((wide + THINNED_FONT) / room)
        else:
            texts = [text(label, LONGEST_TURNED) for label in labels]
            style = {"rotation": 90}
            if room * step >= 1.6 * font:
                style = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    ax.tick_params(axis, length=0 if step == 1 else 3)
    target = ax.xaxis if axis == "x" else ax.yaxis
    target.set_ticks(range(0, len(texts), step), texts[::step], fontsize=font, **style)


def lines(components: Iterable[object], covariates: Iterable[object]) -> list[Line]:
    """Lines of a plot of coefficients: a component has a heading, and below it its covariates."""
    covariates = list(covariates)
    return [(component, line) for component in components for line in (HEADING, *covariates)]


def label_lines(ax: Axes, lines: list[Line]) -> None:
    """Their labels at the y axis, from top to bottom, and a line at zero."""
    ax.locator_params("x", nbins=7)
    zero_line(ax, "x")
    ax.set_ylim(len(lines) - 0.5, -0.5)
    label_ticks(ax, "y", [name if line is HEADING else line for name, line in lines])
    for tick, label in zip(ax.get_yticks(), ax.get_yticklabels(), strict=True):
        if lines[int(tick)][1] is HEADING:
            label.set_fontweight("bold")


def legend(ax: Axes, title: str | None = None) -> None:
    """A legend beside the axes, where it hides nothing."""
    ax.legend(title=title, loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False)


def twin(
    ax: Axes, x: ArrayLike, values: ArrayLike, label: str, lines: list[Line2D], marker: str = ""
) -> Axes:
    """Values on a scale of their own on the right, and a legend above of them and these lines."""
    right = ax.twinx()
    right.spines["top"].set_visible(False)
    right.set_ylabel(label)
    what, shade = f"{label} (right)", colour(2)
    lines = [*lines, *right.plot(x, values, "--", label=what, color=shade, marker=marker)]
    ax.legend(handles=lines, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False)
    return right


def zero_line(ax: Axes, axis: Literal["x", "y"]) -> None:
    """A thin line at zero of this axis, behind all else."""
    draw = ax.axvline if axis == "x" else ax.axhline
    draw(0.0, color=GREY, linewidth=1, zorder=0)


def occasions(ax: Axes, responses: pd.Index) -> tuple[FloatArray, IntArray]:
    """
    Positions of the responses along the x axis, which is labelled, and their order along it.

    Numbers and times lie where they are, other labels side by side.
    """
    kind, what = pd.api.types.infer_dtype(responses), name(responses, "response")
    if not on_a_scale(responses):
        label_ticks(ax, "x", responses)
        positions = np.arange(float(len(responses)))
    elif kind in DATES:
        positions = _dates(ax, responses, kind)
    elif kind in SPANS:
        positions, unit = _spans(responses, kind)
        what = f"{what} ({unit})"
    else:
        positions = responses.to_numpy(dtype=np.float64)
    order = np.argsort(positions, kind="stable")
    gaps = np.diff(positions[order])
    if on_a_scale(responses) and kind not in DATES and (gaps > 0.07 * gaps.sum()).all():
        ax.set_xticks(positions[order])
    ax.set_xlabel(what)
    return positions, order


def are_ordered(responses: pd.Index) -> bool:
    """Whether responses follow each other: numbers, times, or ordered categories in their order."""
    categories = isinstance(responses.dtype, pd.CategoricalDtype) and bool(responses.dtype.ordered)
    return on_a_scale(responses) or (categories and responses.is_monotonic_increasing)


def _dates(ax: Axes, responses: pd.Index, kind: str) -> FloatArray:
    """Positions of dates, or of the starts of periods, on an axis that is made one of dates."""
    import matplotlib.dates

    if kind == "period":
        responses = pd.PeriodIndex(responses).to_timestamp()
    if isinstance(responses, pd.DatetimeIndex):
        responses = responses.tz_localize(None)  # as clocks there show them
    dates: Any = matplotlib.dates  # it has no types
    locator = dates.AutoDateLocator(minticks=3, maxticks=6)
    ax.xaxis_date()
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
    return np.asarray(dates.date2num(responses.to_numpy()), dtype=np.float64)


def _spans(responses: pd.Index, kind: str) -> tuple[FloatArray, str]:
    """Durations and times of the day in a unit of time, and its name."""
    if kind == "time":
        responses = pd.Index([time.strftime("%H:%M:%S.%f") for time in responses])
    seconds = pd.to_timedelta(responses).total_seconds().to_numpy()
    gap = np.diff(np.sort(seconds)).min(initial=np.inf)
    length, unit = next(item for item in UNITS_OF_TIME if gap >= item[0])
    return seconds / (length or 1.0), unit


def ordered(shares: FloatArray, order: Order | None) -> IntArray:
    """Order of rows; "cluster": by the column with the largest entry, there from large to small."""
    if order is None:
        return np.arange(len(shares))
    check_choice("order", order, Order)
    return np.lexsort((-shares.max(axis=1), shares.argmax(axis=1)))


def heatmap(ax: Axes, table: pd.DataFrame, title: str, *, diverging: bool = False) -> None:
    """Cells coloured by value from white for zero, grey where it is NaN, with a colour bar."""
    values = table.to_numpy()
    largest = float(np.nanmax(np.abs(values)))
    image = ax.imshow(
        values,
        aspect="auto",
        interpolation="nearest",
        cmap="RdBu_r" if diverging else "Blues",
        vmin=-largest if diverging else 0.0,
        vmax=largest,
    )
    bar = ax.figure.colorbar(image, ax=ax, fraction=0.05, pad=0.02, aspect=30, label=title)
    bar.outline.set_visible(False)
    ax.spines[:].set_visible(False)
    ax.set_facecolor(GREY)
    label_ticks(ax, "y", table.index)
    label_ticks(ax, "x", table.columns)
