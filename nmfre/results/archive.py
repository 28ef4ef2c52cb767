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
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, BinaryIO, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd
from scipy.sparse import csc_array, csr_array, issparse

from nmfre.core.files import replaced
from nmfre.core.typing import AnyArray
from nmfre.data.placeholder import Removed
from nmfre.errors import NotArchivableError, SavedResultError
from nmfre.estimation.cap import DEFAULT_CAP, DefaultCap
from nmfre.estimation.estimate import StopReason

Json: TypeAlias = Any
FORMAT = "nmfre result"
FORMAT_VERSION = 1
HEADER = "header"
PLAIN_KINDS = "biuf"
"""Kinds of NumPy types that arrays are stored with."""


def write_archive(path: Path, values: dict[str, Any], versions: dict[str, str]) -> None:
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
    encoder.arrays[HEADER] = np.frombuffer(text.encode(), dtype=np.uint8)
    with replaced(path) as new, new.open("wb") as file:
        np.savez(file, **encoder.arrays)  # type: ignore[arg-type]


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
    with path.open("rb") as file:
        try:
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
        except (MemoryError, SavedResultError):
            raise
        except Exception as error:  # a file can be wrong in any way
            reason = (
                "it is damaged, or was not written by to_arrays() "
                f"({type(error).__name__}: {error})"
            )
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


class _Encoder:
    """
    From values to JSON, with arrays put aside under a name each.

    Whatever JSON does not have is an object with one key, which names its kind.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, AnyArray] = {}
        self.names: dict[int, str] = {}
        self.kept: list[Any] = []  # so that no identity is used twice

    def encode(self, value: Any, what: str) -> Json:
        """``what`` says in errors what the value is."""
        if isinstance(value, np.generic) and not isinstance(value, np.datetime64 | np.timedelta64):
            value = value.item()
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, StopReason):
            return {"stop_reason": str(value)}
        if isinstance(value, str):
            return str(value)
        if isinstance(value, DefaultCap):
            return {"default_cap": float(value)}
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else {"float": str(float(value))}
        kinds: list[tuple[type, Callable[[Any, str], Json]]] = [
            (list, self._list),
            (tuple, self._tuple),
            (dict, self._dict),
            (np.ndarray, self._array),
            (pd.Index, self._index),
            (pd.DataFrame, self._frame),
            (Removed, self._removed),
        ]
        for kind, encode in kinds:
            if isinstance(value, kind):
                return encode(value, what)
        if type(value) is datetime.date:
            return {"date": value.isoformat()}
        if issparse(value) and getattr(value, "format", None) in ("csr", "csc"):
            return self._sparse(value, what)
        if is_dataclass(value):
            return self._dataclass(value, what)
        raise NotArchivableError(what=f"{what} ({type(value).__name__})")

    def _list(self, value: list[Any], what: str) -> Json:
        return [self.encode(item, what) for item in value]

    def _tuple(self, value: tuple[Any, ...], what: str) -> Json:
        return {"tuple": [self.encode(item, what) for item in value]}

    def _dict(self, value: dict[str, Any], what: str) -> Json:
        return {"dict": {str(key): self.encode(item, what) for key, item in value.items()}}

    def _array(self, value: AnyArray, what: str) -> Json:
        if value.dtype.kind not in PLAIN_KINDS:
            raise NotArchivableError(what=f"{what} (array of {value.dtype})")
        if id(value) not in self.names:
            self.names[id(value)] = f"array{len(self.arrays)}"
            self.arrays[self.names[id(value)]] = value
            self.kept.append(value)
        return {"array": self.names[id(value)]}

    def _removed(self, value: Removed, what: str) -> Json:
        return {"removed": [value.name, list(value.shape)]}

    def _sparse(self, value: Any, what: str) -> Json:
        parts = [self._array(part, what) for part in (value.data, value.indices, value.indptr)]
        return {"sparse": [value.format, list(value.shape), *parts]}

    def _frame(self, value: pd.DataFrame, what: str) -> Json:
        labels = [self._index(index, what) for index in (value.index, value.columns)]
        return {"frame": [self._array(value.to_numpy(), what), *labels]}

    def _dataclass(self, value: Any, what: str) -> Json:
        values = {
            field.name: self.encode(getattr(value, field.name), f"{what}.{field.name}")
            for field in fields(value)
            if field.init
        }
        return {"dataclass": [type(value).__name__, values]}

    def _index(self, index: pd.Index, what: str) -> Json:
        name = self.encode(index.name, f"{what}, the name")
        if isinstance(index, pd.RangeIndex):
            return {"range": [index.start, index.stop, index.step, name]}
        if isinstance(index, pd.MultiIndex):
            levels = [self._index(level, what) for level in index.levels]
            codes = [self._array(np.asarray(part), what) for part in index.codes]
            return {"multi": [levels, codes, self.encode(list(index.names), what)]}
        if isinstance(index, pd.CategoricalIndex):
            codes = self._array(np.asarray(index.codes), what)
            return {"categories": [self._index(index.categories, what), codes, index.ordered, name]}
        if isinstance(index, pd.PeriodIndex):
            return {"periods": [self._array(index.asi8, what), index.freqstr, name]}
        if isinstance(index, pd.DatetimeIndex):
            zone = None if index.tz is None else str(index.tz)
            stored = self._array(index.asi8, what)
            return {"times": [stored, index.unit, zone, index.freqstr, name]}
        if isinstance(index.dtype, np.dtype) and index.dtype.kind in PLAIN_KINDS:
            return {"numbers": [self._array(index.to_numpy(), what), name]}
        if index.dtype == object or isinstance(index.dtype, pd.StringDtype):
            labels = [self.encode(label, what) for label in index]
            return {"labels": [labels, str(index.dtype), name]}
        raise NotArchivableError(what=f"{what} (labels of type {index.dtype})")


class _Decoder:
    """From JSON and arrays to values; the counterpart of `_Encoder`, kind by kind."""

    def __init__(self, arrays: Any, dataclasses: dict[str, type]) -> None:
        self.arrays = arrays
        self.dataclasses = dataclasses
        self.read: dict[str, AnyArray] = {}
        self.kinds: dict[str, Callable[[Any], Any]] = {
            "stop_reason": StopReason,
            "default_cap": lambda _: DEFAULT_CAP,
            "float": float,
            "date": datetime.date.fromisoformat,
            "tuple": lambda code: tuple(map(self.decode, code)),
            "dict": lambda code: {key: self.decode(item) for key, item in code.items()},
            "array": self._array,
            "removed": self._removed,
            "sparse": self._sparse,
            "dataclass": self._dataclass,
            "frame": lambda code: pd.DataFrame(*map(self.decode, code)),
            "range": self._range,
            "multi": self._multi,
            "categories": self._categories,
            "periods": self._periods,
            "times": self._times,
            "numbers": lambda code: pd.Index(self.decode(code[0]), name=self.decode(code[1])),
            "labels": self._labels,
        }

    def decode(self, code: Json) -> Any:
        if isinstance(code, list):
            return [self.decode(item) for item in code]
        if not isinstance(code, dict):
            return code
        ((kind, content),) = code.items()
        return self.kinds[kind](content)

    def _array(self, name: str) -> AnyArray:
        if name not in self.read:
            self.read[name] = self.arrays[name]
        return self.read[name]

    def _sparse(self, code: Json) -> Any:
        form, shape, *parts = code
        make: Any = {"csr": csr_array, "csc": csc_array}[form]
        matrix = make(tuple(map(self.decode, parts)), shape=tuple(shape))
        matrix.check_format(full_check=True)  # or SciPy reads beyond the end of the arrays
        return matrix

    def _removed(self, code: Json) -> Removed:
        name, shape = code
        if not (_has_type(name, str) and _has_type(shape, list[int]) and min(shape) >= 0):
            raise TypeError(f"{name!r} of shape {shape!r} is no array that was removed")
        return Removed(name, tuple(shape))

    def _dataclass(self, code: Json) -> Any:
        name, stored = code
        cls = self.dataclasses[name]
        values = {key: self.decode(item) for key, item in stored.items()}
        hints = get_type_hints(cls)
        for key, value in values.items():
            if not _has_type(value, hints[key]):
                raise TypeError(f"{name}.{key} cannot be of type {type(value).__name__}")
        return cls(**values)

    def _range(self, code: Json) -> pd.RangeIndex:
        start, stop, step, name = map(self.decode, code)
        return pd.RangeIndex(start, stop, step, name=name)

    def _multi(self, code: Json) -> pd.MultiIndex:
        levels, codes, names = map(self.decode, code)
        return pd.MultiIndex(levels=levels, codes=codes, names=names)

    def _categories(self, code: Json) -> pd.CategoricalIndex:
        categories, codes, ordered, name = map(self.decode, code)
        values = pd.Categorical.from_codes(codes, categories=categories, ordered=ordered)
        return pd.CategoricalIndex(values, name=name)

    def _periods(self, code: Json) -> Any:
        ordinals, freq, name = map(self.decode, code)
        index: Any = pd.PeriodIndex
        return index.from_ordinals(ordinals, freq=freq, name=name)

    def _times(self, code: Json) -> Any:
        stored, unit, zone, freq, name = map(self.decode, code)
        index: Any = pd.DatetimeIndex(stored.view(f"M8[{unit}]"), name=name)
        if zone is not None:
            index = index.tz_localize("UTC").tz_convert(zone)
        index.freq = freq
        return index

    def _labels(self, code: Json) -> Any:
        labels, dtype, name = map(self.decode, code)
        hash(tuple(labels))  # or pandas would take them apart
        return pd.Index(labels, dtype=dtype, name=name, tupleize_cols=False)


def _has_type(value: Any, hint: Any) -> bool:
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
