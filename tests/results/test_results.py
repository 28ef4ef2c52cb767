"""Results as a whole: labels, lines, notebooks, habits of statsmodels."""

from __future__ import annotations

import pandas as pd
import pytest
from forms import PAPER
from statsmodels.iolib.summary2 import summary_col

pytestmark = pytest.mark.filterwarnings("ignore::nmfre.ConvergenceWarning")


def test_everything_is_labelled(res2, simulated):
    components, covariates = ["comp1", "comp2"], ["Intercept", "group[T.b]", "group[T.c]", "age"]
    responses = [f"y{j}" for j in range(1, 6)]
    assert list(res2.theta.index) == list(res2.basis.columns) == components
    assert list(res2.theta.columns) == covariates
    assert list(res2.basis.index) == list(res2.fittedvalues.columns) == responses
    assert list(res2.resid.columns) == list(res2.predict().columns) == responses
    for frame in (res2.random_effects, res2.fittedvalues, res2.resid, res2.predict()):
        pd.testing.assert_index_equal(frame.index, simulated.index)
    assert list(res2.random_effects.columns) == components
    assert res2.params.index.names == ["component", "covariate"]
    for series in (res2.params, res2.bse, res2.bse_boot, res2.tvalues, res2.pvalues, res2.at_bound):
        pd.testing.assert_index_equal(series.index, res2.params.index)
    for frame in (res2.cov_params(), res2.conf_int(), res2.summary_frame().loc[res2.params.index]):
        pd.testing.assert_index_equal(frame.index, res2.params.index)


def test_one_line(model):
    assert repr(model.fit(df_cap=0.21)) == (
        "<NMFREResults: df-cap, P=4, N=27, Q=1, K=2, objective=505.558, converged>"
    )
    assert "llf=-215.587, converged" in repr(model.fit("ml", **PAPER))
    assert "not converged" in repr(model.fit(maxiter=3))


@pytest.mark.parametrize("method", ["df-cap", "ml"])
def test_notebooks_show_the_summary(model, method):
    res = model.fit(method)
    html = res._repr_html_()
    assert html == res.summary().as_html()
    assert html.count("<table") == 2


def test_summary_col_of_statsmodels(model):
    fits = {"ml": model.fit("ml", n_boot=0), "df-cap": model.fit(n_boot=0)}
    table = summary_col(list(fits.values()), model_names=list(fits)).tables[0]
    for name, fit in fits.items():
        assert table.loc["comp1[Intercept]", name] == f"{fit.params.iloc[0]:.4f}"
        assert table.loc["R-squared", name] == f"{fit.rsquared:.4f}"
