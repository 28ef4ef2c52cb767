"""Likelihood-ratio tests of equal variances, and how effects depend on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import linear_sum_assignment

from nmfre.core.findings import listed
from nmfre.core.typing import FloatArray
from nmfre.data.weights import RATIOS, require_no_weights
from nmfre.errors import NotComputedError
from nmfre.estimation.covariance_forms import CovResid
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimation.random_forms import CovRe
from nmfre.estimators.maximum_likelihood import MaximumLikelihood
from nmfre.inference.conditional import Inference
from nmfre.inference.equality import EQUAL_RE, EQUAL_RESID, ScoreTest
from nmfre.inference.options import InferenceOptions
from nmfre.report.numbers import number, pvalue
from nmfre.report.tables import WIDTH, Table, TableSummary
from nmfre.results.fit import Fit

Forms: TypeAlias = tuple[CovResid, CovRe]
BOTH = "both"
WIDTHS = [24, 10, 10, 9, 4, 7, 7]
COLUMNS = ["llf, equal", "llf, unequal", "statistic", "df", "pvalue", "largest change"]


@dataclass(frozen=True, repr=False)
class EqualVariances:
    """
    Tests of equal variances; made by `nmfre.NMFREResults.test_equal_variances`.

    Attributes
    ----------
    frame : DataFrame
        One row per hypothesis: log-likelihoods of the fits with equal and unequal variances,
        statistic, degrees of freedom, p-value (NaN if the data cannot test the hypothesis), and the
        largest change of an effect, in standard errors of the fit with equal variances.
    effects : DataFrame, (QK, 6)
        By hypothesis: effects with equal variances, their change in standard errors, and whether
        the sign changes. NaN where components are not identified.
    """

    frame: pd.DataFrame
    effects: pd.DataFrame

    def _summary(self) -> TableSummary:
        rows = []
        for _, row in self.frame.iterrows():
            *llf, statistic, df, p, change = row
            cells = [f"{value:.2f}" for value in (*llf, statistic)]
            rows.append([*cells, f"{df:.0f}", pvalue(p), number(change)])
        headers = ["equal", "unequal", "LR", "df", "P", "change"]
        title = "Likelihood-ratio tests of equal variances"
        table = Table(rows, WIDTHS, headers, list(self.frame.index), title)
        return TableSummary([table], self._notes(), WIDTH)

    def _notes(self) -> list[str]:
        notes = [
            "Equal, unequal: log-likelihoods. Change: the largest change of an effect, in standard "
            "errors of the fit with equal variances."
        ]
        if self.frame["df"].get(EQUAL_RE) == 0:
            notes.append(
                "Equal tau2 cannot be tested: every fit with unequal tau2 has the same likelihood "
                "as one with equal tau2. Equality is a convention that identifies the components."
            )
        for name in self.frame.index:
            turned = self.effects.index[self.effects[name, "sign changes"]]
            if len(turned):
                notes.append(f"Effects whose sign changes ({name}): {listed(map(_param, turned))}.")
        return notes

    def __repr__(self) -> str:
        return str(self._summary().as_text())

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return str(self._summary().as_html())


def _param(label: tuple[str, str]) -> str:
    return f"{label[0]}[{label[1]}]"


def test_equal_variances(self: Fit) -> EqualVariances:
    """
    Likelihood-ratio tests of equal residual variances, equal tau2, and both.

    The model is fitted again with the other covariance forms, starting from the basis of this fit
    and with as many starts. With ``cov_re="full"``, equal tau2 means equal variances and no
    correlations.

    Degrees of freedom count the contrasts of variances that the data can test: unless zeros of the
    basis prevent it, every fit with unequal tau2 has the same likelihood as one with equal tau2.
    With zeros, the chi-squared p-value of equal tau2 is conservative. The tests assume normality;
    the score tests of the summary do not.

    Returns
    -------
    EqualVariances
        ``print`` it; ``frame`` and ``effects`` have the numbers.

    Raises
    ------
    NotComputedError
        The fit is by df-cap, its cap binds, or units have weights.
    DataRemovedError
        The result has no data.

    Examples
    --------
    >>> import numpy as np
    >>> import nmfre
    >>> rng = np.random.default_rng(0)
    >>> scores = 60 + 7 * rng.normal(size=(100, 1))
    >>> endog = scores * [0.3, 0.2, 0.4, 0.1] + rng.normal(size=(100, 4)) * [1, 2, 1, 0.5]
    >>> res = nmfre.NMFRE(endog, rank=1).fit("ml", cov_resid="identity", n_boot=0)
    >>> print(res.test_equal_variances())
                      Likelihood-ratio tests of equal variances
    =============================================================================
                                  equal    unequal        LR   df       P  change
    -----------------------------------------------------------------------------
    equal residual variances    -754.56    -696.27    116.58    3  <0.001   0.004
    =============================================================================
    <BLANKLINE>
    Notes:
    Equal, unequal: log-likelihoods. Change: the largest change of an effect, in
    standard errors of the fit with equal variances.
    """
    estimate = self.estimate.of_kind(MarginalEstimate, "test_equal_variances")
    if estimate.cap_binds:
        raise NotComputedError(
            name="test_equal_variances", reason="the cap determines the variances; fit without it."
        )
    require_no_weights(self.model.design.weights, "test_equal_variances", RATIOS)
    (n_responses, rank), own = estimate.X.shape, estimate.structure
    if n_responses == 1:
        raise NotComputedError(name="test_equal_variances", reason="there is one response only.")
    assert own.cov_re != "none"  # which no fit has
    wide: CovRe = "full" if own.cov_re == "full" else "diagonal"
    pairs: dict[str, tuple[Forms, Forms]] = {
        EQUAL_RESID: (("identity", own.cov_re), ("diagonal", own.cov_re)),
        EQUAL_RE: ((own.cov_resid, "identity"), (own.cov_resid, wide)),
        BOTH: (("identity", "identity"), ("diagonal", wide)),
    }
    if rank == 1:
        pairs = {EQUAL_RESID: pairs[EQUAL_RESID]}
    estimates = {forms: _estimated(self, forms) for pair in pairs.values() for forms in pair}
    inferred = {forms: _inferred(self, estimates[forms]) for forms, _ in pairs.values()}
    rows, effects = {}, {}
    for name, (equal, unequal) in pairs.items():
        fits = estimates[equal], estimates[unequal]
        effects[name] = _changes(*fits, inferred[equal].bse).set_index(self.params.index)
        statistic = max(2.0 * (fits[1].llf - fits[0].llf), 0.0)
        df = _df(*fits, inferred[equal].equality)
        pvalue = float(stats.chi2.sf(statistic, df)) if df else np.nan
        largest = effects[name]["change"].abs().max()
        rows[name] = (fits[0].llf, fits[1].llf, statistic, df, pvalue, largest)
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS)
    return EqualVariances(frame, pd.concat(effects, axis=1))


def _estimated(fit: Fit, forms: Forms) -> MarginalEstimate:
    """The model fitted with these forms of Psi and Phi."""
    own, (cov_resid, cov_re) = fit.estimate.of_kind(MarginalEstimate, ""), forms
    if (own.structure.cov_resid, own.structure.cov_re) == forms:
        return own
    assert isinstance(fit.estimator, MaximumLikelihood)
    estimator = replace(fit.estimator, cov_resid=cov_resid, cov_re=cov_re, start_basis=own.X)
    rng = np.random.default_rng(np.random.SeedSequence(fit.seed).spawn(1)[0])
    return estimator.fit(fit.model.design, fit.model.rank, rng, own.structure.pattern)


def _inferred(fit: Fit, estimate: MarginalEstimate) -> Inference:
    """Standard errors and score tests of an estimate."""
    design, given = fit.model.design, fit.inference.options
    options = InferenceOptions(
        uncertainty="marginal", cov_type=given.cov_type, n_boot=0, alternative=given.alternative
    )
    fit.estimator.check_inference(design, fit.model.rank, options)
    return fit.estimator.infer(design, estimate, options, np.random.SeedSequence(fit.seed))


def _df(equal: MarginalEstimate, unequal: MarginalEstimate, tests: dict[str, ScoreTest]) -> int:
    """Difference in parameters; in tau2, contrasts that data can test at the zeros found."""
    before, after = equal.structure, unequal.structure
    if after.cov_re in ("full", before.cov_re):
        return unequal.n_parameters - equal.n_parameters
    size, rank = equal.X.shape
    of_resid = after.resid.size(size) - before.resid.size(size)
    return of_resid + (tests[EQUAL_RE].df if EQUAL_RE in tests else rank - 1)  # at most


def _changes(equal: MarginalEstimate, unequal: MarginalEstimate, bse: FloatArray) -> pd.DataFrame:
    """Effects with equal variances, and how they change; components are those most alike."""
    bases = (each.X / np.linalg.norm(each.X, axis=0) for each in (equal, unequal))
    order = linear_sum_assignment(-(next(bases).T @ next(bases)))[1]
    before, after = (T.ravel(order="F") for T in (equal.Theta, unequal.Theta[order]))
    mixing = np.tile(np.array(unequal.identification.mixing)[order], equal.Theta.shape[1])
    change = np.where(mixing, np.nan, after - before) / bse
    turned = np.isfinite(change) & (before * after < 0.0)
    return pd.DataFrame({"equal": before, "change": change, "sign changes": turned})
