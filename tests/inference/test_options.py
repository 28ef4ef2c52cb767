"""Options of inference, and which of them go together."""

from __future__ import annotations

import numpy as np
import pytest

from nmfre import errors
from nmfre.estimators import MaximumLikelihood, base


def test_what_does_not_go_with_the_kind_raises(model, monkeypatch):
    with pytest.raises(errors.InvalidArgumentError, match="uncertainty='marginal' is invalid"):
        model.fit(uncertainty="marginal")
    with pytest.raises(errors.InvalidArgumentError, match="information='plain'"):
        model.fit("ml", information="plain")
    with pytest.raises(errors.InvalidArgumentError, match="dispersion='n'"):
        model.fit("ml", dispersion="n")
    with pytest.raises(errors.InvalidArgumentError, match="uncertainty='none'"):
        model.fit("ml", uncertainty="none")
    monkeypatch.setattr(base, "LARGEST", 7)
    assert model.fit("ml", uncertainty="conditional").bse.notna().all()
    with pytest.raises(errors.TooManyParametersError, match="11 parameters would be too large"):
        model.fit("ml", uncertainty="conditional", df_cap=0.5).with_uncertainty("marginal")
    monkeypatch.setattr(MaximumLikelihood, "fit", None)  # said before anything is estimated
    with pytest.raises(errors.TooManyParametersError, match="11 parameters would be too large"):
        model.fit("ml", df_cap=0.5)


def test_another_kind_of_inference_may_have_another_covariance(model):
    corrected = model.fit("ml", cov_type="cr3")
    with pytest.raises(errors.InvalidArgumentError, match="cov_type='hc3'"):
        corrected.with_uncertainty("marginal", cov_type="hc3")
    for cov_type in ("sandwich", "naive", "max", "cr3"):
        expected = model.fit("ml", uncertainty="conditional", cov_type=cov_type)
        res = corrected.with_uncertainty("conditional", cov_type=cov_type)
        np.testing.assert_allclose(res.bse, expected.bse)
    back = res.with_uncertainty("marginal", cov_type="cr3")
    np.testing.assert_allclose(back.bse, corrected.bse)
