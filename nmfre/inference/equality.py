"""
Score tests of the equality of variances, from the fit that assumes it.

The scores of contrasts of the logarithms of the variances, cleared of those of all parameters that
are free in the fit, in their expected information. The chi-squared statistic is divided by the mean
ratio of the variances that the scores have over units to those that normality gives them (Satorra
and Bentler 1994), so that long tails are not taken for unequal variances.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats
from scipy.linalg import block_diag, eigh, null_space

from nmfre.core.findings import Finding
from nmfre.core.typing import FloatArray, IntArray
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimation.moments import Moments
from nmfre.inference.coordinates import Coordinates
from nmfre.inference.equations import solved
from nmfre.inference.groups import n_independent
from nmfre.inference.leverages import independent_terms
from nmfre.inference.multipliers import Draws
from nmfre.inference.wild_bootstrap import Total, one_step, unit_blocks

EQUAL_RESID, EQUAL_RE = "equal residual variances", "equal tau2"
BY_MEANS = "residual variances proportional to means"
OPPOSITE = {
    EQUAL_RESID: "unequal variances",
    BY_MEANS: "variances and means",
    EQUAL_RE: "unequal tau2",
}
OPTION = {EQUAL_RESID: "cov_resid", BY_MEANS: "cov_resid", EQUAL_RE: "cov_re"}
UNEQUAL = 0.05
"""P-value below which variances are said not to be equal."""
RARE = 10
"""Units by which a response must be observed for its residual variance to be looked at."""
NOTHING_LEFT = 1e-8
"""Share of its information that clearing leaves of a contrast that data cannot test."""


@dataclass(frozen=True, slots=True)
class ScoreTest:
    """
    A test of equal variances.

    Attributes
    ----------
    statistic : float
    df : int
        Number of contrasts that data can test; zero where fits with other variances have twins with
        equal ones and the same likelihood.
    """

    statistic: float
    df: int

    @property
    def pvalue(self) -> float:
        """Chi-squared; NaN where nothing can be tested."""
        return float(stats.chi2.sf(self.statistic, self.df)) if self.df else np.nan

    def __str__(self) -> str:
        if not self.df:
            return "the data cannot test it: it is a convention that identifies the components"
        shown = f"p = {self.pvalue:.3f}" if self.pvalue >= 0.0005 else "p < 0.001"
        return f"chi2 = {self.statistic:.2f}, df {self.df}, {shown}"


def rejected(tests: dict[str, ScoreTest]) -> list[Finding]:
    """Findings about variances that are not equal."""
    return [
        Finding(
            "caution",
            OPPOSITE[name],
            None,
            f"a score test rejects {name} ({test}). The basis and its effects may be biased, and "
            "no standard error accounts for that. X Theta (profiles), fitted values and "
            f"wald_test_terms() remain valid. Fit ml with {OPTION[name]}='diagonal'; "
            "test_equal_variances() reports what changes.",
        )
        for name, test in tests.items()
        if test.pvalue < UNEQUAL
    ]


def equality_tests(
    Y: Any,
    A: FloatArray,
    moments: Moments,
    estimate: MarginalEstimate,
    coordinates: Coordinates,
    groups: IntArray | None,
    blocks: list[slice],
    total: Total,
    weights: FloatArray | None = None,
) -> dict[str, ScoreTest]:
    """
    Test what the fit takes for equal: residual variances, or their ratios to means; tau2.

    Zeros of X that the likelihood pushes against, and of a bounded Theta, stay zero.

    Parameters
    ----------
    Y : array or SciPy sparse matrix, (P, N)
    A : array, (K, N)
    moments : Moments
    estimate : MarginalEstimate
        Off its cap.
    coordinates : Coordinates
        Of its own parameters.
    groups : array of int, (N,), or None
        Codes of groups of units.
    blocks : list of slice
        Units that are passed over together.
    total : callable
        As in `one_step`.
    weights : array, (N,), optional
        Of the units, as in the moments.
    """
    structure, (P, Q) = estimate.structure, estimate.X.shape
    random = structure.random.without_convention
    wider = replace(structure, cov_resid="diagonal", cov_re=random.name)
    wide = Coordinates(moments, replace(estimate, structure=wider))
    of_random: FloatArray = np.eye(random.size(Q))
    if random is not structure.random:
        of_random = random.scale(Q)[:, None]
    all_equal = block_diag(structure.resid.pull(np.eye(P)), of_random) @ coordinates.variance_axes
    equal = np.linalg.lstsq(wide.variance_axes, all_equal, rcond=None)[0]
    n_resid = int(np.sum(~estimate.resid_at_bound))
    first = len(wide.full_axes.T) - len(equal)
    counts = (moments.n_units * moments.cells)[~estimate.resid_at_bound]
    seen = np.eye(n_resid)[:, counts >= min(RARE, counts.max())]
    parts = [seen @ _complement(seen.T @ equal[:n_resid]), _complement(equal[n_resid:])]
    contrasts = block_diag(np.empty((first, 0)), *parts)
    if not contrasts.shape[1]:
        return {}
    information = -moments.n_units * wide.analytic_hessian(expected=True)
    free = coordinates.axes(coordinates.theta_at_bound).directions
    nuisance = block_diag(np.eye(first), equal) @ free
    across = nuisance.T @ information
    moved = solved(across @ nuisance, across @ contrasts)
    cleared = contrasts - nuisance @ moved
    terms, influence, total_of_terms = independent_terms(
        (Y, A),
        wide.unit_scores,
        leverages=None,
        groups=groups,
        blocks=blocks,
        total=total,
        root=cleared,
        weights=weights,
    )
    of_terms = unit_blocks(n_independent(A.shape[1], groups), 0, blocks[0].stop)
    squares, _ = one_step(
        terms,
        influence,
        Draws(blocks=of_terms, n_boot=0, multiplier="exponential", seeds=[]),
        estimate=np.empty(0),
        floor=-np.inf,
        total=total_of_terms,
    )
    score = moments.n_units * wide.score(np.zeros(len(cleared))) @ cleared
    before, left = (axes.T @ information @ axes for axes in (contrasts, cleared))
    split = parts[0].shape[1]
    of_resid = BY_MEANS if structure.cov_resid == "mean" else EQUAL_RESID
    slices = {of_resid: slice(0, split), EQUAL_RE: slice(split, None)}
    return {
        name: _test(score[part], before[part, part], left[part, part], squares[part, part])
        for name, part in slices.items()
        if len(score[part])
    }


def _complement(equal: FloatArray) -> FloatArray:
    """Orthonormal changes of log variances along which equal ones do not stay equal."""
    return null_space(equal.T) if equal.size else np.eye(len(equal))


def _test(
    score: FloatArray, before: FloatArray, left: FloatArray, squares: FloatArray
) -> ScoreTest:
    """From cleared scores, their information without clearing and with, and their squares."""
    shares, axes = eigh(left, before)
    axes, shares = axes[:, shares > NOTHING_LEFT], shares[shares > NOTHING_LEFT]
    if not len(shares):
        return ScoreTest(0.0, 0)
    stretch = np.mean(np.vecdot(axes.T @ squares, axes.T) / shares)
    return ScoreTest(float(np.sum((score @ axes) ** 2 / shares) / stretch), len(shares))
