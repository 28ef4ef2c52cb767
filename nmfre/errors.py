"""
Every error and warning of the package.

Each class holds its own message, which says what is wrong, where, and what to do.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import numpy as np

from nmfre.core.messages import MessageFormatter
from nmfre.warnings import (
    BoundaryWarning as BoundaryWarning,
    ConvergenceWarning as ConvergenceWarning,
    DegenerateBasisWarning as DegenerateBasisWarning,
    LevelsWarning as LevelsWarning,
    NegativeCovariateWarning as NegativeCovariateWarning,
    NMFREWarning as NMFREWarning,
    SingleResponseWarning as SingleResponseWarning,
    StatelessTermWarning as StatelessTermWarning,
)


class NMFREError(Exception):
    """
    Base of every error that the package raises.

    Parameters
    ----------
    **values
        The values that the message of the class names; kept as ``values``.
    """

    message: ClassVar[str] = "{reason}"

    def __init__(self, **values: Any) -> None:
        self.values = {k: v.item() if isinstance(v, np.generic) else v for k, v in values.items()}
        super().__init__(MessageFormatter().format(self.message, **self.values))

    def __reduce__(self) -> tuple[partial[NMFREError], tuple[()]]:
        return partial(type(self), **self.values), ()


class DataError(NMFREError, ValueError):
    """Base of the errors about responses and covariates."""


class ShapeError(DataError):
    """Arrays whose shapes do not fit."""


class TransposedError(ShapeError):
    """Responses that are laid out as responses x units."""

    message = (
        "endog has {rows} rows and exog {units}: endog appears to be transposed; pass endog.T."
    )


class NonNumericError(DataError):
    """A response or covariate that is not a column of real numbers."""

    message = "{name} is not numeric ({dtype}): {remedy}"


class NegativeResponseError(DataError):
    """Responses below zero."""

    message = (
        "Y has {count} negative entries, first at unit {unit!r}, response {response!r} "
        "({value:g}): NMF-RE needs Y >= 0. Shift or rescale this response, or drop it."
    )


class NonFiniteError(DataError):
    """An infinite value, or a NaN where none may be missing."""

    message = (
        "{role} {name!r} is {value} at unit {unit!r} ({count} such values in all): "
        "remove these units, or fill the values in before fitting."
    )


class ZeroResponseError(DataError):
    """A response that is zero for every unit that it is observed for."""

    message = "Response {response!r} is zero for every unit: it carries no information. Drop it."


class ZeroCovariateError(DataError):
    """A covariate that is zero for every unit."""

    message = "Covariate {covariate!r} is zero for every unit: {remedy}."


class CollinearCovariatesError(DataError):
    """Covariates of which one is a linear combination of others."""

    message = "The covariates are collinear: {dependence}. Drop one of them."


class ScaleError(DataError):
    """Responses or a covariate in units too small or too large for floating point, or df-cap."""


class TooFewUnitsError(DataError):
    """Not more units than covariates."""

    message = (
        "{units} units are too few for {covariates} covariates: at least {needed} are "
        "needed. {remedy}"
    )


class DuplicateCellError(DataError):
    """A (unit, occasion) pair, a unit of wide data or a column that appears more than once."""

    message = "{cell} appears {count} times{rows}: {remedy}"


class MissingCellError(DataError):
    """Missing responses where a method needs all of them."""

    message = (
        "{count} of {cells} responses are missing, first response {response!r} of unit {unit!r}: "
        "df-cap needs all of them. Use method='ml', or remove these units."
    )


class UnobservedUnitError(DataError):
    """A unit without any observed response."""

    message = (
        "Unit {unit!r} has no observed response ({count} such units in all): it carries no "
        "information. Remove it."
    )


class UnobservedResponseError(DataError):
    """A response that is missing for every unit."""

    message = "Response {response!r} is missing for every unit ({count} such responses): drop it."


class VaryingCovariateError(DataError):
    """A covariate, or a label of groups, that is not constant within a unit."""

    message = (
        "Column {covariate!r} varies within unit {unit!r} (rows {first!r}, {second!r}): "
        "covariates and groups must be constant within a unit. {remedy}"
    )


class FormulaError(NMFREError, ValueError):
    """A formula that cannot be used."""

    message = "formula {formula!r}: {reason}"


class BasisPatternError(NMFREError, ValueError):
    """A basis pattern that does not fit the responses, or does not identify the components."""

    message = "basis_pattern: {reason}"


class UndeterminedVariancesError(NMFREError, ValueError):
    """More variances than the responses determine."""


class UnseenLevelError(DataError):
    """A category in new data that the fit has not seen."""

    message = (
        "{name!r} has the level {level!r}, which was not in the data of the fit. Known "
        "levels: {known}."
    )


class MissingColumnError(DataError, KeyError):
    """A column that the data do not have."""

    message = "{role} needs a column {name!r}, which the data do not have. They have: {known}."

    def __str__(self) -> str:  # KeyError would show the repr
        return str(self.args[0])


class RankError(NMFREError, ValueError):
    """A rank that is not a whole number from 1 to min(P, N)."""

    message = (
        "rank={rank!r} must be a whole number from 1 to min(P, N) = {largest} "
        "(P = {responses} responses, N = {units} units)."
    )


class InvalidArgumentError(NMFREError, ValueError):
    """An argument with an invalid value."""

    message = "{name}={value!r} is invalid: it must be {allowed}."

    def __init__(self, name: str, value: object, allowed: str) -> None:
        super().__init__(name=name, value=value, allowed=allowed)


class UnknownArgumentError(NMFREError, TypeError):
    """A keyword that the function does not take."""

    message = (
        "{function}() got an unknown argument {name!r}{suggestion} Its arguments are: {known}."
    )


class DatasetNotFoundError(NMFREError, FileNotFoundError):
    """A data set of the package whose files are missing."""

    message = "Files of the data set {name!r} are not part of this installation. Reinstall nmfre."


class DatasetFileNotFoundError(DatasetNotFoundError):
    """A missing file of a data set that does not ship with the package."""

    message = (
        "{missing}. This data set does not ship with nmfre: {source}. Pass the file as path, or "
        "set the environment variable {variable} to a folder that holds {file}, laid out as the "
        "docstring describes."
    )


class DatasetLayoutError(NMFREError, ValueError):
    """A data file whose layout is not the one that its loader expects."""

    message = "{path}: {found}. Expected: {layout}. Correct the file, or download it again."


class MissingReaderError(NMFREError, ImportError):
    """An Excel file that cannot be read, because the package that reads it is not installed."""

    message = (
        "{path} is an Excel file, and the package that reads it is missing or too old. For .xlsx: "
        "pip install --upgrade openpyxl. For .xls: pip install --upgrade xlrd."
    )


class MissingDependencyError(NMFREError, ImportError):
    """An optional package that is not installed."""

    message = '{purpose} needs {package}, which is not installed: pip install "nmfre[{extra}]"'


class NotComputedError(NMFREError, AttributeError):
    """A quantity that was not computed, or that does not exist for this fit."""

    message = "{name} is not available: {reason}"


class UnknownAttributeError(NMFREError, AttributeError):
    """An attribute that does not exist; for names of other packages, the message gives ours."""

    message = "{owner} has no attribute {name!r}{hint}"


class DataRemovedError(NotComputedError):
    """A quantity that needs the data, which remove_data() dropped."""

    message = (
        "{name} are not part of this result: remove_data() dropped them. Fit the model again, or "
        "load a result that was saved with its data."
    )


class FormulaNotRestoredError(NMFREError, ValueError):
    """A formula of a loaded result that cannot be evaluated here."""

    message = (
        "The formula {formula!r} cannot be evaluated: {reason}. Pass the covariates themselves: a "
        "DataFrame with the columns {covariates}, or an array in this order."
    )


class SavedResultError(NMFREError, ValueError):
    """A file that does not hold a result, or none that this installation can read."""

    message = "{path} is not a result that can be loaded: {reason}."


class NotArchivableError(NMFREError, TypeError):
    """Labels or data that plain arrays cannot hold."""

    message = (
        "{what} cannot be written as plain arrays, which hold only numbers, strings, dates and "
        "tuples of them. Convert it before fitting, or use save()."
    )


class NotPickledError(NMFREError, TypeError):
    """Labels that cannot be pickled."""

    message = (
        "The result cannot be saved, because something in it cannot be pickled ({reason}). Convert "
        "the labels of units and responses to numbers or text before fitting."
    )


class SparseResponsesError(NMFREError, TypeError):
    """Sparse responses where a method would have to make them dense."""

    message = "df-cap needs dense responses: use method='ml', which keeps them sparse."


class ChunkedResponsesError(NMFREError, TypeError):
    """Responses in chunks where a method needs all of them in memory."""

    message = "df-cap needs all responses in memory: use method='ml', or compute() them first."


class ChunkError(NMFREError, RuntimeError):
    """A chunk of data that could not be read, or whose worker died."""

    message = (
        "A pass over the chunks of the data did not finish ({cause}), and nothing was computed "
        "from the rest. Check the files and the logs of the workers, and repeat the call."
    )


class ChunkLengthError(ChunkError):
    """A chunk whose number of units differs from the announced one."""

    message = (
        "The chunk of units {first} to {last} has {found} units: a file may end early, or the "
        "chunk sizes may be wrong. Check both, and repeat the call."
    )


class ExactFitError(NMFREError, ValueError):
    """Responses that are fitted exactly."""

    message = (
        "rank={rank} reproduces the responses to rounding: at the maximum the residual variance "
        "is zero. Lower the rank, or pool occasions (round or bin them) that few units share."
    )


class FoldsError(NMFREError, ValueError):
    """Data that cannot be divided into folds."""

    message = "folds={folds} over {over}: {reason} Change folds, or choose by criterion='bic'."


class TooManyParametersError(NMFREError, ValueError):
    """Too many parameters for a joint covariance matrix."""

    message = (
        "The joint covariance of {parameters} parameters would be too large (at most {most} with "
        "missing responses or a cap): use uncertainty='conditional'."
    )


class NonFiniteFitError(NMFREError, ArithmeticError):
    """A fit that ran into NaN or infinite values."""

    message = (
        "The fit became non-finite at iteration {iteration}: the data or the starting values are "
        "out of scale. Rescale the responses and covariates to about [0, 1], or change start_*."
    )


class UnfinishedTasksError(NMFREError, RuntimeError):
    """
    A parallel computation in which a task failed or a worker died.

    ``finished`` has the results of the tasks that finished before, by task number.
    """

    message = (
        "{description}: one failed ({cause}) after {count} of {total} had finished. Their results "
        "are in the attribute .finished of this error."
    )

    @property
    def finished(self) -> dict[int, Any]:
        """Results by the number of the task."""
        return dict(self.values["finished"])


class InterruptedTasksError(UnfinishedTasksError, KeyboardInterrupt):
    """A parallel computation that was interrupted from the keyboard."""
