"""Starting bases."""

from __future__ import annotations

import numpy as np
from stacked import problems

from nmfre.estimation import initial
from nmfre.estimation.initial import nndsvd


def test_nndsvd_is_positive_and_reproducible():
    Y = problems(1, P=6, Q=3)[0][0]
    starts = [nndsvd(Y, 3, np.random.default_rng(5)) for _ in range(2)]
    np.testing.assert_array_equal(*starts)
    assert (starts[0] > 0).all()
    u, s, _ = np.linalg.svd(Y)
    np.testing.assert_allclose(starts[0][:, 0], np.sqrt(s[0]) * np.abs(u[:, 0]))
    zeros = starts[0] < Y.mean() / 100
    assert zeros[:, 1:].any()
    assert not zeros[:, 0].any()


def test_nndsvd_is_the_start_of_the_reference_where_that_is_not_random():
    """Guards the start of df-cap: signs and parts of singular vectors as the author takes them."""
    from conftest import Case

    case = Case.read("synthetic_p12_n60_q3_off")
    start = nndsvd(case.Y, case.rank, np.random.default_rng(0))
    random = case.Y.mean() / 100
    fixed = random < case.X
    np.testing.assert_allclose(start[fixed], case.X[fixed], rtol=1e-8)
    assert (start[~fixed] <= random).all()


def test_nndsvd_of_blocks_of_units_is_that_of_all(monkeypatch):
    Y = problems(1, P=6, Q=3, N=200)[0][0]
    whole = nndsvd(Y, 3, np.random.default_rng(5))
    monkeypatch.setattr(initial, "BLOCK_BYTES", 8 * 6 * 30)
    np.testing.assert_allclose(nndsvd(Y, 3, np.random.default_rng(5)), whole, rtol=1e-10)
