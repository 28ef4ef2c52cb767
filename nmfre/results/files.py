"""Results in files, with or without the data: pickled, or as plain arrays."""

from __future__ import annotations

import pickle
from contextlib import ExitStack, nullcontext
from dataclasses import fields
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from statsmodels.iolib.smpickle import load_pickle

from nmfre._version import __version__
from nmfre.core.arguments import check_bool
from nmfre.core.files import file_path, replaced
from nmfre.data.basis_pattern import Components
from nmfre.data.design import n_independent, total_weight
from nmfre.data.entry import KINDS
from nmfre.data.groups import Groups
from nmfre.data.labelled_model import LabelledModel
from nmfre.data.placeholder import Removed
from nmfre.data.right_hand_side import RightHandSide
from nmfre.data.weights import Weights
from nmfre.errors import NotPickledError, SavedResultError
from nmfre.estimation.alternating_estimate import AlternatingEstimate
from nmfre.estimation.cap import Cap
from nmfre.estimation.covariance_forms import Structure
from nmfre.estimation.identification import Identification
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimators import ESTIMATORS
from nmfre.inference.conditional import Inference
from nmfre.inference.eliminated import EliminatedInference
from nmfre.inference.equality import ScoreTest
from nmfre.inference.leverages import Support
from nmfre.inference.marginal import LARGEST, MarginalInference, n_parameters
from nmfre.inference.options import InferenceOptions
from nmfre.inference.wild_bootstrap import WildBootstrap
from nmfre.results.archive import read_archive, read_as, write_archive
from nmfre.results.fit import Fit, without_data

DATACLASSES = (
    *KINDS,
    AlternatingEstimate,
    Cap,
    Components,
    Groups,
    Identification,
    Structure,
    Inference,
    InferenceOptions,
    MarginalEstimate,
    MarginalInference,
    EliminatedInference,
    RightHandSide,
    ScoreTest,
    Support,
    Weights,
    WildBootstrap,
    *ESTIMATORS.values(),
)
Results = TypeVar("Results", bound=Fit)
INFERENCES: dict[str, type[Inference]] = {"conditional": Inference, "marginal": MarginalInference}
ROUNDED_UP = 1.0 + 1e-9
FLOAT = np.dtype(float)
PACKAGES = ("numpy", "pandas", "scipy", "statsmodels")


def to_arrays(self: Fit, fname: str | Path) -> None:
    """
    Write the result, with its data, as plain arrays and a JSON text in one .npz file.

    Reading the file executes nothing, neither with `from_arrays` nor with ``numpy.load(fname,
    allow_pickle=False)``, whose ``"header"`` is the JSON text in UTF-8. Labels may be numbers,
    strings, dates, times, periods, categories, and tuples of the first three. A formula is kept as
    text: predictions of a loaded result need the covariates of new units instead of the variables.

    Parameters
    ----------
    fname : str or path
        The file. An existing file is replaced only when the new one is complete.

    Raises
    ------
    NotArchivableError
        Labels or data are of another type.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import nmfre
    >>> endog = np.random.default_rng(0).uniform(1, 2, size=(20, 3))
    >>> res = nmfre.NMFRE(endog, rank=1).fit("ml")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     res.to_arrays(Path(folder) / "fit.npz")
    ...     loaded = nmfre.from_arrays(Path(folder) / "fit.npz")
    >>> str(loaded.summary()) == str(res.summary())
    True
    """
    path = file_path("fname", fname)
    values = {
        "design": self.model.design,
        "component_set": self.model.component_set,
        "rsquared": self._rsquared,
        "references": self._references,
        **{each.name: getattr(self, each.name) for each in fields(Fit) if each.name != "model"},
    }
    versions = {"nmfre": __version__, **{name: version(name) for name in PACKAGES}}
    write_archive(path, values, versions)


def save(self: Fit, fname: str | Path | BinaryIO, remove_data: bool = False) -> None:
    """
    Save the result as a pickle; `nmfre.load` reads it.

    Transforms of the formula keep what they learned from the data. If the formula calls a function
    of yours, it must be importable where the result is loaded; otherwise predictions need
    covariates instead of variables.

    Parameters
    ----------
    fname : str, path, or file open for writing in binary
        The file. An existing file is replaced only when the new one is complete.
    remove_data : bool
        Whether to leave the data out of the file; see `remove_data`. The result itself keeps them.

    Raises
    ------
    NotPickledError
        Labels of the data cannot be pickled.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import nmfre
    >>> model = nmfre.NMFRE.from_formula(
    ...     "distance ~ sex",
    ...     data=nmfre.datasets.load_orthodont(),
    ...     unit="subject",
    ...     occasion="age",
    ...     rank=1,
    ... )
    >>> res = model.fit(df_cap=0.21)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     res.save(Path(folder) / "growth.pickle")
    ...     loaded = nmfre.load(Path(folder) / "growth.pickle")
    >>> loaded.params.equals(res.params)
    True
    """
    check_bool("remove_data", remove_data)
    result = without_data(self) if remove_data else self
    with ExitStack() as files:
        if not hasattr(fname, "write"):
            new = files.enter_context(replaced(file_path("fname", fname)))
            fname = files.enter_context(new.open("wb"))
        try:
            pickle.dump(result, fname, protocol=pickle.HIGHEST_PROTOCOL)
        except (MemoryError, OSError):
            raise
        except Exception as error:  # labels can be of any class
            raise NotPickledError(reason=f"{type(error).__name__}: {error}") from error


def unpickled(kind: type[Results], fname: str | Path | BinaryIO) -> Results:
    """What `save` has written, checked to be results of this class."""
    path = None if hasattr(fname, "read") else file_path("fname", fname)
    shown = getattr(fname, "name", "The file") if path is None else path
    opened = nullcontext(fname) if path is None else path.open("rb")
    with opened as file, read_as(shown, "damaged, or of another version"):
        result = load_pickle(file)
        if not isinstance(result, kind):
            raise SavedResultError(path=shown, reason=f"it holds a {type(result).__name__}")
        check_loaded(result)
    return result


def from_arrays(
    kind: type[Results], fname: str | Path, model_class: type[LabelledModel]
) -> Results:
    """What `to_arrays` has written."""
    path = file_path("fname", fname)
    values = read_archive(path, DATACLASSES)
    with read_as(path, "damaged"):
        model = model_class._of_design(values.pop("design"), values.pop("component_set"))
        rsquared, references = values.pop("rsquared"), values.pop("references")
        fit = kind(model=model, **values)
        if not isinstance(model.design.Y, Removed):  # or the data are not those of the fit
            np.testing.assert_allclose(rsquared, fit._rsquared, rtol=1e-6, atol=1e-6)
        shape = len(model.design.terms) + 1, 2
        if (references.shape, references.dtype) != (shape, FLOAT) or not (references > 0.0).all():
            raise ValueError("distributions of tests are not those of the terms")
        vars(fit).update(_rsquared=rsquared, _references=references)
        check_loaded(fit)
    return fit


def check_loaded(fit: Fit) -> None:
    """
    The parts must be those of the method, as large as the data, and agree with each other.

    Raises
    ------
    Exception
        Of any kind, if they are not.
    """
    design, rank, options = fit.model.design, fit.model.rank, fit.inference.options
    kinds = {
        "estimator": ESTIMATORS[fit.method],
        "estimate": fit.estimator.kind,
        "inference": _inference_kind(fit),
        "seed": int,
    }
    for name, kind in kinds.items():
        if type(getattr(fit, name)) is not kind:
            raise TypeError(f"{name} is not a {kind.__name__}, which {fit.method} needs")
    r2 = fit._rsquared
    r2 = r2.loc[["correlation", "uncentered", "row-centered"], ["blup", "fixed"]]
    if not all(dtype.kind == "f" for dtype in [*r2.dtypes, getattr(design.Y, "dtype", FLOAT)]):
        raise TypeError("responses or R2 are not floats")
    if min(fit.seed, options.seed or 0) < 0:
        raise ValueError("a seed is negative")
    fit.estimator.check_inference(design, rank, options)
    _check_shapes(fit)
    estimate = fit.estimate
    X, Theta, params = estimate.X, estimate.Theta, fit.inference.estimate
    variances = [estimate.sigma2, estimate.tau2]
    floor = -np.inf if estimate.signed else 0.0
    structure = getattr(estimate, "structure", Structure())
    held = Structure(pattern=fit.model.component_set.pattern).held(X.shape)
    faults = {
        "the basis does not have the zeros of its pattern": X[held].any()
        or (structure.held(X.shape) != held).any(),
        "residual variances are not of their form": structure.resid.profiled
        and not np.allclose(estimate.v, structure.resid.given(estimate.v.shape)),
        "the estimates are not finite": not np.isfinite([*X.flat, *Theta.flat, *variances]).all(),
        "the basis is negative, or does not sum to one": X.min() < 0.0
        or not np.allclose(X.sum(axis=0), 1.0),
        "a variance or the degrees of freedom are out of range": min(variances) <= 0.0
        or not 0.0 <= estimate.df_random <= estimate.largest_df * ROUNDED_UP,
        "the square of a standard error is negative": np.diag(fit.inference.covariance).min() < 0.0,
        "the bound of params is not that of the fit": fit.inference.floor != floor,
        "the sum of weights is not that of the units": not np.isclose(
            estimate.n_units, total_weight(design), rtol=1e-9, atol=0.0
        ),
        "params are not the estimated effects": not np.array_equal(params, Theta.ravel(order="F")),
    }
    for fault, found in faults.items():
        if found:
            raise ValueError(fault)


def _inference_kind(fit: Fit) -> type[Inference]:
    """Of what is asked for, for that many parameters."""
    design, rank = fit.model.design, fit.model.rank
    n_responses, uncertainty = len(design.responses), fit.inference.options.uncertainty
    structure = fit.estimator.structure(n_responses, rank)
    size = n_parameters(n_responses, rank, len(design.covariates), structure)
    many = uncertainty == "marginal" and size > LARGEST
    return EliminatedInference if many else INFERENCES[uncertainty]


def _check_shapes(fit: Fit) -> None:
    estimate, inference = fit.estimate, fit.inference
    n_responses, n_units = fit.model.design.Y.shape
    n_covariates, rank = len(fit.model.design.covariates), fit.model.rank
    basis, size = (n_responses, rank), rank * n_covariates
    n_boot = inference.options.n_boot
    structure = getattr(estimate, "structure", fit.estimator.structure(n_responses, rank))
    n_all = n_parameters(n_responses, rank, n_covariates, structure)
    identification = getattr(estimate, "identification", None)
    shapes = [
        (("X", "held_basis", "pattern"), basis),
        (("Theta",), (rank, n_covariates)),
        (("U",), (rank, n_units)),
        (("objective_path",), (len(estimate.objective_path),)),
        (("ridge_path", "df_random_path"), (estimate.n_iter,)),
        (("mixing",), (rank,)),
        (("directions",), (getattr(identification, "n_free", 0), rank, rank)),
        (("estimate", "at_bound", "held", "score_z"), (size,)),
        (("covariance",), (size, size)),
        (("psi_covariance",), (n_all, n_all)),
        (("df_gradient",), (n_all,)),
        (("v", "resid_at_bound"), (n_responses,)),
        (("F",), (rank, rank)),
        (("re_at_bound",), (rank,)),
        (("deviations", "deviations_bse"), (n_boot, size)),
        (("multipliers",), (n_boot, n_independent(fit.model.design))),
        (("effective", "level", "alone"), (n_covariates,)),
    ]
    parts = (
        fit.model.component_set,
        estimate,
        identification,
        inference,
        inference.bootstrap,
        inference.options,
        inference.support,
    )
    for names, shape in shapes:
        for part, name in product(parts, names):
            value = getattr(part, name, None)
            if value is not None and np.shape(value) != shape:
                raise ValueError(f"{name} has shape {np.shape(value)}, not {shape}")
