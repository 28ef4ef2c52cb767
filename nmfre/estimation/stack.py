"""A stack of problems and its iterates: the arrays that the alternating updates work on."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np

from nmfre.core.typing import BoolArray, FloatArray

EPS = 1e-10
"""Floor of X, Theta and every denominator (paper, Section 3)."""
BLOCK_BYTES = 1 << 18
"""Size of a block of columns of Y that stays in the cache while it is worked on."""

Part = TypeVar("Part", "Problem", "State")


@dataclass(frozen=True, slots=True)
class Problem:
    """Data and what is computed from them once; the first axis is B, or 1 where shared."""

    Y: FloatArray  # (B, P, N)
    Y_plus: FloatArray  # (B, P, N)
    A_t: FloatArray  # (B, N, K)
    y_mean: FloatArray  # (B, P, 1)
    a_mean: FloatArray  # (B, K, 1)
    AA: FloatArray  # (B, K, K)
    YY: FloatArray  # (B,)
    rss_resolved: FloatArray  # (B,): below it, traces have lost too many digits of the rss
    cap: FloatArray  # (B,)
    estimate_tau2: BoolArray  # (B,)
    any_tau2: bool


@dataclass(slots=True)
class State:
    """
    One iterate. XtX, XXTheta = X'X Theta and the rows XtY belong to X.

    The long arrays lie in one buffer, so that U and Theta A + U are each one matrix product:
    U = M^-1 [I, -X'X Theta, -mean] [XtY; A; 1] and Theta A + U = [Theta, 0, I] [A; 1; U].
    """

    X: FloatArray  # (B, P, Q)
    coefs: FloatArray  # (B, Q, K + 1 + Q): [Theta, 0, I]
    rows: FloatArray  # (B, Q + K + 1 + Q, N): [XtY; A; 1; U]
    XtX: FloatArray  # (B, Q, Q)
    XXTheta: FloatArray  # (B, Q, K)
    right: FloatArray  # (B, Q, Q + K + 1): [I, -X'X Theta, -mean]
    sigma2: FloatArray  # (B,)
    tau2: FloatArray  # (B,)
    ridge: FloatArray  # (B,)
    df: FloatArray  # (B,)
    capped: BoolArray  # (B,)
    rss: FloatArray  # (B,)
    objective: FloatArray  # (B,)

    @property
    def Theta(self) -> FloatArray:
        """(B, Q, K)."""
        return self.coefs[..., : -self.X.shape[-1] - 1]

    @property
    def U(self) -> FloatArray:
        """(B, Q, N)."""
        return self.rows[:, -self.X.shape[-1] :]


def start_state(
    Y: FloatArray,
    A: FloatArray,
    X: FloatArray,
    Theta: FloatArray,
    sigma2: FloatArray,
    tau2: FloatArray,
) -> State:
    """Floor and normalise the start values; U is 0."""
    size, _, rank = X.shape
    n_covariates, n_units = A.shape[-2:]
    X, Theta = np.maximum(X, EPS), np.maximum(Theta, EPS)
    scale = X.sum(axis=-2)
    X = X / scale[:, None, :]
    coefs = np.zeros((size, rank, n_covariates + 1 + rank))
    coefs[..., :n_covariates] = Theta * scale[:, :, None]
    coefs[..., n_covariates + 1 :] = np.eye(rank)
    rows = np.zeros((size, rank + n_covariates + 1 + rank, n_units))
    rows[:, :rank] = X.mT @ Y
    rows[:, rank : rank + n_covariates] = A
    rows[:, rank + n_covariates] = 1.0
    nan = np.full(size, np.nan)
    return State(
        X=X,
        coefs=coefs,
        rows=rows,
        XtX=X.mT @ X,
        XXTheta=X.mT @ X @ coefs[..., :n_covariates],
        right=np.concatenate(
            [coefs[..., -rank:], np.zeros((size, rank, n_covariates + 1))], axis=-1
        ),
        sigma2=sigma2,
        tau2=tau2,
        ridge=sigma2 / tau2,
        df=nan,
        capped=np.zeros(size, dtype=bool),
        rss=nan,
        objective=np.zeros(size),
    )


def cache_blocks(state: State) -> list[slice]:
    """Blocks of units whose responses fit in the cache."""
    size, n_responses, _ = state.X.shape
    n_units = state.rows.shape[-1]
    width = max(BLOCK_BYTES // (8 * size * n_responses), 64)
    if width >= n_units:
        return [slice(None)]
    return [slice(start, start + width) for start in range(0, n_units, width)]


def take(part: Part, keep: BoolArray) -> Part:
    """The members to keep; arrays that all members share stay as they are."""
    changes = {
        f.name: value[keep]
        for f in fields(part)
        if np.shape(value := getattr(part, f.name))[:1] == keep.shape
    }
    return replace(part, **changes)


def inner(a: FloatArray, b: FloatArray) -> FloatArray:
    """Sum of the products of all entries, for every member."""
    inner: FloatArray = np.vecdot(a.reshape(len(a), -1), b.reshape(len(b), -1))
    return inner
