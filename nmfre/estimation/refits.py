"""Maximum likelihood of replicates of the data, next to that of the data: Theta alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from nmfre.core.layout import LaidOut
from nmfre.core.typing import FloatArray
from nmfre.estimation.boundary import at_zero_if_as_good, df_random
from nmfre.estimation.complete import DenseMoments
from nmfre.estimation.covariance_forms import Relative
from nmfre.estimation.estimate import StopReason
from nmfre.estimation.marginal_estimate import MarginalEstimate
from nmfre.estimation.maximize import CLIMB_TOL, Maximum, maximize, maximize_all, stack_size
from nmfre.estimation.maximum_likelihood import representative_of
from nmfre.estimation.moments import Moments


@dataclass(frozen=True, slots=True)
class Refit(LaidOut):
    """
    What is wanted of a replicate.

    Attributes
    ----------
    X, Theta : (P, Q), (Q, K)
        Where mixtures of components fit as well, of the one that a fit shows.
    stop_reason : StopReason
    llf : float
        Log-likelihood of the replicate.
    """

    X: FloatArray
    Theta: FloatArray
    stop_reason: StopReason
    llf: float


def refit(
    replicates: Sequence[Moments], estimate: MarginalEstimate, *, tol: float, maxiter: int
) -> list[Refit]:
    """
    Fit replicates, all from the estimate on; complete ones of few responses as stacks.

    Parameters
    ----------
    replicates : sequence of Moments
        Of data of the size of those that were fitted.
    estimate : MarginalEstimate
        It names the structure, the cap, and whether Theta may be negative.
    tol, maxiter
        As in `fit_marginal`.
    """
    rank = estimate.X.shape[1]
    dense = [member for member in replicates if isinstance(member, DenseMoments)]
    if len(dense) == len(replicates):
        size = stack_size(dense[0], rank)
        parts = [dense[first : first + size] for first in range(0, len(dense), size)]
        stacks: list[tuple[Sequence[Moments], Moments]]
        stacks = [(part, DenseMoments.stacked(part)) for part in parts]
    else:
        stacks = [([member], member) for member in replicates]
    refits = []
    for members, stack in stacks:
        maxima = _maxima(members, stack, estimate, tol, maxiter)
        refits += [
            _shown(member, maximum, estimate)
            for member, maximum in zip(members, maxima, strict=True)
        ]
    return refits


def _maxima(
    members: Sequence[Moments],
    stack: Moments,
    estimate: MarginalEstimate,
    tol: float,
    maxiter: int,
) -> list[Maximum]:
    """Of each member; on the cap where the free one exceeds it."""
    signed, structure, cap = estimate.signed, estimate.structure, estimate.cap
    X = np.repeat(estimate.X[None], len(members), axis=0)
    absolute = estimate.absolute
    of_members = [structure.relative(absolute, member.scale) for member in members]
    relative = Relative.stacked(of_members)
    climb = partial(
        maximize_all, stack, structure=structure, signed=signed, maxiter=maxiter, near=True
    )
    maxima = climb(X, relative, tol=max(tol, CLIMB_TOL), polish=False)
    X, relative = at_zero_if_as_good(stack, maxima, signed=signed, structure=structure)
    maxima = climb(X, relative, tol=tol)
    if np.isinf(cap):
        return maxima
    return [
        maximum
        if df_random(member, maximum) <= cap
        else maximize(
            member,
            maximum.X,
            maximum.relative,
            structure=structure,
            signed=signed,
            cap=cap,
            tol=tol,
            maxiter=maxiter,
        )
        for member, maximum in zip(members, maxima, strict=True)
    ]


def _shown(member: Moments, maximum: Maximum, estimate: MarginalEstimate) -> Refit:
    """Of the mixtures that fit as well the one that is shown, in units of the responses."""
    X, Theta, _ = representative_of(member, maximum, estimate.signed, estimate.structure)
    llf = -member.n_cells * (maximum.value + float(np.log(member.scale)))
    return Refit(X, Theta * member.scale, maximum.stop_reason, llf)
