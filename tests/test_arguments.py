"""Odd values of every public argument: right, or an error of the package that says why not."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import coo_array, csr_array, csr_matrix

import nmfre
from nmfre import errors, plotting
from nmfre.core.parallel import run_tasks
from nmfre.simulation import BumpDesign, PaperDesign, coverage_study, paper_study

plt = pytest.importorskip("matplotlib.pyplot")

ODD = {
    "None": None,
    "False": False,
    "True": True,
    "0": 0,
    "-1": -1,
    "1.5": 1.5,
    "0.05": np.float32(0.05),
    "empty": "",
    "nearly": "sandwhich",
    "bytes": b"ml",
    "nan": float("nan"),
    "NA": pd.NA,
    "inf": float("inf"),
    "huge": 10**400,
    "digits": 10**5000,
    "[]": [],
    "[1, 2]": [1, 2],
    "[None]": [None],
    "array": np.array([0.3, 0.7]),
    "scalar array": np.array(0.5),
    "dict": {"a": 1},
    "set": {1},
    "object": object(),
    "complex": 1j,
}
FLAG = {"True", "False"}
NUMBER = {"1.5", "0.05"}
ONLY_NONE = {"None"}
FAST = {"n_boot": 0, "n_starts": 1, "uncertainty": "conditional"}
LONG = {"unit": "subject", "occasion": "age"}


@pytest.fixture(scope="module")
def data():
    return nmfre.datasets.load_orthodont()


@pytest.fixture(scope="module")
def model(data):
    return nmfre.NMFRE.from_formula("distance ~ sex", data, rank=1, **LONG)


@pytest.fixture(scope="module")
def res(model):
    return model.fit("ml", n_starts=1, n_boot=20)


@pytest.fixture(scope="module")
def alternating(model):
    return model.fit(n_boot=10)


def refused(call, accepted=frozenset(), skipped=frozenset()):
    """All odd values but those accepted raise an error of the package, and nothing warns."""
    for name in ODD.keys() - skipped:
        message = None
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", nmfre.NMFREWarning)
            try:
                call(ODD[name])
            except nmfre.NMFREError as error:
                message = str(error)
        assert (message is None) == (name in accepted), (name, message)
        assert message is None or 10 < len(message) < 700, (name, message)


FIT = {
    "method": set(),
    "df_cap": {"None", "0.05"},
    "tol": {"0", *NUMBER},
    "maxiter": set(),
    "start_basis": ONLY_NONE,
    "start_theta": ONLY_NONE,
    "start_sigma2": {"None", *NUMBER},
    "start_tau2": {"None", *NUMBER},
    "update_tau2": FLAG,
    "cov_resid": ONLY_NONE,
    "cov_re": ONLY_NONE,
    "signed": FLAG,
    "n_starts": ONLY_NONE,
    "uncertainty": ONLY_NONE,
    "cov_type": ONLY_NONE,
    "information": set(),
    "dispersion": set(),
    "n_boot": {"0"},
    "multiplier": set(),
    "multipliers": ONLY_NONE,
    "alternative": ONLY_NONE,
    "seed": {"None", "0"},
}


@pytest.mark.parametrize("name", FIT)
def test_fit(model, name):
    given = {"method": "ml", **FAST, "maxiter": 50}
    accepted = FIT[name] - ({"False"} if name == "update_tau2" else set())
    refused(lambda value: model.fit(**{**given, name: value}), accepted)


@pytest.mark.parametrize("name", FIT)
def test_fit_by_df_cap(model, name):
    accepted = FIT[name] - ({"True"} if name == "signed" else set())
    refused(lambda value: model.fit(**{"n_boot": 0, "maxiter": 20, name: value}), accepted)


def test_only_none_is_the_default_of_uncertainty_and_alternative(model, res):
    again = model.fit("ml", n_starts=1, n_boot=0, uncertainty=None, alternative=None)
    assert (again.uncertainty, again.alternative) == ("marginal", "larger")
    signed = model.fit("ml", n_starts=1, n_boot=0, alternative=None, signed=True)
    assert signed.alternative == "two-sided"
    limits = res.conf_int(np.float32(0.25), "wald")
    np.testing.assert_allclose(limits, res.conf_int(0.25, "wald"), rtol=1e-6)


def test_several_odd_arguments_at_once(model):
    rng = np.random.default_rng(0)
    for _ in range(100):
        names = rng.choice(list(FIT), size=3, replace=False)
        odd = {name: ODD[rng.choice(list(ODD))] for name in names}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", nmfre.NMFREWarning)
            try:
                fit = model.fit(**{"method": "ml", **FAST, "maxiter": 50, **odd})
            except nmfre.NMFREError:
                continue
        assert np.isfinite(fit.params).all(), odd


def test_the_model(data, model):
    endog, exog = model.endog, model.exog
    wide = data.pivot_table("distance", "subject", "age", observed=True).add_prefix("y")
    wide["sex"] = data.groupby("subject", observed=True)["sex"].first()
    make, formula = nmfre.NMFRE, nmfre.NMFRE.from_formula
    refused(lambda value: make(value, exog, rank=1))
    refused(lambda value: make(endog, value, rank=1), ONLY_NONE)
    refused(lambda value: make(endog, exog, rank=value))
    for name in ("basis_pattern", "components"):
        refused(lambda value, name=name: make(endog, exog, rank=1, **{name: value}), ONLY_NONE)
    refused(lambda value: make(endog, exog, basis_pattern={"a": value}))
    refused(lambda value: formula(value, wide, 1))
    refused(lambda value: formula("y8 + y10 ~ sex", value, 1))
    refused(lambda value: formula("y8 + y10 ~ sex", wide, value))
    refused(lambda value: formula("y8 + y10 ~ sex", wide, 1, unit=value), ONLY_NONE)
    refused(lambda value: formula("distance ~ sex", data, 1, unit=value, occasion="age"))
    refused(lambda value: formula("distance ~ sex", data, 1, unit="subject", occasion=value))
    refused(lambda value: formula("~ sex", wide, 1, endog=value))


STARTS = {
    "zeros": np.zeros((4, 2)),
    "a column of zeros": np.eye(4, 2) * [1, 0],
    "1e308": np.full((4, 2), 1e308),
    "NaN": np.full((4, 2), np.nan),
    "negative": -np.ones((4, 2)),
    "complex": np.ones((4, 2)) + 0j,
    "objects": np.ones((4, 2)).astype(object),
    "strings": np.ones((4, 2)).astype(str),
    "three axes": np.ones((1, 4, 2)),
    "sparse": csr_array(np.ones((4, 2))),
    "other shape": np.ones((2, 4)),
}


@pytest.mark.parametrize("method", ["ml", "df-cap"])
@pytest.mark.parametrize("start", STARTS)
def test_start_arrays(data, method, start):
    model = nmfre.NMFRE.from_formula("distance ~ sex", data, rank=2, **LONG)
    with pytest.raises(errors.InvalidArgumentError, match=r"start_basis=.* it must be"):
        model.fit(method, n_boot=0, start_basis=STARTS[start])
    if "zeros" not in start:  # effects may be
        theta = STARTS[start] if start == "three axes" else STARTS[start][:2]
        if start == "other shape":
            theta = theta.T
        with pytest.raises(errors.InvalidArgumentError, match=r"start_theta=.* it must be"):
            model.fit(method, n_boot=0, start_theta=theta)


def test_sparse_data(model):
    endog, exog = model.endog, model.exog
    for sparse in (csr_array(exog), csr_matrix(exog)):
        for values in (endog, csr_array(endog)):
            with pytest.raises(errors.InvalidArgumentError, match=r"pass exog\.toarray\(\)"):
                nmfre.NMFRE(values, sparse, rank=1)
    with pytest.raises(errors.NonNumericError, match="complex128"):
        nmfre.NMFRE(csr_array(endog + 1j), exog, rank=1)
    with pytest.raises(errors.ShapeError, match="two axes"):
        nmfre.NMFRE(coo_array(endog[:, 0]), exog, rank=1)
    with pytest.raises(errors.FormulaError, match=r"'Y' is sparse: pass it to nmfre\.NMFRE"):
        nmfre.NMFRE.from_formula("Y ~ x", {"Y": csr_array(endog), "x": exog[:, 1]}, rank=1)
    counts = csr_array(endog.astype(int))
    assert (nmfre.NMFRE(counts, exog, rank=1).endog.toarray() == counts.toarray()).all()


def test_sparse_data_with_three_axes(model):
    try:
        cube = coo_array(model.endog[None])
    except ValueError:
        pytest.skip("SciPy has none yet")
    with pytest.raises(errors.ShapeError, match="two axes"):
        nmfre.NMFRE(cube, model.exog, rank=1)


SELECT = {
    "model": set(),
    "ranks": {"[1, 2]", "set"},
    "criterion": set(),
    "over": set(),
    "folds": set(),
    "repeats": set(),
    "seed": {"None", "0"},
    "n_jobs": ONLY_NONE,
    "progress": FLAG,
    "df_cap": {"None", "0.05"},
    "tol": {"0", *NUMBER},
    "maxiter": set(),
    "start_sigma2": {"None", *NUMBER},
    "start_tau2": {"None", *NUMBER},
    "cov_resid": ONLY_NONE,
    "cov_re": ONLY_NONE,
    "signed": FLAG,
    "n_starts": ONLY_NONE,
}


@pytest.mark.parametrize("name", SELECT)
def test_select_rank(model, name):
    slow = {"-1", "huge", "digits"} if name == "n_jobs" else set()
    given = {"model": model, "ranks": [1], "folds": 4, "n_starts": 1, "maxiter": 30}
    given |= {"progress": False, name: None}
    refused(lambda value: nmfre.select_rank(**{**given, name: value}), SELECT[name], slow)


def test_no_more_processes_than_tasks():
    options = {"progress": False, "description": "lengths"}
    assert run_tasks(len, ["abc"], n_jobs=10**400, **options) == [3]


def test_scan_cap(model):
    accepted = {
        "model": set(),
        "rates": {"array", "set"},
        "tol": {"0", *NUMBER},
        "maxiter": set(),
        "start_basis": ONLY_NONE,
        "start_theta": ONLY_NONE,
        "start_sigma2": {"None", *NUMBER},
        "start_tau2": {"None", *NUMBER},
        "seed": {"0"},
    }
    for name, taken in accepted.items():
        given = {"model": model, "rates": [0.1, 0.3], "maxiter": 20}
        refused(lambda value: nmfre.scan_cap(**{**given, name: value}), taken)  # noqa: B023
    refused(lambda value: nmfre.Cap(absolute=value), NUMBER)


ALPHA = {"alpha": {"0.05"}}
METHODS = {
    "summary": {**ALPHA, "title": {"None", "empty", "nearly"}, "multipletests": ONLY_NONE},
    "summary_frame": {**ALPHA, "multipletests": ONLY_NONE},
    "tidy": ALPHA,
    "conf_int": {**ALPHA, "method": ONLY_NONE},
    "cov_params": {
        "r_matrix": {"None", "[1, 2]", "array"},
        "column": {"None", "0", "-1"},
        "scale": ONLY_NONE,
        "cov_p": ONLY_NONE,
        "other": ONLY_NONE,
    },
    "t_test": {"r_matrix": {"[1, 2]", "array"}},
    "wald_test": {"r_matrix": {"[1, 2]", "array"}},
    "f_test": {"r_matrix": {"[1, 2]", "array"}},
    "wald_test_terms": {"by": set()},
    "adjusted_pvalues": {"method": set()},
    "compare_lr_test": {"restricted": set()},
    "scores": {"which": set()},
    "unit_membership": {"which": set()},
    "unit_clusters": {"which": set()},
    "basis_conf_int": ALPHA,
    "profiles_conf_int": ALPHA,
    "variance_components": ALPHA | {"df_correction": FLAG},
    "with_uncertainty": {"uncertainty": set()},
    "predict": {"exog": ONLY_NONE, "which": ONLY_NONE},
    "get_prediction": {"exog": ONLY_NONE, "which": ONLY_NONE},
    "simulate": {"n": ONLY_NONE, "exog": ONLY_NONE, "seed": {"None", "0"}, "nonnegative": FLAG},
    "bootstrap": {
        "n_boot": set(),
        "multiplier": set(),
        "seed": {"None", "0"},
        "refit": {"False"},
        "parametric": {"False"},
        "n_jobs": {"None", "-1", "huge", "digits"},
        "progress": FLAG,
    },
    "plot_basis": {**ALPHA, "ax": ONLY_NONE},
    "plot_basis_heatmap": {"order": ONLY_NONE, "ax": ONLY_NONE},
    "plot_bootstrap": {"parameter": set()},
    "plot_coefficients": {
        **ALPHA,
        "covariates": ONLY_NONE,
        "intercept": FLAG,
        "ax": ONLY_NONE,
    },
    "plot_convergence": {"ax": ONLY_NONE},
    "plot_growth_curves": {"by": ONLY_NONE, "which": set(), "ax": ONLY_NONE},
    "path_diagram_dot": {**ALPHA, "max_effects": set(), "max_loadings": set()},
    "plot_path_diagram": {
        **ALPHA,
        "max_effects": set(),
        "max_loadings": set(),
        "ax": ONLY_NONE,
    },
    "plot_random_effects": {**ALPHA, "component": ONLY_NONE, "ax": ONLY_NONE},
    "plot_residuals": {"kind": set(), "ax": ONLY_NONE},
}


@pytest.mark.parametrize("method", METHODS)
def test_methods_of_results(res, method):
    call = getattr(res, method)
    for name, accepted in METHODS[method].items():
        slow = {"True"} if name in ("refit", "parametric") else set()
        refused(lambda value: call(**{name: value}), accepted, slow)  # noqa: B023
        plt.close("all")


def test_scores_of_two_components(data):
    model = nmfre.NMFRE.from_formula("distance ~ sex", data, rank=2, **LONG)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nmfre.NMFREWarning)
        pair = model.fit(n_boot=0, maxiter=20)
    for name, accepted in (("which", set()), ("order", ONLY_NONE), ("ax", ONLY_NONE)):
        refused(lambda value: pair.plot_scores(**{name: value}), accepted)  # noqa: B023
    plt.close("all")


def test_other_arguments_of_tests(res):
    hypothesis = "comp1[Intercept] = 0"
    for name, accepted in (("cov_p", ONLY_NONE), ("use_t", {"None", *FLAG})):
        refused(lambda value: res.t_test(hypothesis, **{name: value}), accepted)  # noqa: B023
    for name, accepted in (
        ("cov_p", ONLY_NONE),
        ("invcov", ONLY_NONE),
        ("use_f", {"None", *FLAG}),
        ("df_constraints", ONLY_NONE),
        ("scalar", FLAG),
    ):
        refused(lambda value: res.wald_test(hypothesis, **{name: value}), accepted)  # noqa: B023
    for name in ("term", "component", "method"):
        given = {"term": "sex", "component": "comp1"}
        refused(lambda value: res.t_test_pairwise(**{**given, name: value}))  # noqa: B023
    refused(lambda value: res.with_uncertainty("conditional", cov_type=value), ONLY_NONE)


def test_objects_beside_results(model, res, alternating):
    boot, prediction = res.bootstrap(10), res.get_prediction()
    refused(boot.conf_int, {"0.05"})
    refused(lambda value: boot.conf_int(method=value))
    refused(boot.pvalues, ONLY_NONE)
    refused(boot.plot)
    refused(lambda value: boot.plot("comp1[Intercept]", ax=value), ONLY_NONE)
    refused(prediction.conf_int, {"0.05"})
    refused(lambda value: prediction.conf_int(obs=value), FLAG)
    refused(prediction.summary_frame, {"0.05"})
    new = pd.DataFrame({"sex": ["Male", "Female"]})
    refused(lambda value: res.predict(new, endog=value), ONLY_NONE)
    refused(lambda value: res.predict(new, which=value), ONLY_NONE)
    refused(nmfre.compare)
    for name, accepted in (("stat", set()), ("alpha", {"0.05"})):
        refused(lambda value: nmfre.compare([res], **{name: value}), accepted)  # noqa: B023
    refused(lambda value: alternating.plot_effective_df(ax=value), ONLY_NONE)
    selection = nmfre.select_rank(model, [1], criterion="bic", progress=False)
    refused(lambda value: selection.plot(ax=value), ONLY_NONE)
    scan = nmfre.scan_cap(model, [0.1, 0.3])
    refused(lambda value: scan.plot(ax=value), ONLY_NONE)


@pytest.mark.parametrize("name", plotting.__all__)
def test_plots_of_what_is_no_result(name):
    more = {"plot_bootstrap": ["comp1[Intercept]"], "plot_shares": ["sex"]}.get(name, [])
    refused(lambda value: getattr(plotting, name)(value, *more))


def test_simulation():
    bumps = {"n_responses": 4, "rank": 1, "n_units": 10}
    rng = np.random.default_rng(0)
    for name, accepted in (
        ("n_responses", set()),
        ("rank", set()),
        ("n_units", set()),
        ("signed", FLAG),
        ("errors", set()),
        ("effects", set()),
        ("background", {"0", "0.05"}),
    ):
        refused(lambda value: BumpDesign(**{**bumps, name: value}).draw(rng), accepted)  # noqa: B023
    paper = {"study": "baseline", "n_units": 27, "effect": 0.0}
    for name, accepted in (
        ("study", set()),
        ("n_units", set()),
        ("effect", {"0", "-1", *NUMBER}),
        ("errors", set()),
        ("df_cap", {"None", "0.05"}),
        ("start_tau2", NUMBER),
    ):
        refused(lambda value: PaperDesign(**{**paper, name: value}), accepted)  # noqa: B023
    design = PaperDesign(**paper)
    refused(design.covariates)
    refused(lambda value: design.responses(value, rng))
    refused(lambda value: design.responses(np.ones((27, 2)), value))
    given = {"design": BumpDesign(**bumps), "n_replicates": 2, "n_boot": 2, "progress": False}
    for name, accepted in (
        ("design", set()),
        ("n_replicates", set()),
        ("n_boot", {"0"}),
        ("multiplier", set()),
        ("method", set()),
        ("cov_resid", ONLY_NONE),
        ("cov_re", ONLY_NONE),
    ):
        refused(lambda value: coverage_study(**{**given, name: value}), accepted)  # noqa: B023
    given = {"designs": [design], "n_replicates": 2, "n_boot": 2, "progress": False}
    for name, accepted in (
        ("designs", set()),
        ("n_replicates", set()),
        ("n_boot", set()),
        ("n_refits", {"0"}),
    ):
        refused(lambda value: paper_study(**{**given, name: value}), accepted)  # noqa: B023
