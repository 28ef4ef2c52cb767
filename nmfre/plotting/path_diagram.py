"""The fit as a diagram: covariates -> components -> responses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nmfre.core.typing import FloatArray
from nmfre.plotting import _shared as draw
from nmfre.plotting._shared import FONT, text_width
from nmfre.plotting.paths import (
    MANY_RESPONSES,
    MOST_EFFECTS,
    MOST_LOADINGS,
    NEGATIVE,
    Edge,
    Paths,
    paths,
)
from nmfre.results import NMFREResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EDGE_FONTS = (9.0, 8.0, 7.0, 6.0, 5.0)
SMALLEST_EDGE_FONT = 4.5
"""Of these, on paper."""
SMALLEST_SCALE = 0.7
MARGIN = 30.0
"""Height of the headings above and of the notes below, in points."""
NOTE_FONT = 8.0
FEW_COVARIATES = 12
PAD = 6.0
SPAN = 430.0
"""Width between covariates and responses in a figure of its own."""
MIDDLE = 0.58
"""Where the components stand between them: there is more to be read on the left."""
WIDEST_SIDE = 0.3
"""Share of the width that the labels of covariates, or of responses, may take."""
ALONG = np.linspace(0.06, 0.92, 60)
"""Where on an edge its label may sit, as shares of its length."""


def plot_path_diagram(
    results: NMFREResults,
    *,
    alpha: float = 0.05,
    max_effects: int = MOST_EFFECTS,
    max_loadings: int = MOST_LOADINGS,
    ax: Axes | None = None,
) -> Axes:
    """
    Path diagram: covariates on the left, components in the middle, responses on the right.

    Edges from covariates are labelled with the coefficient and stars for p < 0.05, 0.01 and 0.001.
    They are dashed if p is not below ``alpha``, absent if the coefficient is 0, and pink if it is
    negative. Their width shows the effect of one standard deviation of the covariate, so that
    covariates in different units can be compared; constant covariates are scaled among themselves.
    Edges to responses have the colour of their component, and their width shows the loading.
    Loadings below 1 / (2 P), half of the mean loading, are left out; with more than 20 responses,
    those below 1 / P.

    If there are many effects or loadings, only the largest are drawn, and a note below the diagram
    says so. Labels do not overlap: the font is smaller if there are many, and in small axes labels
    without room are left out.

    Parameters
    ----------
    results : NMFREResults
    alpha : float
        Effects are dashed if their p-value is not below this level.
    max_effects, max_loadings : int
        Maximum numbers of effects and loadings to draw.
    ax : matplotlib.axes.Axes, optional
        Default: those of a new figure, tall enough for its labels.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidArgumentError
    MissingDependencyError
        Without matplotlib.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> ax = model.fit(df_cap=0.21).plot_path_diagram()
    >>> [shown.get_text() for shown in ax.texts if shown.get_text()[0].isdigit()]
    ['8', '10', '12', '14', '90.5***', '9.43**']
    """
    draw.check_plot("results", results, NMFREResults)
    graph = paths(results, alpha, max_effects, max_loadings)
    design, components = results.model.design, list(results.model.components)
    left = ["covariates", *map(draw.text, design.covariates)]
    right = [draw.name(design.responses, "responses"), *map(draw.text, design.responses)]
    wide = [max(text_width(label, FONT) for label in labels) for labels in (left, right)]
    needed = SPAN + sum(wide) + 4 * PAD
    own_figure = ax is None
    ax = draw.axes(ax, needed / 72.0, _figure_height(results, graph))
    if own_figure:
        ax.set_position((0.01, 0.01, 0.98, 0.98))
    paper = draw.size(ax)
    scale = float(np.clip(paper[0] / needed, SMALLEST_SCALE, 1.0))
    canvas = _Canvas(ax, scale, *(paper / scale))
    ax.set_axis_off()
    ax.set(xlim=(0.0, canvas.width), ylim=(0.0, canvas.height))
    start, end = canvas.side(left, wide[0], "right"), canvas.side(right, wide[1], "left")
    x = start[0, 0] + MIDDLE * (end[0, 0] - start[0, 0])
    middle = canvas.column(x, len(components))
    radius = canvas.circles(middle, components)
    _effects(canvas, graph.effects, start, middle, radius)
    for edge in reversed(graph.loadings):  # the strongest on top
        ends = np.stack([middle[edge.component], end[edge.other]])
        canvas.arrow(ends, edge, draw.colour(edge.component), (radius, 0.0))
    canvas.notes(graph.notes)
    return ax


def _figure_height(results: NMFREResults, graph: Paths) -> float:
    """Height in inches that gives every label its place."""
    n_responses, rank = results.basis.shape
    n_covariates = len(results.theta.columns)
    right = 24.0 * min(n_responses, MANY_RESPONSES) + 12.0 * max(n_responses - MANY_RESPONSES, 0)
    left = 40.0 * min(n_covariates, FEW_COVARIATES) + 12.0 * max(n_covariates - FEW_COVARIATES, 0)
    height = 2 * MARGIN + max(right, 64.0 * rank, 11.0 * len(graph.effects), left)
    return float(np.clip(height / 72.0, 3.0, 30.0))


@dataclass(frozen=True, slots=True)
class _Canvas:
    """
    Axes measured in points; in narrow ones everything is smaller by ``scale``.

    Attributes
    ----------
    ax : matplotlib.axes.Axes
    scale : float
        Points on paper for a point here.
    width, height : float
        Of the axes, in points as they are here.
    """

    ax: Axes
    scale: float
    width: float
    height: float

    @property
    def inner_height(self) -> float:
        """Without the margins."""
        return self.height - 2 * MARGIN

    def column(self, x: float, n: int) -> FloatArray:
        """Places of n things, evenly from top to bottom; (n, 2)."""
        y = self.height - MARGIN - self.inner_height * (np.arange(n) + 0.5) / n
        return np.column_stack([np.full(n, x), y])

    def text(self, x: float, y: float, shown: str, font: float, **style: Any) -> None:
        """Text at a point, centred unless the style says otherwise."""
        style = {"ha": "center", "va": "center", "zorder": 4, "color": draw.ink(), **style}
        self.ax.text(x, y, shown, fontsize=self.scale * font, **style)

    def heading(self, x: float, shown: str, font: float, **style: Any) -> None:
        """Text at the top."""
        self.text(x, self.height - 0.4 * MARGIN, shown, font, style="italic", **style)

    def side(self, labels: list[str], wide: float, align: Literal["left", "right"]) -> FloatArray:
        """
        A heading and labels at a side; where the edges of the labels start or end, (n, 2).

        Covariates are aligned to the right, at the left side, responses the other way round. The
        widest label has width ``wide``.
        """
        heading, *labels = labels
        shrink = min(wide, WIDEST_SIDE * self.width) / wide
        inner = shrink * wide + PAD
        x, offset = (inner, -PAD / 2) if align == "right" else (self.width - inner, PAD / 2)
        places = self.column(x, len(labels))
        font, step = draw.fitting_font(self.scale * self.inner_height / len(labels))
        font = shrink * min(font / self.scale, FONT)
        for i in range(0, len(labels), step):
            self.text(x + offset, places[i, 1], labels[i], font, ha=align)
        self.heading(x + offset, heading, shrink * FONT, ha=align)
        return places

    def circles(self, centres: FloatArray, components: list[str]) -> float:
        """Circles with the names of the components; their radius."""
        wide = max(text_width(component, FONT) for component in components)
        room = self.inner_height / len(components)
        shrink = min(1.0, 0.9 * room / (wide + 2 * PAD))
        radius = shrink * (wide / 2 + PAD)
        area = (2 * self.scale * radius) ** 2
        for q, (x, y) in enumerate(centres):
            circle = self.ax.scatter(x, y, area, zorder=3)
            circle.set(facecolor=draw.paper(self.ax), edgecolor=draw.colour(q))
            circle.set_linewidth(2 * self.scale)
            self.text(x, y, components[q], shrink * FONT)
        self.heading(centres[0, 0], "components", FONT)
        return radius

    def notes(self, notes: list[str]) -> None:
        """Notes below, in as few lines as hold them."""
        shown, *others = notes
        for note in others:
            last = shown.rpartition("\n")[2]
            beside = text_width(f"{last}; {note}", NOTE_FONT) + 2 * PAD <= self.width
            shown += f"; {note}" if beside else f"\n{note}"
        lines = shown.split("\n")
        widest = max(text_width(line, NOTE_FONT) for line in lines)
        high = draw.LINE * NOTE_FONT * len(lines)
        shrink = min(1.0, self.width / (widest + 2 * PAD), MARGIN / high)
        self.text(self.width / 2, MARGIN / 2, shown, shrink * NOTE_FONT)

    def arrow(
        self,
        ends: FloatArray,
        edge: Edge,
        shade: str,
        radii: tuple[float, float],
    ) -> None:
        """An arrow between circles, whose width and opacity go with the strength of the edge."""
        from matplotlib.patches import FancyArrowPatch

        strength = edge.strength

        arrow = FancyArrowPatch(
            *ends,
            arrowstyle="-|>",
            mutation_scale=self.scale * (5.0 + 7.0 * strength),
            shrinkA=self.scale * radii[0],
            shrinkB=self.scale * (radii[1] + 1.0),
            linewidth=self.scale * (0.6 + 3.0 * strength),
            linestyle=(0, (3, 2)) if edge.dashed else "-",
            color=shade,
            alpha=0.45 + 0.45 * strength,
            zorder=1,
        )
        self.ax.add_patch(arrow)


def _effects(
    canvas: _Canvas, edges: list[Edge], start: FloatArray, end: FloatArray, radius: float
) -> None:
    """Edges from covariates to components and their labels, the strongest on top."""
    shades = {False: draw.ink(), True: draw.on_paper(NEGATIVE)}
    ends = np.array([[start[edge.other], end[edge.component]] for edge in edges])
    ends = ends.reshape(-1, 2, 2)
    for edge, between in zip(reversed(edges), reversed(ends), strict=True):
        canvas.arrow(between, edge, shades[edge.negative], (0.0, radius))
    labels = [edge.label for edge in edges]
    fonts = [font for font in EDGE_FONTS if canvas.scale * font >= SMALLEST_EDGE_FONT]
    font, centres = _places(ends, labels, radius, fonts)
    box = {"facecolor": draw.paper(canvas.ax), "edgecolor": "none", "pad": 1.0}
    for edge, (x, y) in zip(edges, centres, strict=True):
        if np.isfinite(x):
            shade = shades[edge.negative]
            canvas.text(x, y, edge.label, font, bbox=box, color=shade, zorder=5)


def _places(
    ends: FloatArray, labels: list[str], radius: float, fonts: list[float]
) -> tuple[float, FloatArray]:
    """
    Font and centres (E, 2) of the labels of edges, none of which overlap.

    In the largest font in which all find a place; in the smallest some may find none: NaN.

    Parameters
    ----------
    ends : (E, 2, 2)
        Start and end of each edge, in points; the first choose first.
    labels : list of E str
    radius : float
        Of the circles at the ends.
    fonts : list of float
        Sizes to try, from large to small.
    """
    wide = np.array([text_width(label, 1.0) for label in labels])
    for font in fonts:
        height = np.full(len(wide), draw.LINE * font + 4.0)
        half = np.column_stack([font * wide + 6.0, height]) / 2
        centres = np.full((len(wide), 2), np.nan)
        for i in range(len(wide)):
            centres[i] = _place(ends, half, centres, i, radius)
        if np.isfinite(centres).all():
            break
    return font, centres


def _place(
    ends: FloatArray, halves: FloatArray, centres: FloatArray, i: int, radius: float
) -> FloatArray:
    """
    The best free place for label i on its edge, or NaN.

    Free of circles, of the ends and of the labels placed before; best where few other edges pass
    or come near, then near the middle.
    """
    (start, end), half = ends[i], halves[i]
    spots = start + ALONG[:, None] * (end - start)
    x, y = spots.T
    taken = (np.abs(spots[:, None] - centres) < half + halves).all(axis=2).any(axis=1)
    free = ~taken & (x - half[0] > start[0]) & (x + half[0] < end[0] - radius)
    if not free.any():
        return np.full(2, np.nan)
    first, last = np.delete(ends, i, axis=0).transpose(1, 2, 0)
    slope = (last[1] - first[1]) / (last[0] - first[0])
    reach = x[:, None] + half[0] * np.array([-1.0, 1.0])[:, None, None]
    heights = first[1] + slope * (reach - first[0])
    gap = np.maximum(heights.min(axis=0) - y[:, None], y[:, None] - heights.max(axis=0))
    near = np.clip(2.0 - gap / half[1], 0.0, 1.0).sum(axis=1)
    return np.asarray(spots[np.where(free, near + np.abs(ALONG - 0.5), np.inf).argmin()])
