"""The transformer of scikit-learn."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import nmfre
from nmfre import errors

sklearn = pytest.importorskip("sklearn")
checks = pytest.importorskip("sklearn.utils.estimator_checks")

from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

from nmfre.sklearn import NMFRETransformer  # noqa: E402


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    group = pd.Series(np.repeat([0.0, 1.0], 20), name="group")
    scores = 40 + 8 * group.to_numpy() + 3 * rng.normal(size=40)
    Y = np.outer(scores, [0.2, 0.3, 0.5]) + rng.normal(scale=0.5, size=(40, 3))
    return pd.DataFrame(Y, columns=list("abc")), group


def expected(Y, group):
    exog = pd.DataFrame({"Intercept": 1.0, "group": group})
    return nmfre.NMFRE(Y, exog, rank=1).fit("ml", n_boot=0).scores()


@pytest.mark.filterwarnings("ignore")
def test_check_estimator():
    results = checks.check_estimator(NMFRETransformer(n_starts=1), on_skip=None)
    assert sum(result["status"] == "passed" for result in results) > 40


def test_covariates_among_the_columns(data):
    Y, group = data
    X = Y.assign(group=group)[["a", "group", "c", "b"]]
    scores = expected(Y, group).to_numpy()
    model = NMFRETransformer(covariates=["group"]).set_output(transform="pandas")
    found = model.fit_transform(X)
    np.testing.assert_allclose(found, scores, rtol=1e-6)
    assert list(found.columns) == ["comp1"]
    by_position = NMFRETransformer(covariates=[1]).fit(X.to_numpy())
    np.testing.assert_allclose(by_position.transform(X.to_numpy()[:3]), scores[:3], rtol=1e-6)
    np.testing.assert_allclose(by_position.components_.sum(axis=1), 1.0)
    with pytest.raises(errors.InvalidArgumentError, match="covariates"):
        NMFRETransformer(covariates=["z"]).fit(X)


def test_covariates_by_metadata_routing(data):
    Y, group = data
    exog = group.to_frame()
    with sklearn.config_context(enable_metadata_routing=True):
        step = NMFRETransformer().set_fit_request(exog=True).set_transform_request(exog=True)
        pipe = make_pipeline(step, StandardScaler())
        found = pipe.fit_transform(Y, exog=exog)
        new = pipe.transform(Y[:3], exog=exog[:3])
    scores = expected(Y, group).to_numpy()
    np.testing.assert_allclose(found, (scores - scores.mean()) / scores.std(), rtol=1e-6)
    np.testing.assert_allclose(new, found[:3])
    with pytest.raises(errors.ShapeError, match="exog 2"):
        NMFRETransformer().fit(Y, exog=exog[:2])
    arrays = NMFRETransformer().fit_transform(Y.to_numpy(), exog=exog.to_numpy())
    np.testing.assert_allclose(arrays, scores, rtol=1e-6)


def test_missing_responses(data):
    Y, _ = data
    holes = Y.copy()
    holes.iloc[0, 1] = np.nan
    model = NMFRETransformer().fit(holes)
    assert np.isfinite(model.transform(holes)).all()
    with pytest.raises(ValueError, match="NaN"):
        NMFRETransformer(method="df-cap").fit(holes)


def test_only_one_module_imports_it():
    root = Path(nmfre.__file__).parent
    found = set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] == "sklearn" for name in names):
                found.add(path.relative_to(root).as_posix())
    assert found == {"sklearn.py"}
