"""Scores, clusters and coefficients as data frames."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nmfre.core.arguments import check_choice
from nmfre.report.readable import by_component
from nmfre.results.coefficients import bse, bse_boot, conf_int, default_interval, pvalues, tvalues
from nmfre.results.fit import Fit
from nmfre.results.hypotheses import adjusted_pvalues
from nmfre.results.prediction import Which, units_with


def scores(self: Fit, which: Which = "blup") -> pd.DataFrame:
    """
    Scores of the units on the components, (N, Q).

    Parameters
    ----------
    which : {"blup", "fixed"}
        "blup": Theta a_n + u_n. "fixed": Theta a_n. Scores are not cut off at 0: a unit far below
        the mean can have a negative score, because random effects are normal.

    Returns
    -------
    DataFrame, (N, Q)

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> model.fit("ml", n_boot=0).scores().round(1).head(2)
    component  comp1
    subject
    M01        109.6
    M02         94.9
    """
    check_choice("which", which, Which)
    scores = self.estimate.Theta @ self.model.design.A
    if which == "blup":
        scores = scores + self.estimate.U
    frame: pd.DataFrame = self.model.design.frame(scores, self.model.components)
    return frame


def random_effects_se(fit: Fit) -> pd.DataFrame:
    """
    Standard errors of the predicted random effects, (N, Q).

    Square roots of the diagonal of (Phi^-1 + X' Psi^-1 X)^-1, the posterior variance with all
    parameters treated as known. With uncertainty="marginal", the uncertainty of the parameters is
    added by the delta method (Kackar and Harville 1984); with few units or many responses it
    dominates. Where components are not identified, the rotation shown is treated as known.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> model.fit("ml", n_boot=0).random_effects_se.round(2).head(2)
    component  comp1
    subject
    M01         2.94
    M02         3.19
    """
    effects, design = fit.random_effects, fit.model.design
    design.require(
        "random_effects_se",
        "for each unit they are about the same, roots of the diagonal of (Phi^-1 + X' Psi^-1 X)^-1",
    )
    variances = fit.inference.effect_variances(units_with(fit, design.A))
    return pd.DataFrame(np.sqrt(variances).T, index=effects.index, columns=effects.columns)


def response_membership(fit: Fit) -> pd.DataFrame:
    """
    Soft clusters of the responses, (P, Q): rows of the basis divided by their sums.

    NaN for a response that loads on no component.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import nmfre
    >>> topics = np.array([[4.0, 3.0, 0.5], [0.5, 1.0, 4.0]]).repeat(10, axis=0)
    >>> counts = topics + np.random.default_rng(0).uniform(size=(20, 3))
    >>> words = pd.DataFrame(counts, columns=["sea", "ship", "hill"])
    >>> res = nmfre.NMFRE(words, rank=2).fit("ml", n_boot=0)
    >>> res.response_membership.round(2)
    component  comp1  comp2
    sea         1.00   0.00
    ship        0.75   0.25
    hill        0.00   1.00
    """
    return _shares(fit.basis)


def unit_membership(self: Fit, which: Which = "blup") -> pd.DataFrame:
    """
    Soft clusters of the units, (N, Q): positive parts of their scores divided by their sums.

    NaN for a unit without a positive score.

    Parameters
    ----------
    which : {"blup", "fixed"}
        Which scores; see `scores`.

    Returns
    -------
    DataFrame, (N, Q)

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import nmfre
    >>> topics = np.array([[4.0, 3.0, 0.5], [0.5, 1.0, 4.0]]).repeat(10, axis=0)
    >>> counts = topics + np.random.default_rng(0).uniform(size=(20, 3))
    >>> words = pd.DataFrame(counts, columns=["sea", "ship", "hill"])
    >>> res = nmfre.NMFRE(words, rank=2).fit("ml", n_boot=0)
    >>> res.unit_membership().round(2).iloc[[0, 19]]
    component  comp1  comp2
    0           0.92   0.08
    19          0.30   0.70
    """
    return _shares(scores(self, which).clip(lower=0.0))


def response_clusters(fit: Fit) -> pd.Series:
    """
    Hard clusters of the responses: the component with the largest share, (P,).

    Of equal shares the first is taken. Missing where `response_membership` is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import nmfre
    >>> topics = np.array([[4.0, 3.0, 0.5], [0.5, 1.0, 4.0]]).repeat(10, axis=0)
    >>> counts = topics + np.random.default_rng(0).uniform(size=(20, 3))
    >>> words = pd.DataFrame(counts, columns=["sea", "ship", "hill"])
    >>> res = nmfre.NMFRE(words, rank=2).fit("ml", n_boot=0)
    >>> res.response_clusters.to_dict()
    {'sea': 'comp1', 'ship': 'comp1', 'hill': 'comp2'}
    """
    return _largest(response_membership(fit))


def unit_clusters(self: Fit, which: Which = "blup") -> pd.Series:
    """
    Hard clusters of the units: the component with the largest share, (N,).

    Of equal shares the first is taken. Missing where `unit_membership` is NaN.

    Parameters
    ----------
    which : {"blup", "fixed"}
        Which scores; see `scores`.

    Returns
    -------
    Series of length N
        A lazy dask Series for data in chunks.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import nmfre
    >>> topics = np.array([[4.0, 3.0, 0.5], [0.5, 1.0, 4.0]]).repeat(10, axis=0)
    >>> counts = topics + np.random.default_rng(0).uniform(size=(20, 3))
    >>> words = pd.DataFrame(counts, columns=["sea", "ship", "hill"])
    >>> res = nmfre.NMFRE(words, rank=2).fit("ml", n_boot=0)
    >>> res.unit_clusters().value_counts().to_dict()
    {'comp1': 10, 'comp2': 10}
    """
    shares = unit_membership(self, which)
    clusters: pd.Series = self.model.design.map_rows(_largest, shares, "component")
    return clusters


def tidy(self: Fit, alpha: float = 0.05) -> pd.DataFrame:
    """
    One row per coefficient, with the column names of R's broom.

    Parameters
    ----------
    alpha : float
        1 minus the level of the intervals.

    Returns
    -------
    DataFrame, (QK, 8)
        Columns component, covariate, estimate, std_error, statistic, p_value, conf_low and
        conf_high. ``attrs`` holds "level" and "interval" (the method) of the intervals, and the
        "alternative" of the p-values.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> table = model.fit(df_cap=0.21).tidy()
    >>> table[["component", "covariate", "estimate", "std_error"]].round(2)
      component    covariate  estimate  std_error
    0     comp1    Intercept     90.50       2.47
    1     comp1  sex[T.Male]      9.43       3.06
    >>> table.attrs
    {'level': 0.95, 'interval': 'percentile', 'alternative': 'larger'}
    """
    whole = coefficient_table(self, alpha)
    table = whole.drop(columns="bootstrap std err", errors="ignore").reset_index()
    names = ["component", "covariate", "estimate", "std_error", "statistic", "p_value"]
    table.columns = pd.Index([*names, "conf_low", "conf_high"])
    table.attrs = whole.attrs
    return table


def summary_frame(
    self: Fit, alpha: float = 0.05, *, multipletests: str | None = None
) -> pd.DataFrame:
    """
    The coefficient table of the summary as a data frame, (QK, ...).

    Parameters
    ----------
    alpha : float
        1 minus the level of the intervals.
    multipletests : str, optional
        Adjustment of the p-values for multiple tests, as in `adjusted_pvalues`.

    Returns
    -------
    DataFrame
        Columns coef, std err, bootstrap std err (with a bootstrap), z, p, adjusted p (with
        ``multipletests``), and the limits, named by their level. Rows are grouped by component, as
        in the summary; ``attrs`` are as in `tidy`. P-values below 0.001 are displayed as
        ``<0.001``; the frame holds the exact numbers.

    Examples
    --------
    >>> import nmfre
    >>> orthodont = nmfre.datasets.load_orthodont()
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
    ... )
    >>> res = model.fit(df_cap=0.21)
    >>> res.summary_frame(multipletests="holm").columns.to_list()
    ['coef', 'std err', 'bootstrap std err', 'z', 'p', 'p (holm)', '2.5 %', '97.5 %']
    """
    return by_component(coefficient_table(self, alpha, multipletests))


def coefficient_table(
    fit: Fit, alpha: float = 0.05, multipletests: str | None = None
) -> pd.DataFrame:
    """What `summary_frame` holds, in the order of ``params``."""
    columns = {"coef": fit.params, "std err": bse(fit)}
    if fit.inference.bootstrap is not None:
        columns["bootstrap std err"] = bse_boot(fit)
    columns |= {"z": tvalues(fit), "p": pvalues(fit)}
    if multipletests is not None:
        columns[f"p ({multipletests})"] = adjusted_pvalues(fit, multipletests)
    frame = pd.DataFrame(columns).join(conf_int(fit, alpha))
    frame.attrs = {
        "level": 1.0 - alpha,
        "interval": default_interval(fit),
        "alternative": fit.inference.options.alternative,
    }
    return frame


def _shares(values: pd.DataFrame) -> pd.DataFrame:
    """Rows divided by their sums; NaN where these are zero."""
    total = values.sum(axis=1)
    return values.div(total.where(total > 0.0), axis=0)


def _largest(shares: pd.DataFrame) -> pd.Series:
    """Label of the largest share in each row; missing where there are none."""
    known = shares.notna().all(axis=1).to_numpy()
    labels = shares.columns.to_numpy(dtype=object)[shares.fillna(0.0).to_numpy().argmax(axis=1)]
    return pd.Series(np.where(known, labels, np.nan), index=shares.index, name="component")
