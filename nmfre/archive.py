"""
Values as plain arrays and a JSON text in one .npz file: nothing in it is executed when it is read.

What is stored: numbers, strings, dates, tuples, lists and dictionaries of them, arrays, sparse
matrices, pandas indices and data frames of numbers, and dataclasses, which the reader must name.
"""

from __future__ import annotations

import datetime
import json
import math
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from scipy.sparse import csc_array, csr_array, issparse

from nmfre.cap import DEFAULT_CAP, DefaultCap
from nmfre.errors import NMFREError, NotArchivableError, SavedResultError
from nmfre.estimation.estimate import StopReason
from nmfre.removed import Removed
from nmfre.typing import AnyArray

Json: TypeAlias = Any
FORMAT = "nmfre result"
FORMAT_VERSION = 1
HEADER = "header"
PLAIN_KINDS = "biuf"
"""Kinds of NumPy types that arrays are stored with."""
UNREADABLE = (
    zipfile.BadZipFile,
    AttributeError,
    EOFError,
    LookupError,
    NMFREError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What is raised on the way through a file that is damaged or not ours."""


def write_archive(path: str | Path, values: dict[str, Any], versions: dict[str, str]) -> None:
    """
    Write values, by name, to a file.

    Parameters
    ----------
    path : str or Path
        The file, under exactly this name.
    values : dict
        What to store.
    versions : dict
        Versions of the packages that it was made with.

    Raises
    ------
    NotArchivableError
        If there is something in it that this format does not hold; then no file is written.
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
    with Path(path).open("wb") as file:
        np.savez(file, **encoder.arrays)  # type: ignore[arg-type]


def read_archive(path: str | Path, dataclasses: Iterable[type]) -> dict[str, Any]:
    """
    Read what `write_archive` has written.

    Parameters
    ----------
    path : str or Path
    dataclasses : iterable of type
        Those that may occur.

    Raises
    ------
    SavedResultError
        If the file is damaged, of another version, or something else altogether.
    OSError
        If it cannot be opened.
    """
    with Path(path).open("rb") as file:
        try:
            arrays = np.load(file, allow_pickle=False)
            if not isinstance(arrays, np.lib.npyio.NpzFile) or HEADER not in arrays:
                raise SavedResultError(path=path, reason="it was not written by to_arrays()")
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
        except SavedResultError:
            raise
        except UNREADABLE as error:
            reason = f"it is damaged, or no archive of arrays ({type(error).__name__}: {error})"
            raise SavedResultError(path=path, reason=reason) from error


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
            "removed": lambda code: Removed(code[0], tuple(code[1])),
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
        return make(tuple(map(self.decode, parts)), shape=tuple(shape))

    def _dataclass(self, code: Json) -> Any:
        name, values = code
        return self.dataclasses[name](**{key: self.decode(item) for key, item in values.items()})

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
        return pd.Index(labels, dtype=dtype, name=name, tupleize_cols=False)
