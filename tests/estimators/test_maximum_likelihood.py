"""Options of maximum likelihood."""

from __future__ import annotations

import numpy as np
import pytest

from nmfre import errors


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"method": "df-cap", "signed": True}, "signed=True is not allowed: it takes False with"),
        ({"method": "df-cap", "n_starts": 3}, "n_starts=3 is not allowed: it takes 1 with df-cap"),
        ({"method": "ml", "n_starts": 0}, "n_starts=0"),
        ({"method": "ml", "update_tau2": False}, "update_tau2=False is not allowed"),
        ({"method": "ml", "start_theta": np.ones((1, 2))}, "start_theta='array'"),
        ({"method": "ml", "df_cap": 2.0}, "df_cap=2.0"),
    ],
)
def test_arguments_that_do_not_go_with_the_method(model, arguments, match):
    with pytest.raises(errors.InvalidArgumentError, match=match):
        model.fit(**arguments)
