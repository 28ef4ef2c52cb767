"""What a fit is: estimates, fits and residuals, labelled."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.filterwarnings("ignore::nmfre.ConvergenceWarning")


def test_params_stack_the_columns_of_theta(res2):
    np.testing.assert_array_equal(res2.params, res2.theta.to_numpy().ravel(order="F"))
    for component, covariate in res2.params.index:
        assert res2.params[component, covariate] == res2.theta.loc[component, covariate]


def test_fits_and_residuals_add_up(res2, simulated):
    X, Theta, U = (x.to_numpy() for x in (res2.basis, res2.theta, res2.random_effects))
    mean = res2.model.exog @ Theta.T @ X.T
    np.testing.assert_allclose(res2.predict(), mean)
    np.testing.assert_allclose(res2.fittedvalues, mean + U @ X.T)
    np.testing.assert_allclose(res2.fittedvalues + res2.resid, simulated.iloc[:, :5])
    pd.testing.assert_frame_equal(res2.predict(which="blup"), res2.fittedvalues)
    np.testing.assert_allclose(np.mean(res2.resid**2), res2.mean_squared_residual)
