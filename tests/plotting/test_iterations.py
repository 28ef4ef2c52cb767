from __future__ import annotations

import numpy as np
import pytest
from plots import legend, quiet

import nmfre
from nmfre import errors


def test_a_fit_without_iterations(growth, ax):
    res = nmfre.NMFRE(growth.endog[:, :1], growth.exog, rank=1).fit("ml", n_boot=0)
    assert res.n_iter == 0
    res.plot_convergence(ax=ax)
    assert ax.lines[0].get_ydata() == [0.0]


def test_ml(fits, ax):
    res = fits["growth ml"]
    res.plot_convergence(ax=ax)
    (line,) = ax.lines
    expected = res.objective_path + res.llf
    np.testing.assert_allclose(line.get_ydata()[:-1], expected[:-1], atol=1e-9)
    assert np.isnan(line.get_ydata()[-1])
    assert line.get_xdata()[-1] == res.n_iter
    assert ax.get_yscale() == "log"
    assert "log-likelihood" in ax.get_ylabel()


def test_df_cap_may_pass_its_end(fits, ax):
    res = fits["growth df-cap"]
    res.plot_convergence(ax=ax)
    above, below = (line.get_ydata() for line in ax.lines)
    excess = res.objective_path - res.objective
    np.testing.assert_array_equal(above[excess > 0], excess[excess > 0])
    np.testing.assert_array_equal(below[excess < 0], -excess[excess < 0])
    assert np.isnan(above[excess <= 0]).all()
    assert legend(ax) == ["above the final value", "below the final value"]


def test_a_single_iteration(pair, ax):
    res = quiet(pair.fit, maxiter=1)
    res.plot_convergence(ax=ax)
    assert ax.lines[0].get_ydata() == [0.0]
    res.plot_effective_df(ax=ax)
    ax.figure.draw_without_rendering()


def test_effective_df(growth, fits, ax):
    res = fits["growth df-cap"]
    res.plot_effective_df(ax=ax)
    path, cap = ax.lines
    np.testing.assert_array_equal(path.get_ydata(), res.estimate.df_random_path)
    assert set(cap.get_ydata()) == {res.df_cap}
    (ridge,) = ax.figure.axes[1].lines
    np.testing.assert_array_equal(ridge.get_ydata(), res.estimate.ridge_path)
    assert legend(ax) == ["effective df", "cap, 5.67", "ridge (right)"]
    ax = quiet(growth.fit, df_cap=None, n_boot=0).plot_effective_df()
    assert legend(ax) == ["effective df", "ridge (right)"]


def test_ml_has_no_path_of_df(fits):
    with pytest.raises(errors.NotComputedError, match="see df_random"):
        fits["growth ml"].plot_effective_df()
