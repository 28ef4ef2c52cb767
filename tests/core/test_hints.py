"""Habits of users of other packages: what works, and what says what to use here."""

from __future__ import annotations

import re

import pytest

from nmfre import errors
from nmfre.core.hints import OF_MODELS, OF_RESULTS


@pytest.fixture
def res(model):
    return model.fit("ml", n_boot=0)


@pytest.mark.parametrize("name", OF_RESULTS)
def test_names_of_other_packages_lead_to_what_exists(res, name):
    with pytest.raises(errors.UnknownAttributeError, match=re.escape(OF_RESULTS[name])):
        getattr(res, name)
    first = re.search(r"(?:print\(|model\.|\()?([a-z_0-9]+)", OF_RESULTS[name])[1]
    assert hasattr(res, first) or hasattr(res.model, first)


@pytest.mark.parametrize("name", OF_MODELS)
def test_names_of_models_of_statsmodels_lead_to_the_results(res, name):
    with pytest.raises(errors.UnknownAttributeError, match=re.escape(OF_MODELS[name])):
        getattr(res.model, name)(res.params)
    named = re.match(r"\w+", OF_MODELS[name])[0]
    assert hasattr(res if "of the result" in OF_MODELS[name] else res.model, named)


def test_other_unknown_names(res):
    with pytest.raises(errors.UnknownAttributeError, match=r"'parms'; did you mean 'params'\?"):
        _ = res.parms
    with pytest.raises(errors.UnknownAttributeError, match=r"has no attribute 'zzzz'\."):
        _ = res.model.zzzz
    assert not hasattr(res, "_repr_png_")
    with pytest.raises(errors.NotComputedError, match="df-cap"):  # what a property says is kept
        _ = res.cap_hits
