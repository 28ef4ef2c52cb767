"""The estimators, by the names of their methods: the one place that knows them all."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from nmfre.core.arguments import check_label
from nmfre.errors import InvalidArgumentError
from nmfre.estimators.base import Estimator, Method
from nmfre.estimators.df_cap import DfCap
from nmfre.estimators.maximum_likelihood import MaximumLikelihood

__all__ = ["ESTIMATORS", "DfCap", "Estimator", "MaximumLikelihood", "Method", "estimator_of"]

ESTIMATORS: dict[str, type[Estimator]] = {cls.name: cls for cls in (DfCap, MaximumLikelihood)}
NEUTRAL = {
    "cov_resid": "identity",
    "cov_re": "identity",
    "n_starts": 1,
    "signed": False,
    "start_theta": None,
    "update_tau2": True,
}
"""Options that not every estimator has: what to the others means nothing."""


def estimator_of(method: str, **options: Any) -> Estimator:
    """
    The estimator that a method names.

    Parameters
    ----------
    method : str
    **options
        As in `nmfre.NMFRE.fit`; ``df_cap="default"`` leaves the choice to the estimator. An option
        that belongs to another method must have the value that means nothing to this one.

    Raises
    ------
    InvalidArgumentError
        An invalid value, or an option that belongs to another method.
    """
    check_label("method", method, ESTIMATORS)
    estimator = ESTIMATORS[method]
    own = {}
    for name, value in options.items():
        if isinstance(value, str) and (name, value) == ("df_cap", "default"):
            continue
        if name in _names(estimator):
            own[name] = value
            continue
        owner = next(other for other in ESTIMATORS.values() if name in _names(other))
        owner(**{name: value})  # with the error of a value that is allowed nowhere
        neutral = NEUTRAL[name]
        if value is not None and (neutral is None or value != neutral):
            raise InvalidArgumentError(
                name,
                "array" if neutral is None else value,
                f"{neutral!r} with {method}; it belongs to method={owner.name!r}",
            )
    return estimator(**own)


def _names(estimator: type[Estimator]) -> set[str]:
    return {field.name for field in fields(estimator)}
