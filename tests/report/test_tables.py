"""Tables in text, HTML and LaTeX."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nmfre

pytestmark = pytest.mark.filterwarnings("ignore::nmfre.ConvergenceWarning")


def test_labels_are_text_in_html(simulated):
    evil = "<script>alert(1)</script>"
    endog = simulated[["y1", "y2"]]
    exog = pd.DataFrame({"one": np.ones(40), evil: simulated["age"]})
    res = nmfre.NMFRE(endog, exog, rank=1).fit("ml", n_boot=0)
    pages = [
        res._repr_html_(),
        res.summary(title=evil).as_html(),
        nmfre.compare({evil: res}).as_html(),
    ]
    for page in pages:
        assert "<script" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert evil in str(res.summary())
