"""
Values as plain arrays and a JSON text in one .npz file: nothing in it is executed when it is read.

What is stored: numbers, strings, dates, tuples, lists and dictionaries of them, arrays, sparse
matrices, pandas indices and data frames of numbers, and dataclasses, which the reader must name.
"""

from __future__ import annotations

import datetime
import json
import math
import os
import zipfile
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, BinaryIO, Literal, Union, cast, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd
from scipy.sparse import csc_array, csr_array

from nmfre.core.files import replaced
from nmfre.core.typing import AnyArray
from nmfre.data.placeholder import Removed
from nmfre.errors import NotArchivableError, SavedResultError
from nmfre.estimation.estimate import StopReason

FORMAT = "nmfre result"
FORMAT_VERSION = 5
HEADER = "header"
PLAIN_KINDS = "biuf"
"""Kinds of NumPy types that arrays are stored with."""


def write_archive(path: Path, values: dict[str, object], versions: dict[str, str]) -> None:
    """
    Write values, by name, to a file.

    Parameters
    ----------
    path : Path
        The file, under exactly this name.
    values : dict
        What to store.
    versions : dict
        Versions of the packages that it was made with.

    Raises
    ------
    NotArchivableError
        If there is something in it that this format does not hold.
    OSError
        If the file cannot be written. In either case a file that is there stays as it was.
    """
    encoder = _Encoder()
    header = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "versions": versions,
        "values": {name: encoder.encode(value, name) for name, value in values.items()},
    }
    text = json.dumps(header, allow_nan=False, ensure_ascii=False, indent=1)
    arrays = {f"array{i}": array for i, array in enumerate(encoder.arrays.values())}
    arrays[HEADER] = np.frombuffer(text.encode(), dtype=np.uint8)
    with replaced(path) as new, new.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def read_archive(path: Path, dataclasses: Iterable[type]) -> dict[str, Any]:
    """
    Read what `write_archive` has written.

    Parameters
    ----------
    path : Path
    dataclasses : iterable of type
        Those that may occur.

    Raises
    ------
    SavedResultError
        If the file is damaged, of another version, or something else altogether.
    OSError
        If it cannot be opened.
    """
    with path.open("rb") as file, read_as(path, "damaged, or was not written by to_arrays()"):
        _check_sizes(file)
        arrays = np.load(file, allow_pickle=False)
        header = json.loads(arrays[HEADER].tobytes())
        if header["format"] != FORMAT or header["format_version"] != FORMAT_VERSION:
            raise SavedResultError(
                path=path,
                reason=f"it is of format {header['format']!r}, version "
                f"{header['format_version']}, and this nmfre reads version {FORMAT_VERSION} of "
                f"{FORMAT!r}",
            )
        decoder = _Decoder(arrays, {cls.__name__: cls for cls in dataclasses})
        return {name: decoder.decode(code) for name, code in header["values"].items()}


@contextmanager
def read_as(path: Path | str, fault: str) -> Iterator[None]:
    """Take any error for one of the file, which can be wrong in any way: it is, say, damaged."""
    try:
        yield
    except (MemoryError, SavedResultError):
        raise
    except Exception as error:
        reason = f"it is {fault} ({type(error).__name__}: {error})"
        raise SavedResultError(path=path, reason=reason) from error


def _check_sizes(file: BinaryIO) -> None:
    """No array may be larger than the file says, or NumPy would take memory for all of it."""
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if f"{HEADER}.npy" not in archive.namelist():
            raise ValueError("it has no header")
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("its arrays are compressed")
        if sum(member.file_size for member in members) > file.seek(0, os.SEEK_END):
            raise ValueError("its arrays are larger than the file")
        for member in members:
            with archive.open(member) as stored:
                if np.lib.format.read_magic(stored) != (1, 0):
                    raise ValueError(f"{member.filename} is of another version of NumPy")
                shape, _, dtype = np.lib.format.read_array_header_1_0(stored)
                if dtype.kind not in PLAIN_KINDS:
                    raise TypeError(f"{member.filename} holds values of type {dtype}")
                if math.prod(shape) * dtype.itemsize != member.file_size - stored.tell():
                    raise ValueError(f"{member.filename} does not hold an array {shape}")
    file.seek(0)


def _index_parts(index: pd.Index) -> list[object]:
    """Values, type, frequency and name of an index; the type has the zone of times."""
    dtype, values = index.dtype, cast("object", list(index))
    if isinstance(index, pd.RangeIndex):
        values = range(index.start, index.stop, index.step)
    elif isinstance(dtype, pd.CategoricalDtype):
        values = index.astype(dtype.categories.dtype)
    elif isinstance(index, pd.DatetimeIndex | pd.PeriodIndex):
        values = index.asi8
    elif isinstance(dtype, np.dtype) and dtype.kind in PLAIN_KINDS:
        values = index.to_numpy()
    stored = dtype if isinstance(dtype, pd.CategoricalDtype) else str(dtype)
    freq = index.freqstr if isinstance(index, pd.DatetimeIndex) else None
    return [values, stored, freq, index.name]


def _index(values: Any, dtype: Any, freq: str | None, name: Hashable) -> object:
    """The index of these parts."""
    if str(dtype).startswith(("datetime64", "period")):
        index = pd.Index(values).view(dtype).set_names([name])
        if freq is not None:
            index.freq = freq
        return index
    if isinstance(values, list):
        hash(tuple(values))  # or pandas would take labels apart
    return pd.Index(values, dtype=dtype, name=name, tupleize_cols=False)


def _sparse(form: str, shape: list[int], *parts: AnyArray) -> csr_array | csc_array:
    make: Any = {"csr": csr_array, "csc": csc_array}[form]
    matrix: csr_array | csc_array = make(parts, shape=tuple(shape))
    matrix.check_format(full_check=True)  # or SciPy reads beyond the end of the arrays
    return matrix


def _removed(name: str, shape: list[int]) -> Removed:
    if not (_has_type(name, str) and _has_type(shape, list[int]) and min(shape) >= 0):
        raise TypeError(f"{name!r} of shape {shape!r} is not an array that was removed")
    return Removed(name, tuple(shape))


@dataclass(frozen=True, slots=True)
class _Kind:
    """What JSON does not have: a class, from its values to their parts, and back."""

    of: type | tuple[type, ...]
    parts: Callable[[Any], Iterable[object]]
    make: Callable[..., object]


KINDS = {
    "stop_reason": _Kind(StopReason, lambda reason: [str(reason)], StopReason),
    "float": _Kind(float, lambda number: [str(number)], float),
    "date": _Kind(datetime.date, lambda day: [day.isoformat()], datetime.date.fromisoformat),
    "tuple": _Kind(tuple, list, lambda *items: items),
    "dict": _Kind(dict, lambda value: map(list, value.items()), lambda *items: dict(items)),
    "range": _Kind(range, lambda value: [value.start, value.stop, value.step], range),
    "removed": _Kind(Removed, lambda array: [array.name, list(array.shape)], _removed),
    "sparse": _Kind(
        (csr_array, csc_array),
        lambda Y: [Y.format, list(Y.shape), Y.data, Y.indices, Y.indptr],
        _sparse,
    ),
    "category": _Kind(
        pd.CategoricalDtype, lambda kind: [kind.categories, kind.ordered], pd.CategoricalDtype
    ),
    "multi": _Kind(
        pd.MultiIndex,
        lambda index: [list(index.levels), list(map(np.asarray, index.codes)), list(index.names)],
        lambda levels, codes, names: pd.MultiIndex(levels, codes, names=names),
    ),
    "index": _Kind(pd.Index, _index_parts, _index),
    "frame": _Kind(
        pd.DataFrame, lambda frame: [frame.to_numpy(), frame.index, frame.columns], pd.DataFrame
    ),
}
"""By their names in the file; of those that a value is of, the first."""


class _Encoder:
    """
    From values to JSON, with arrays put aside under a name each.

    Whatever JSON does not have is an object with one key, which names its kind.
    """

    def __init__(self) -> None:
        self.arrays: dict[int, AnyArray] = {}

    def encode(self, value: object, what: str) -> object:
        """``what`` says in errors what the value is."""
        if isinstance(value, np.generic) and not isinstance(value, np.datetime64 | np.timedelta64):
            value = value.item()
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float and math.isfinite(value):
            return value
        if isinstance(value, list):
            return [self.encode(item, what) for item in value]
        if isinstance(value, np.ndarray):
            return {"array": self._array(value, what)}
        if is_dataclass(value):
            values = {
                field.name: self.encode(getattr(value, field.name), f"{what}.{field.name}")
                for field in fields(value)
                if field.init
            }
            return {"dataclass": [type(value).__name__, values]}
        for name, kind in KINDS.items():
            if isinstance(value, kind.of) and not isinstance(value, datetime.datetime):
                return {name: [self.encode(part, what) for part in kind.parts(value)]}
        raise NotArchivableError(what=f"{what} ({type(value).__name__})")

    def _array(self, value: AnyArray, what: str) -> str:
        if value.dtype.kind not in PLAIN_KINDS:
            raise NotArchivableError(what=f"{what} (array of {value.dtype})")
        self.arrays.setdefault(id(value), value)  # which it keeps: no identity is used twice
        return f"array{list(self.arrays).index(id(value))}"


class _Decoder:
    """From JSON and arrays to values; the counterpart of `_Encoder`."""

    def __init__(self, arrays: Mapping[str, AnyArray], dataclasses: dict[str, type]) -> None:
        self.array = cache(arrays.__getitem__)
        self.dataclasses = dataclasses

    def decode(self, code: object) -> object:
        if isinstance(code, list):
            return [self.decode(item) for item in code]
        if not isinstance(code, dict):
            return code
        ((kind, content),) = code.items()
        if kind == "array":
            return self.array(content)
        if kind == "dataclass":
            return self._dataclass(*content)
        return KINDS[kind].make(*map(self.decode, content))

    def _dataclass(self, name: str, stored: dict[str, object]) -> object:
        cls = self.dataclasses[name]
        values = {key: self.decode(item) for key, item in stored.items()}
        hints = get_type_hints(cls)
        for key, value in values.items():
            if not _has_type(value, hints[key]):
                raise TypeError(f"{name}.{key} cannot be of type {type(value).__name__}")
        return cls(**values)


def _has_type(value: object, hint: object) -> bool:
    """Whether a value is of the type that an annotation says, as far as that can be told."""
    kind, inner = get_origin(hint), get_args(hint)
    if kind in (Union, UnionType):
        return any(_has_type(value, each) for each in inner)
    if kind is Literal:
        return isinstance(value, str) and value in inner
    if kind is np.ndarray:
        scalar = get_args(inner[1])[0]
        if isinstance(value, np.ndarray) and scalar is not Any:
            return issubclass(value.dtype.type, get_origin(scalar) or scalar)
        return isinstance(value, np.ndarray | Removed)
    if kind is dict:
        key, item = inner
        return isinstance(value, dict) and all(
            _has_type(k, key) and _has_type(v, item) for k, v in value.items()
        )
    if kind is list or (kind is tuple and inner[-1] is ...):
        return isinstance(value, kind) and all(_has_type(item, inner[0]) for item in value)
    if kind is tuple:
        return isinstance(value, tuple) and [*map(_has_type, value, inner)] == [True] * len(inner)
    if hint in (int, float):
        return isinstance(value, hint | int) and not isinstance(value, bool)
    return hint is Any or not isinstance(hint, type) or isinstance(value, hint)
