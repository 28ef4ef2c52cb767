"""The plot of a scan of caps."""

from __future__ import annotations

import numpy as np
import pytest

import nmfre


@pytest.fixture(scope="module")
def model():
    data = nmfre.datasets.load_orthodont()
    return nmfre.NMFRE.from_formula("distance ~ sex", data, rank=1, unit="subject", occasion="age")


def test_plot(model):
    scan = nmfre.scan_cap(model, [0.1, 0.2, 0.3])
    ax = scan.plot()
    df = next(line for line in ax.lines if len(line.get_xdata()) == 3 and line.get_linewidth() == 2)
    np.testing.assert_allclose(df.get_ydata(), scan.table["df_random"])
    assert scan.plot(ax=ax) is ax
