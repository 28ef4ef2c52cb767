"""Numbers of a fit that say how it came about and how well it fits."""

from __future__ import annotations

import numpy as np
import pytest

from nmfre import errors

pytestmark = pytest.mark.filterwarnings("ignore::nmfre.ConvergenceWarning")


@pytest.fixture
def res(model):
    return model.fit(df_cap=0.21)


def test_diagnostics_agree_with_each_other(res2):
    N, Q, P = 40, 2, 5
    d = np.linalg.eigvalsh(res2.basis.T @ res2.basis)
    assert res2.ridge == pytest.approx(res2.sigma2 / res2.tau2)
    assert res2.df_random == pytest.approx(N * np.sum(d / (d + res2.ridge)))
    assert res2.saturation == pytest.approx(res2.df_random / (N * Q))
    assert res2.df_resid == pytest.approx(N * P - res2.df_random - 8)
    assert (res2.nobs, res2.n_units) == (200, 40)
    within = P * res2.sigma2
    assert res2.icc == pytest.approx(d.sum() * res2.tau2 / (d.sum() * res2.tau2 + within))
    sse = (res2.resid**2).to_numpy().sum()
    assert res2.objective == pytest.approx(
        sse + res2.ridge * (res2.random_effects**2).to_numpy().sum(), rel=1e-6
    )
    assert res2.dispersion == res2.scale == pytest.approx(sse / res2.df_resid)


def test_inherited_methods_that_would_mislead_raise(res):
    for name in ("llf", "aic", "bic", "df_model", "gradient_norm", "identification"):
        with pytest.raises(errors.NotComputedError, match="fit with method='ml'"):
            getattr(res, name)


def test_rsquared_is_that_of_the_residuals(model):
    res = model.fit("ml", n_boot=0)
    endog = res.model.endog
    total = ((endog - endog.mean(axis=0)) ** 2).sum()
    assert res.rsquared == pytest.approx(1 - (res.resid**2).to_numpy().sum() / total)


def test_df_cap_attributes_belong_to_df_cap(model):
    res = model.fit("ml")
    for name in ("cap_hits", "first_cap_hit", "fixed_point_residual", "fixed_point_distance"):
        with pytest.raises(errors.NotComputedError, match="iteration of df-cap"):
            getattr(res, name)
