"""Results in files, with or without the data: pickled, or as plain arrays."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Self, cast

from statsmodels.iolib.smpickle import load_pickle

from nmfre._version import __version__
from nmfre.core.arguments import check_bool, known_arguments
from nmfre.core.files import file_path, replaced
from nmfre.data.entry import KINDS
from nmfre.data.placeholder import Removed, RemovedDesign
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
from nmfre.results.diagnostics import DiagnosticResults
from nmfre.results.loaded import check_fit, check_loaded

if TYPE_CHECKING:
    from nmfre.model import NMFRE

STORED = ("estimate", "inference", "estimator", "seed")
"""What a result is made of, besides its model."""
WITHOUT_DATA = ("_rsquared", "_studentized")
"""Cached properties that need the data once, and hold no part of them."""
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
PACKAGES = ("numpy", "pandas", "scipy", "statsmodels")


class SavingResults(DiagnosticResults):
    """Saving, loading, and doing without the data."""

    model_class: ClassVar[type[NMFRE]]
    """Set by the module of the model, which imports this one."""

    @known_arguments
    def save(self, fname: str | Path | BinaryIO, remove_data: bool = False) -> None:
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
        result = self
        if remove_data:
            result = copy.copy(self)
            result.remove_data()
        if hasattr(fname, "write"):
            _pickle(result, fname)
            return
        with replaced(file_path("fname", fname)) as new, new.open("wb") as file:
            _pickle(result, file)

    @classmethod
    @known_arguments
    def load(cls, fname: str | Path | BinaryIO) -> Self:
        """
        Load a result that was saved by `nmfre.NMFREResults.save`.

        Loading a pickle can run any code: load only files that you trust. Files written by
        `nmfre.NMFREResults.to_arrays` run none.

        Parameters
        ----------
        fname : str, path, or file open for reading in binary
            The file.

        Returns
        -------
        NMFREResults

        Raises
        ------
        SavedResultError
            If the file is damaged, or holds something else.
        OSError
            If the file cannot be opened.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> import nmfre
        >>> endog = np.random.default_rng(0).uniform(1, 2, size=(20, 3))
        >>> res = nmfre.NMFRE(endog, rank=1).fit("ml")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     res.save(Path(folder) / "fit.pickle")
        ...     loaded = nmfre.load(Path(folder) / "fit.pickle")
        >>> loaded
        <NMFREResults: ml, P=3, N=20, Q=1, K=1, llf=-11.8345, converged>
        """
        if hasattr(fname, "read"):
            return cls._unpickled(fname, getattr(fname, "name", "The file"))
        path = file_path("fname", fname)
        with path.open("rb") as file:
            return cls._unpickled(file, path)

    @classmethod
    def _unpickled(cls, file: Any, path: Any) -> Self:
        try:
            result = load_pickle(file)
            if isinstance(result, cls):
                check_loaded(result)
        except MemoryError:
            raise
        except Exception as error:  # a file can be wrong in any way
            reason = f"it is damaged, or of another version ({type(error).__name__}: {error})"
            raise SavedResultError(path=path, reason=reason) from error
        if not isinstance(result, cls):
            raise SavedResultError(path=path, reason=f"it holds a {type(result).__name__}")
        return result

    def remove_data(self) -> None:
        """
        Drop responses, covariates and random effects, and all that has a row a unit.

        What stays: params and all inference on them, the basis, variances, the summary, and
        prediction for new units. What needs the data raises `nmfre.errors.DataRemovedError`. The
        model that was fitted and other results of it keep their data.

        Examples
        --------
        >>> import numpy as np
        >>> import nmfre
        >>> endog = np.random.default_rng(0).uniform(1, 2, size=(20, 3))
        >>> res = nmfre.NMFRE(endog, rank=1).fit("ml")
        >>> res.remove_data()
        >>> try:
        ...     res.resid
        ... except nmfre.errors.DataRemovedError as error:
        ...     print(str(error).split(":")[0])
        The responses are not part of this result
        """
        _ = self._rsquared  # the summary shows it
        model = self.model
        self.model = type(model)._of_design(RemovedDesign.of(model.design), model.rank)
        U = cast("Any", Removed("The random effects", self.estimate.U.shape))
        self.estimate = replace(self.estimate, U=U)
        options = self.inference.options
        if options.multipliers is not None:
            removed = cast("Any", Removed("The multipliers", options.multipliers.shape))
            options = replace(options, multipliers=removed)
            self.inference = replace(self.inference, options=options)
        self.__dict__ = self.__getstate__()

    def __getstate__(self) -> dict[str, Any]:
        """All but what can be computed again."""
        return {
            name: value
            for name, value in vars(self).items()
            if name in WITHOUT_DATA
            or not isinstance(getattr(type(self), name, None), cached_property)
        }

    @known_arguments
    def to_arrays(self, fname: str | Path) -> None:
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
            **{name: getattr(self, name) for name in STORED},
        }
        versions = {"nmfre": __version__, **{name: version(name) for name in PACKAGES}}
        write_archive(path, values, versions)

    @classmethod
    @known_arguments
    def from_arrays(cls, fname: str | Path) -> Self:
        """
        Read a result that was written by `nmfre.NMFREResults.to_arrays`.

        Parameters
        ----------
        fname : str or path
            The file.

        Returns
        -------
        NMFREResults
            With the same numbers and labels.

        Raises
        ------
        SavedResultError
            If the file is damaged, of another version, or holds something else.
        OSError
            If the file cannot be opened.

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
        ...     loaded = nmfre.NMFREResults.from_arrays(Path(folder) / "fit.npz")
        >>> loaded.basis.equals(res.basis)
        True
        """
        path = file_path("fname", fname)
        values = read_archive(path, DATACLASSES)
        try:
            model = cls.model_class._of_design(values["design"], values["rank"])
            result = cls(model, **{name: values[name] for name in STORED})
            check_fit(result, values["rsquared"])
            result.__dict__["_rsquared"] = values["rsquared"]
            check_loaded(result)
        except Exception as error:  # a file can be wrong in any way
            reason = f"it is damaged ({type(error).__name__}: {error})"
            raise SavedResultError(path=path, reason=reason) from error
        return result


def _pickle(result: Any, file: Any) -> None:
    try:
        pickle.dump(result, file, protocol=pickle.HIGHEST_PROTOCOL)
    except (MemoryError, OSError):
        raise
    except Exception as error:  # labels can be of any class
        raise NotPickledError(reason=f"{type(error).__name__}: {error}") from error
