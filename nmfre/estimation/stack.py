"""A stack of problems and its iterates: the arrays that the alternating updates work on."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np

from nmfre.core.typing import BoolArray, FloatArray, IntArray

EPS = 1e-10
"""Floor of X, Theta and every denominator (paper, Section 3)."""
BLOCK_BYTES = 1 << 18
"""Size of a block of columns of Y that stays in the cache while it is worked on."""

SMALLEST_BLOCK = 64
"""Units in a block, at least."""

Part = TypeVar("Part", "Problem", "State")


@dataclass(frozen=True, slots=True)
class Problem:
    """Data and what is computed from them once; the first axis is B, or 1 where shared."""

    Y: FloatArray  # (B, P, N)
    Y_plus: FloatArray  # (B, P, N)
    A: FloatArray  # (B, K, N); with weights (B, K + 1, N), covariates and 1 times their roots
    A_t: FloatArray  # (B, N, K)
    AA: FloatArray  # (B, K, K)
    YY: FloatArray  # (B,)
    rss_resolved: FloatArray  # (B,): below it, traces have lost too many digits of the rss
    cap: FloatArray  # (B,)
    estimate_tau2: BoolArray  # (B,)
    any_tau2: bool
    n_units: float  # N, or the sum of the weights


@dataclass(slots=True)
class State:
    """
    One iterate. XtX, X'X Theta in ``left`` and the rows XtY belong to X.

    Rows of units lie in one buffer, so that U and Theta A + U are each one matrix product:
    U = M^-1 [I, -X'X Theta, -mean] [XtY; A; 1] and Theta A + U = [Theta, 0, I] [A; 1; U]. Where
    units are many the buffer holds a block of them, and XtY and U of all are kept in ``long``. With
    weights, all columns are times their roots, the ones as well.
    """

    X: FloatArray  # (B, P, Q)
    coefs: FloatArray  # (B, Q, K + 1 + Q): [Theta, 0, I]
    rows: FloatArray  # (B, Q + K + 1 + Q, N or units of a block): [XtY; A; 1; U]
    long: FloatArray | None  # (B, Q + Q, N): [XtY; U], where rows are those of a block
    XtX: FloatArray  # (B, Q, Q)
    sums: FloatArray  # (B, Q + K, 1): of XtY and A over the units
    left: FloatArray  # (B, Q, Q + K + 1 + Q): [-2 I, X'X [Theta, 0, I]]
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
        return (self.rows if self.long is None else self.long)[:, -self.X.shape[-1] :]

    @property
    def XtY(self) -> FloatArray:
        """(B, Q, N)."""
        return (self.rows if self.long is None else self.long)[:, : self.X.shape[-1]]

    @property
    def n_covariates(self) -> int:
        """K."""
        return int(self.coefs.shape[-1] - 1 - self.X.shape[-1])

    def widen(self, A: FloatArray) -> None:
        """Wider blocks of units, where fewer members are left."""
        if self.long is not None:
            self.rows, self.long = working_rows(self.long, A, self.X.shape[-2], self.n_covariates)

    def load(self, A: FloatArray, s: slice) -> FloatArray:
        """The rows of a block of units, to be worked on and stored."""
        if self.long is None:
            return self.rows
        rank = self.X.shape[-1]
        rows, long = self.rows[..., : s.stop - s.start], self.long[..., s]
        rows[:, :rank], rows[:, -rank:] = long[:, :rank], long[:, -rank:]
        rows[:, rank : rank + A.shape[-2]] = A[..., s]
        return rows

    def store(self, rows: FloatArray, s: slice) -> None:
        """Keep XtY and U of a block of units."""
        if self.long is not None:
            rank = self.X.shape[-1]
            self.long[:, :rank, s], self.long[:, -rank:, s] = rows[:, :rank], rows[:, -rank:]


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
    n_covariates, n_units = Theta.shape[-1], A.shape[-1]
    all_rows, A, ones = A, A[:, :n_covariates], A[:, n_covariates:]
    X, Theta = np.maximum(X, EPS), np.maximum(Theta, EPS)
    scale = X.sum(axis=-2)
    X = X / scale[:, None, :]
    XtX = X.mT @ X
    coefs = np.zeros((size, rank, n_covariates + 1 + rank))
    coefs[..., :n_covariates] = Theta * scale[:, :, None]
    coefs[..., n_covariates + 1 :] = np.eye(rank)
    left = np.concatenate([np.broadcast_to(-2.0 * np.eye(rank), XtX.shape), XtX @ coefs], axis=-1)
    right = np.zeros((size, rank, rank + n_covariates + 1))
    right[..., :rank] = np.eye(rank)
    long = np.zeros((size, rank + rank, n_units))
    np.matmul(X.mT, Y, out=long[:, :rank])
    rows, kept = working_rows(long, all_rows, Y.shape[-2], n_covariates)
    nan = np.full(size, np.nan)
    return State(
        X=X,
        coefs=coefs,
        rows=rows,
        long=kept,
        XtX=XtX,
        sums=np.concatenate(
            [
                X.mT @ _sums(Y, ones),
                np.repeat(_sums(A, ones), size // len(A), 0),
            ],
            axis=1,
        ),
        left=left,
        right=right,
        sigma2=sigma2,
        tau2=tau2,
        ridge=sigma2 / tau2,
        df=nan,
        capped=np.zeros(size, dtype=bool),
        rss=nan,
        objective=np.zeros(size),
    )


def _sums(values: FloatArray, ones: FloatArray) -> FloatArray:
    """Sums over units; with weights, of products with what stands for 1."""
    return values @ ones.mT if ones.size else values.sum(-1, keepdims=True)


def working_rows(
    long: FloatArray, A: FloatArray, n_responses: int, n_covariates: int
) -> tuple[FloatArray, FloatArray | None]:
    """
    ``rows`` and ``long`` of a state.

    Parameters
    ----------
    long : array, (B, Q + Q, N)
        XtY and U of all units.
    A : array, (B, K or K + 1, N) or (1, K or K + 1, N)
    n_responses, n_covariates : int

    Returns
    -------
    tuple
        Of all units and None, where the responses of all members fit in the cache together;
        otherwise of a block, still empty, and ``long`` itself.
    """
    size, rank, n_units = len(long), long.shape[1] // 2, long.shape[-1]
    width = max(BLOCK_BYTES // (8 * size * n_responses), SMALLEST_BLOCK)
    last, covariates = rank + n_covariates, slice(rank, rank + A.shape[-2])
    rows = np.zeros((size, last + 1 + rank, min(width, n_units)))
    rows[:, last] = 1.0
    if width < n_units:
        return rows, long
    rows[:, :rank], rows[:, covariates], rows[:, -rank:] = long[:, :rank], A, long[:, rank:]
    return rows, None


def cache_blocks(state: State) -> list[slice]:
    """Blocks of units, as wide as the rows that are worked on."""
    if state.long is None:
        return [slice(None)]
    width, n_units = state.rows.shape[-1], state.long.shape[-1]
    return [slice(start, min(start + width, n_units)) for start in range(0, n_units, width)]


def take(part: Part, keep: BoolArray) -> Part:
    """The members to keep; arrays that all members share stay as they are, as do all where all."""
    if keep.all():
        return part
    changes = {
        f.name: value[keep]
        for f in fields(part)
        if np.shape(value := getattr(part, f.name))[:1] == keep.shape
    }
    return replace(part, **changes)


def joined(pieces: list[tuple[IntArray, State]], A: FloatArray) -> State:
    """One state of members that left a stack one after another, and their numbers."""
    parts = [part for _, part in pieces]
    if len(parts) == 1:
        return parts[0]
    order = np.argsort(np.concatenate([members for members, _ in pieces]))
    changes = {
        f.name: np.concatenate([getattr(part, f.name) for part in parts])[order]
        for f in fields(State)
        if f.name not in ("rows", "long")
    }
    long = [np.concatenate([part.XtY, part.U], axis=1) for part in parts]
    first = parts[0]
    rows, kept = working_rows(np.concatenate(long)[order], A, first.X.shape[-2], first.n_covariates)
    return replace(parts[0], rows=rows, long=kept, **changes)


def inner(a: FloatArray, b: FloatArray) -> FloatArray:
    """Sum of the products of all entries, for every member."""
    inner: FloatArray = np.vecdot(a.reshape(len(a), -1), b.reshape(len(b), -1))
    return inner
