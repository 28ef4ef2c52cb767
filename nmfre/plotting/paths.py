"""The fit as a graph, covariates -> components -> responses: its edges, and its DOT text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmfre.core.arguments import check_alpha, check_whole
from nmfre.core.typing import FloatArray
from nmfre.data.weights import by_unit
from nmfre.plotting import _shared as draw
from nmfre.report.numbers import STARS_MEAN, stars
from nmfre.results import NMFREResults

MANY_RESPONSES = 20
MOST_EFFECTS, MOST_LOADINGS = 24, 40
"""As many as can be followed by eye."""
NEGATIVE = "#d6308f"
"""Pink, which is no colour of a component; positive effects have the colour of text."""
DOT_SHADE = "#333333"


@dataclass(frozen=True, slots=True)
class Edge:
    """
    An arrow from a covariate to a component, or from a component to a response.

    Attributes
    ----------
    component, other : int
        Positions of the component and of the covariate or response.
    strength : float
        From 0 to 1.
    label : str
        The coefficient with stars; none for loadings.
    negative, dashed : bool
        Whether the effect is below zero, and whether it is not significant.
    """

    component: int
    other: int
    strength: float
    label: str = ""
    negative: bool = False
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Paths:
    """
    What is drawn.

    Attributes
    ----------
    effects, loadings : list of Edge
        The strongest first.
    notes : list of str
        What dashes and colours mean, and what is left out.
    """

    effects: list[Edge]
    loadings: list[Edge]
    notes: list[str]


def paths(results: NMFREResults, alpha: float, max_effects: int, max_loadings: int) -> Paths:
    """The edges of a path diagram; see `nmfre.plotting.plot_path_diagram`."""
    check_alpha(alpha)
    check_whole("max_effects", max_effects, least=1)
    check_whole("max_loadings", max_loadings, least=1)
    X, Theta = results.estimate.X, results.estimate.Theta
    at_bound = results.at_bound.to_numpy().reshape(Theta.shape, order="F")
    pvalues = results.pvalues.to_numpy().reshape(Theta.shape, order="F")
    strength = _strength(results)
    effects = [
        Edge(
            q,
            k,
            strength[q, k],
            f"{draw.number(Theta[q, k])}{stars(pvalues[q, k])}",
            negative=bool(Theta[q, k] < 0.0),
            dashed=not pvalues[q, k] < alpha,
        )
        for q, k in np.argwhere(~at_bound).tolist()
    ]
    least = (0.5 if len(X) <= MANY_RESPONSES else 1.0) / len(X)
    loadings = [Edge(q, p, X[p, q] / X.max()) for p, q in np.argwhere(least <= X).tolist()]
    unknown = np.isnan(pvalues[~at_bound]).any()
    notes = [STARS_MEAN, f"dashed: p >= {alpha:g}" + " or unknown" * bool(unknown)]
    if any(edge.negative for edge in effects):
        notes.append("pink: negative")
    if len(loadings) < np.count_nonzero(X):
        notes.append(f"loadings below {draw.number(least)} are not shown")
    for edges, most, what in (
        (effects, max_effects, "effects"),
        (loadings, max_loadings, "loadings"),
    ):
        edges.sort(key=lambda edge: -edge.strength)
        if len(edges) > most:
            notes.append(f"only the {most} largest of {len(edges)} {what} are shown")
            del edges[most:]
    return Paths(effects, loadings, notes)


def _strength(results: NMFREResults) -> FloatArray:
    """
    Sizes of the effects of one standard deviation of the covariates, the largest being 1; (Q, K).

    Those of constant covariates by themselves, for they have no standard deviation.
    """
    theta, design = results.estimate.Theta, results.model.design
    weights = by_unit(design.weights)
    if weights is None:
        spread = np.asarray(design.A.std(axis=1))  # in chunks it is computed here
    else:
        off = design.A - np.average(design.A, axis=1, weights=weights)[:, None]
        spread = np.sqrt(np.average(off**2, axis=1, weights=weights))
    constant = spread <= 1e-12 * design.orthonormal().scale
    strength: FloatArray = np.abs(theta) * np.where(constant, 1.0, spread)
    for kind in (constant, ~constant):
        strength[:, kind] /= strength[:, kind].max(initial=0.0) or 1.0
    return strength


def path_diagram_dot(
    results: NMFREResults,
    *,
    alpha: float = 0.05,
    max_effects: int = MOST_EFFECTS,
    max_loadings: int = MOST_LOADINGS,
) -> str:
    """
    The path diagram as text in the DOT language of Graphviz.

    It has the same edges, stars, dashes, widths and colours as `plot_path_diagram`. Write it to a
    file for ``dot -Tsvg``, paste it into a Graphviz editor, or pass it to ``graphviz.Source`` in a
    notebook. Neither Graphviz nor matplotlib is needed to produce the text.

    Parameters
    ----------
    results : NMFREResults
    alpha : float
        Effects are dashed if their p-value is not below this level.
    max_effects, max_loadings : int
        As in `plot_path_diagram`.

    Returns
    -------
    str

    Raises
    ------
    InvalidArgumentError

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> print(model.fit(df_cap=0.21).path_diagram_dot())  # doctest: +ELLIPSIS
    digraph nmfre {
      rankdir=LR;
      ...
      covariate1 [label="Intercept"];
      covariate2 [label="sex[T.Male]"];
      ...
      covariate2 -> component1 [label="9.43**", penwidth=3.6, color="#333333"];
      ...
    }
    """
    draw.check_class("results", results, NMFREResults)
    graph, design = paths(results, alpha, max_effects, max_loadings), results.model.design
    columns = {
        "covariate": list(design.covariates),
        "component": list(results.model.components),
        "response": list(design.responses),
    }
    note = "\\n".join(map(_escaped, graph.notes))
    lines = [
        "rankdir=LR;",
        f'label="{note}";',
        "fontsize=10;",
        'node [shape=box, fontname="Helvetica"];',
        'edge [fontname="Helvetica", fontsize=10];',
    ]
    for kind, labels in columns.items():
        lines += ["{", "  rank=same;"]
        for i, label in enumerate(labels):
            look = f', shape=ellipse, color="{_shade(i)}"' if kind == "component" else ""
            lines.append(f'  {kind}{i + 1} [label="{_escaped(draw.shortened(label))}"{look}];')
        lines.append("}")
    for edge in graph.effects:
        look = _look(edge, NEGATIVE if edge.negative else DOT_SHADE)
        ends = f"covariate{edge.other + 1} -> component{edge.component + 1}"
        lines.append(f'{ends} [label="{edge.label}", {look}];')
    for edge in graph.loadings:
        ends = f"component{edge.component + 1} -> response{edge.other + 1}"
        lines.append(f"{ends} [{_look(edge, _shade(edge.component))}];")
    return "\n".join(["digraph nmfre {", *(f"  {line}" for line in lines), "}"])


def _shade(component: int) -> str:
    """Colour of a component on white paper."""
    return draw.COLOURS[component % len(draw.COLOURS)]


def _look(edge: Edge, shade: str) -> str:
    """Attributes of an edge."""
    dashes = ", style=dashed" if edge.dashed else ""
    return f'penwidth={0.6 + 3.0 * edge.strength:.1f}, color="{shade}"{dashes}'


def _escaped(label: str) -> str:
    """A label within quotation marks of DOT, where backslashes and entities have meanings, too."""
    for mark, instead in (("\\", "\\\\"), ('"', '\\"'), ("&", "&amp;"), ("\n", "\\n"), ("\r", "")):
        label = label.replace(mark, instead)
    return label
