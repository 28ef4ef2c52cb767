"""The fit as a diagram: covariates -> components -> responses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nmfre.core.typing import FloatArray
from nmfre.plotting._shared import (
    COLOURS,
    FONT,
    GREY,
    INK,
    LINE,
    axes,
    colour,
    fitting_font,
    name,
    plot_of,
    require_matplotlib,
    size,
    text,
    text_width,
)
from nmfre.report.tables import meaning_of_stars, stars
from nmfre.results import NMFREResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MANY_RESPONSES = 20
POSITIVE, NEGATIVE = COLOURS[0], COLOURS[2]
EDGE_FONTS = (9.0, 8.0, 7.0, 6.0, 5.0)
SMALLEST_EDGE_FONT = 4.5
"""Of these, on paper."""
SMALLEST_SCALE = 0.7
MARGIN = 26.0
"""Height of the headings above and of the note below, in points."""
PAD = 6.0
SPAN = 430.0
"""Width between covariates and responses in a figure of its own."""
MIDDLE = 0.58
"""Where the components stand between them: there is more to be read on the left."""
WIDEST_SIDE = 0.3
"""Share of the width that the labels of covariates, or of responses, may take."""
ALONG = np.linspace(0.06, 0.92, 60)
"""Where on an edge its label may sit, as shares of its length."""


@plot_of(NMFREResults)
def plot_path_diagram(
    results: NMFREResults, *, alpha: float = 0.05, ax: Axes | None = None
) -> Axes:
    """
    Path diagram: covariates on the left, components in the middle, responses on the right.

    Edges from covariates carry the coefficient and stars, one for p < 0.05, two for p < 0.01, three
    for p < 0.001. They are dashed where p is not below ``alpha``, and absent where the coefficient
    is 0. Their width goes with the effect of one standard deviation of the covariate, so that
    covariates of different units compare; covariates that are constant are compared with one
    another. Edges to responses are as wide as the loading; loadings below 1 / (2 P), half of what a
    flat basis has, are left out, and those below 1 / P where there are more than 20 responses.
    Labels are put where they hide no other, in a smaller font where there are many; in axes that
    are too small for that, those that find no place are left out.

    Parameters
    ----------
    results : NMFREResults
    alpha : float
        Level below which an effect is drawn with a solid line.
    ax : matplotlib.axes.Axes, optional
        Default: those of a new figure, as tall as its labels need.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
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
    require_matplotlib()
    design, components = results.model.design, list(results.model.components)
    covariates = [text(label) for label in design.covariates]
    responses = [text(label) for label in design.responses]
    headings = ["covariates", name(design.responses, "responses")]
    wide, wide_right = (
        max(text_width(label, FONT) for label in [heading, *labels])
        for heading, labels in zip(headings, (covariates, responses), strict=True)
    )
    needed = SPAN + wide + wide_right + 4 * PAD
    own_figure = ax is None
    ax = axes(ax, needed / 72.0, _figure_height(results))
    if own_figure:
        ax.set_position((0.01, 0.01, 0.98, 0.98))
    canvas = _Canvas.on(ax, needed)
    start = canvas.side(covariates, headings[0], wide, "right")
    end = canvas.side(responses, headings[1], wide_right, "left")
    x = start[0, 0] + MIDDLE * (end[0, 0] - start[0, 0])
    middle = np.column_stack([np.full(len(components), x), canvas.spread(len(components))])
    radius = canvas.circles(middle, components)
    _effects(canvas, results, alpha, start, middle, radius)
    _loadings(canvas, results.estimate.X, middle, end, radius)
    legend_of_stars = meaning_of_stars()
    note = f"{legend_of_stars}; dashed: p not below {alpha:g}"
    font = min(8.0, 8.0 * canvas.width / (text_width(note, 8.0) + 2 * PAD))
    canvas.text((canvas.width / 2, 0.3 * MARGIN), note, font, color=GREY)
    return ax


def _figure_height(results: NMFREResults) -> float:
    """Height in inches that gives every label its place."""
    n_responses, rank = results.basis.shape
    n_effects, n_covariates = int((~results.at_bound).sum()), len(results.theta.columns)
    rows = 24.0 * min(n_responses, MANY_RESPONSES) + 12.0 * max(n_responses - MANY_RESPONSES, 0)
    height = 2 * MARGIN + max(rows, 64.0 * rank, 11.0 * n_effects, 40.0 * n_covariates)
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

    @classmethod
    def on(cls, ax: Axes, needed: float) -> _Canvas:
        """The canvas that axes make for a diagram which needs this width."""
        width, height = size(ax)
        scale = float(np.clip(width / needed, SMALLEST_SCALE, 1.0))
        ax.set_axis_off()
        ax.set(xlim=(0.0, width / scale), ylim=(0.0, height / scale))
        return cls(ax, scale, width / scale, height / scale)

    def spread(self, n: int) -> FloatArray:
        """Heights of n things, evenly from top to bottom; (n,)."""
        return self.height - MARGIN - (self.height - 2 * MARGIN) * (np.arange(n) + 0.5) / n

    def text(self, at: Any, shown: str, font: float, *, color: str = INK, **style: Any) -> None:
        """Text at a point, centred unless the style says otherwise."""
        style = {"ha": "center", "va": "center", "zorder": 4, **style}
        self.ax.text(at[0], at[1], shown, fontsize=self.scale * font, color=color, **style)

    def heading(self, x: float, shown: str, font: float, **style: Any) -> None:
        """Text at the top."""
        self.text((x, self.height - 0.4 * MARGIN), shown, font, color=GREY, **style)

    def side(
        self, labels: list[str], heading: str, wide: float, align: Literal["left", "right"]
    ) -> FloatArray:
        """
        Labels at a side, and their heading; where their edges start or end, (n, 2).

        Covariates are aligned to the right, at the left side, responses the other way round. The
        widest label has width ``wide``.
        """
        most = min(wide, WIDEST_SIDE * self.width)
        shrink = most / wide
        x, offset = (most + PAD, -PAD / 2)
        if align == "left":
            x, offset = self.width - x, -offset
        ys = self.spread(len(labels))
        room = (self.height - 2 * MARGIN) / len(labels)
        font, step = fitting_font(self.scale * room)
        font = shrink * min(font / self.scale, FONT)
        for y, label in list(zip(ys, labels, strict=True))[::step]:
            self.text((x + offset, y), label, font, ha=align)
        self.heading(x + offset, heading, shrink * FONT, ha=align)
        return np.column_stack([np.full(len(ys), x), ys])

    def circles(self, centres: FloatArray, components: list[str]) -> float:
        """Circles with the names of the components; their radius."""
        wide = max(text_width(component, FONT) for component in components)
        room = (self.height - 2 * MARGIN) / len(components)
        shrink = min(1.0, 0.9 * room / (wide + 2 * PAD))
        radius = shrink * (wide / 2 + PAD)
        style: dict[str, Any] = {"facecolor": "white", "linewidth": 2 * self.scale, "zorder": 3}
        for q, (component, (x, y)) in enumerate(zip(components, centres, strict=True)):
            self.ax.scatter(x, y, s=(2 * self.scale * radius) ** 2, edgecolor=colour(q), **style)
            self.text((x, y), component, shrink * FONT)
        self.heading(centres[0, 0], "components", FONT)
        return radius

    def arrow(
        self,
        start: FloatArray,
        end: FloatArray,
        strength: float,
        shade: str,
        *,
        dashed: bool = False,
        begin: float = 0.0,
        stop: float = 0.0,
    ) -> None:
        """An arrow whose width and opacity go with the strength, from 0 to 1."""
        from matplotlib.patches import FancyArrowPatch

        arrow = FancyArrowPatch(
            tuple(start),
            tuple(end),
            arrowstyle="-|>",
            mutation_scale=self.scale * (5.0 + 7.0 * strength),
            shrinkA=self.scale * begin,
            shrinkB=self.scale * (stop + 1.0),
            linewidth=self.scale * (0.6 + 3.0 * strength),
            linestyle=(0, (3, 2)) if dashed else "-",
            color=shade,
            alpha=0.3 + 0.6 * strength,
            zorder=1,
        )
        self.ax.add_patch(arrow)


def _effects(
    canvas: _Canvas,
    results: NMFREResults,
    alpha: float,
    start: FloatArray,
    end: FloatArray,
    radius: float,
) -> None:
    """Edges from covariates to components and their labels, the strongest on top."""
    theta, strength = results.estimate.Theta, _strength(results)
    at_bound = results.at_bound.to_numpy().reshape(theta.shape, order="F")
    pvalues = results.pvalues.to_numpy().reshape(theta.shape, order="F")
    edges = [edge for edge in np.ndindex(theta.shape) if not at_bound[edge]]
    edges.sort(key=lambda edge: -strength[edge])
    for q, k in reversed(edges):
        canvas.arrow(
            start[k],
            end[q],
            float(strength[q, k]),
            POSITIVE if theta[q, k] > 0.0 else NEGATIVE,
            dashed=not pvalues[q, k] < alpha,
            stop=radius,
        )
    shown = [_number(float(theta[edge])) + stars(float(pvalues[edge])) for edge in edges]
    ends = np.array([[start[k], end[q]] for q, k in edges]).reshape(-1, 2, 2)
    fonts = [font for font in EDGE_FONTS if canvas.scale * font >= SMALLEST_EDGE_FONT]
    font, centres = _places(ends, shown, radius, fonts)
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
    for label, centre in zip(shown, centres, strict=True):
        if centre is not None:
            canvas.text(centre, label, font, bbox=box, zorder=5)


def _strength(results: NMFREResults) -> FloatArray:
    """
    Sizes of the effects of one standard deviation of the covariates, the largest being 1; (Q, K).

    Those of constant covariates by themselves, for they have no standard deviation.
    """
    theta, design, n_units = results.estimate.Theta, results.model.design, results.n_units
    (sums,) = design.total(_sums, design.A)
    (squares,) = design.total(partial(_squares_around, sums / n_units), design.A)
    spread = np.sqrt(squares / n_units)
    constant = spread <= 1e-12 * design.orthonormal().scale
    strength: FloatArray = np.abs(theta) * np.where(constant, 1.0, spread)
    for kind in (constant, ~constant):
        largest = strength[:, kind].max(initial=0.0)
        strength[:, kind] /= largest if largest > 0.0 else 1.0
    return strength


def _sums(start: int, A: FloatArray) -> tuple[FloatArray]:
    """Sums of covariates over some units."""
    return (A.sum(axis=1),)


def _squares_around(means: FloatArray, start: int, A: FloatArray) -> tuple[FloatArray]:
    """Sums of the squares around the means."""
    return (((A - means[:, None]) ** 2).sum(axis=1),)


def _loadings(
    canvas: _Canvas, X: FloatArray, start: FloatArray, end: FloatArray, radius: float
) -> None:
    """Edges from components to responses, the strongest on top."""
    largest, least = X.max(), (0.5 if len(X) <= MANY_RESPONSES else 1.0) / len(X)
    for p, q in sorted(np.ndindex(X.shape), key=lambda edge: X[edge]):
        if X[p, q] >= least:
            canvas.arrow(start[q], end[p], float(X[p, q] / largest), colour(q), begin=radius)


def _number(value: float) -> str:
    """A coefficient in three digits."""
    return f"{value:.0f}" if 100.0 <= abs(value) < 1e6 else f"{value:.3g}"


def _places(
    ends: FloatArray, labels: list[str], radius: float, fonts: list[float]
) -> tuple[float, list[FloatArray | None]]:
    """
    Font and centres of the labels of edges, none of which overlap.

    In the largest font in which all find a place; in the smallest some may find none.

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
        boxes = np.column_stack([font * wide + 6.0, np.full(len(wide), LINE * font + 4.0)])
        centres: list[FloatArray | None] = []
        for i in range(len(labels)):
            centres.append(_place(ends, boxes, centres, i, radius))
        if all(centre is not None for centre in centres):
            break
    return font, centres


def _place(
    ends: FloatArray,
    boxes: FloatArray,
    centres: list[FloatArray | None],
    i: int,
    radius: float,
) -> FloatArray | None:
    """
    The best free place for label i on its edge, or None.

    Free of circles, of the ends and of the labels placed before; best where few other edges pass
    or come near, then near the middle.
    """
    start, end = ends[i]
    spots = start + ALONG[:, None] * (end - start)
    half = boxes[i] / 2
    free = (spots[:, 0] - half[0] > start[0]) & (spots[:, 0] + half[0] < end[0] - radius)
    for j, centre in enumerate(centres):
        if centre is not None:
            apart = np.abs(spots - centre) >= half + boxes[j] / 2
            free &= apart.any(axis=1)
    if not free.any():
        return None
    others = np.delete(ends, i, axis=0)
    slope = (others[:, 1, 1] - others[:, 0, 1]) / (others[:, 1, 0] - others[:, 0, 0])
    reach = spots[:, :1, None] + half[0] * np.array([-1.0, 1.0])
    heights = others[:, 0, 1, None] + slope[:, None] * (reach - others[:, 0, 0, None])
    y = spots[:, 1:]
    gap = np.maximum(heights.min(axis=2) - y, y - heights.max(axis=2)) / half[1] - 1.0
    cost = np.clip(1.0 - gap, 0.0, 1.0).sum(axis=1) + np.abs(ALONG - 0.5)
    return np.asarray(spots[np.where(free, cost, np.inf).argmin()])
