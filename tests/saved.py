"""What tests of saved results share."""

from __future__ import annotations

import copy
import json

import numpy as np
import pandas as pd

import nmfre
from nmfre.results.archive import HEADER

LEFT = "y1 + y2 + y3 + y4 + y5 ~ "


OPTIONS = {
    "df-cap": {"df_cap": 0.5, "maxiter": 300},
    "ml": {"method": "ml", "seed": 3},
    "capped": {"method": "ml", "df_cap": 0.2, "cov_type": "cr3"},
    "signed": {"method": "ml", "signed": True},
    "conditional": {"method": "ml", "uncertainty": "conditional", "n_boot": 0, "cov_resid": "mean"},
    "structured": {"method": "ml", "cov_resid": "diagonal", "cov_re": "diagonal", "n_boot": 20},
    "pattern": {"method": "ml", "cov_resid": "identity", "cov_re": "full", "signed": True},
    "given": {"multipliers": np.random.default_rng(0).normal(size=(50, 40)), "maxiter": 300},
}


PATTERN = {"comp1": ["y1", "y2", "y3"], "comp2": ["y3", "y4", "y5"]}
FITS = {}


def fitted(name, data):
    """A result of one's own, of a fit that is made once."""
    if name not in FITS:
        pattern = PATTERN if name == "pattern" else None
        model = nmfre.NMFRE.from_formula(LEFT + "age + group", data, 2, basis_pattern=pattern)
        FITS[name] = model.fit(**OPTIONS[name])
    return copy.copy(FITS[name])


def assert_same(loaded, res, *, data=True):
    """All numbers to the bit, all labels, the printed summary."""
    assert str(loaded.summary()) == str(res.summary())
    for name in ("params", "bse", "tvalues", "pvalues", "at_bound"):
        pd.testing.assert_series_equal(getattr(loaded, name), getattr(res, name), check_exact=True)
    frames = [
        (loaded.conf_int(), res.conf_int()),
        (loaded.cov_params(), res.cov_params()),
        (loaded.basis, res.basis),
        (loaded.theta, res.theta),
        (loaded.rsquared_table(), res.rsquared_table()),
    ]
    if data:
        frames += [
            (loaded.random_effects, res.random_effects),
            (loaded.fittedvalues, res.fittedvalues),
            (loaded.resid, res.resid),
        ]
    for found, expected in frames:
        pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert loaded.seed == res.seed
    assert loaded.stop_reason == res.stop_reason
    assert loaded.converged == res.converged
    assert loaded.model.formula == res.model.formula


def with_header(res, folder, change):
    """Write an archive of the result as other.npz, its header changed."""
    res.to_arrays(folder / "fit.npz")
    with np.load(folder / "fit.npz") as arrays:
        stored = dict(arrays)
    header = json.loads(stored[HEADER].tobytes())
    change(header)
    stored[HEADER] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    np.savez(folder / "other.npz", **stored)


def edited(path, edit):
    """An archive whose header or arrays are changed."""
    with np.load(path) as arrays:
        stored = dict(arrays)
    header = json.loads(stored[HEADER].tobytes())
    edit(header["values"], stored)
    stored[HEADER] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    np.savez(path.parent / "edited.npz", **stored)
    return path.parent / "edited.npz"


def field(values, path):
    """The dictionary that holds a field of a dataclass within the result, and the field's name."""
    part, *names, last = path.split(".")
    fields = values[part]["dataclass"][1]
    for name in names:
        fields = fields[name]["dataclass"][1]
    return fields, last
