"""Flows, as the files of a user hold them."""

from __future__ import annotations

import numpy as np
import pytest

from nmfre.datasets.od_flow import PREFECTURES


@pytest.fixture
def flows():
    """Whole flows, other in each direction."""
    return np.random.default_rng(1).integers(0, 500, size=(47, 47))


@pytest.fixture
def csv_lines(flows):
    """The lines of the CSV file, as lists of cells."""
    lines = [["origin", *PREFECTURES]]
    for name, line in zip(PREFECTURES, np.log1p(flows), strict=True):
        lines.append([name, *map(repr, line.tolist())])
    return lines
