"""Results in files, with or without the data: pickled, or as plain arrays."""

from __future__ import annotations

import pickle
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from statsmodels.iolib.smpickle import load_pickle

from nmfre._version import __version__
from nmfre.core.arguments import check_bool
from nmfre.core.files import file_path, replaced
from nmfre.data.entry import KINDS
from nmfre.data.right_hand_side import RightHandSide
from nmfre.errors import NotPickledError, SavedResultError
from nmfre.estimation.alternating_estimate import AlternatingEstimate
from nmfre.estimation.cap import Cap
from nmfre.estimation.identification import Identification
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimators import ESTIMATORS
from nmfre.inference.conditional import Inference
from nmfre.inference.marginal import MarginalInference
from nmfre.inference.options import InferenceOptions
from nmfre.inference.wild_bootstrap import WildBootstrap
from nmfre.results.archive import read_archive, write_archive
from nmfre.results.fit import PARTS, Fit, FittedModel, without_data
from nmfre.results.loaded import check_fit, check_loaded

DATACLASSES = (
    *KINDS,
    AlternatingEstimate,
    Cap,
    Identification,
    Inference,
    InferenceOptions,
    MarginalEstimate,
    MarginalInference,
    RightHandSide,
    WildBootstrap,
    *ESTIMATORS.values(),
)
Results = TypeVar("Results", bound=Fit)
PACKAGES = ("numpy", "pandas", "scipy", "statsmodels")


def to_arrays(self: Fit, fname: str | Path) -> None:
    """
    Write the result, with its data, as plain arrays and a JSON text in one .npz file.

    Nothing in it is executed when it is read, by `from_arrays` or by
    ``numpy.load(fname, allow_pickle=False)``, whose ``"header"`` is the text, in UTF-8. Labels
    may be numbers, strings, dates, times, periods, categories, and tuples of the first three. A
    formula is kept as text: of the loaded result, new units are predicted from covariates.

    Parameters
    ----------
    fname : str or path
        The file. One that exists is replaced only when the new one is complete.

    Raises
    ------
    NotArchivableError
        If labels or data are of another type.
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
        "rank": self.model.rank,
        "rsquared": self._rsquared,
        **{name: getattr(self, name) for name in PARTS if name != "model"},
    }
    versions = {"nmfre": __version__, **{name: version(name) for name in PACKAGES}}
    write_archive(path, values, versions)


def save(self: Fit, fname: str | Path | BinaryIO, remove_data: bool = False) -> None:
    """
    Save the result as a pickle; `nmfre.load` reads it.

    Transforms of the formula keep what they have learned. A function of the user's own that the
    formula calls must be importable where the result is loaded, or else new units are predicted
    from covariates instead of variables.

    Parameters
    ----------
    fname : str, path, or file open for writing in binary
        The file. One that exists is replaced only when the new one is complete.
    remove_data : bool
        Whether the file leaves out the data; see `remove_data`. The result itself keeps them.

    Raises
    ------
    NotPickledError
        If labels of the data cannot be pickled.
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
    if hasattr(fname, "write"):
        _pickle(result, fname)
        return
    with replaced(file_path("fname", fname)) as new, new.open("wb") as file:
        _pickle(result, file)


def unpickled(kind: type[Results], fname: str | Path | BinaryIO) -> Results:
    """What `save` has written, checked to be results of this class."""
    path = None if hasattr(fname, "read") else file_path("fname", fname)
    shown = getattr(fname, "name", "The file") if path is None else path
    with nullcontext(fname) if path is None else path.open("rb") as file:
        try:
            result = load_pickle(file)
            if isinstance(result, kind):
                check_loaded(result)
        except MemoryError:
            raise
        except Exception as error:  # a file can be wrong in any way
            reason = f"it is damaged, or of another version ({type(error).__name__}: {error})"
            raise SavedResultError(path=shown, reason=reason) from error
    if not isinstance(result, kind):
        raise SavedResultError(path=shown, reason=f"it holds a {type(result).__name__}")
    return result


def from_arrays(kind: type[Results], fname: str | Path, model_class: type[FittedModel]) -> Results:
    """What `to_arrays` has written."""
    path = file_path("fname", fname)
    values = read_archive(path, DATACLASSES)
    try:
        model = model_class._of_design(values.pop("design"), values.pop("rank"))
        rsquared = values.pop("rsquared")
        fit = kind(model=model, **values)
        check_fit(fit, rsquared)
        vars(fit)["_rsquared"] = rsquared
        check_loaded(fit)
    except Exception as error:  # a file can be wrong in any way
        reason = f"it is damaged ({type(error).__name__}: {error})"
        raise SavedResultError(path=path, reason=reason) from error
    return fit


def _pickle(result: Any, file: Any) -> None:
    try:
        pickle.dump(result, file, protocol=pickle.HIGHEST_PROTOCOL)
    except (MemoryError, OSError):
        raise
    except Exception as error:  # labels can be of any class
        raise NotPickledError(reason=f"{type(error).__name__}: {error}") from error
