"""Files of data: where they are, what is told of them, and their cells as numbers."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from nmfre.core.files import file_path
from nmfre.core.typing import FloatArray
from nmfre.errors import (
    DatasetFileNotFoundError,
    DatasetLayoutError,
    DatasetNotFoundError,
    MissingReaderError,
)

PACKAGE = Path(__file__).parents[1]
FOLDERS = (PACKAGE / "_datasets", PACKAGE.parent / "datasets")
"""Inside a wheel, and at the top of a checkout."""

VARIABLE = "NMFRE_DATA"
"""The environment variable that names the user's folder of data."""


def shipped_folder(name: str) -> Path:
    """The folder of a data set in the package."""
    found = next((path / name for path in FOLDERS if (path / name).is_dir()), None)
    if found is None:
        raise DatasetNotFoundError(name=name)
    return found


def described(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """The data frame, with what the package tells of the data set."""
    text = (shipped_folder(name) / "README.md").read_text(encoding="utf-8")
    frame.attrs["DESCR"] = text
    return frame


def user_file(path: str | os.PathLike[str] | None, file: str, source: str) -> Path:
    """The file at ``path``, by default ``file`` in the user's folder; ``source`` if it is not."""
    found: Path | None = None
    if path is not None:
        found = file_path("path", path).expanduser()
        missing = f"There is no file {str(found)!r}"
    elif folder := os.environ.get(VARIABLE):
        found = Path(folder).expanduser() / file
        missing = f"There is no file {str(found)!r}, in the folder of {VARIABLE}"
    else:
        missing = f"No path was given, and {VARIABLE} is not set"
    if found is None or not found.is_file():
        raise DatasetFileNotFoundError(missing=missing, source=source, file=file, variable=VARIABLE)
    return found


@dataclass(frozen=True, slots=True)
class Table:
    """A file of the user, and the layout that it should have."""

    path: Path
    layout: str

    def error(self, found: str) -> DatasetLayoutError:
        """The error that tells what was found instead of the layout."""
        return DatasetLayoutError(path=str(self.path), found=found, layout=self.layout)

    def read_csv(self) -> pd.DataFrame:
        """Cells as text; columns as the first line names them, the index the line numbers."""
        try:
            cells = pd.read_csv(
                self.path,
                header=None,
                dtype=str,
                keep_default_na=False,
                skip_blank_lines=False,
                encoding="utf-8-sig",
                engine="python",  # which tells cells that are not there from empty ones
            )
        except pd.errors.EmptyDataError:
            cells = pd.DataFrame()
        except ValueError as error:
            raise self.error(f"the file is not CSV text in UTF-8 ({error})") from error
        cells = cells.set_axis(range(1, len(cells) + 1)).dropna(how="all")
        if len(cells) < 2:
            raise self.error("the file has no lines of data")
        n_cells = cells.count(axis=1)
        for number in n_cells.index[n_cells < cells.shape[1]]:
            raise self.error(
                f"line {number} has {n_cells[number]} cells, the first {cells.shape[1]}"
            )
        return cells.iloc[1:].set_axis(cells.iloc[0].tolist(), axis=1)

    def read_excel(self, skip: int) -> pd.DataFrame:
        """Cells of the first sheet; columns counted from 1, the index the line numbers."""
        try:
            cells = pd.read_excel(self.path, header=None, skiprows=skip, dtype=object)
        except ImportError as error:
            raise MissingReaderError(path=str(self.path)) from error
        except (OSError, MemoryError):
            raise
        except Exception as error:  # a file can be wrong in any way
            raise self.error(f"the file is not an Excel workbook ({error})") from error
        n_lines, n_columns = cells.shape
        lines = range(skip + 1, skip + 1 + n_lines)
        return cells.set_axis(lines).set_axis(range(1, n_columns + 1), axis=1)

    def numbers(self, cells: pd.DataFrame, *, whole: bool = False) -> FloatArray:
        """Cells as numbers, which must be finite and not negative, and whole where asked."""
        values = cells.map(number).to_numpy(dtype=float)
        bad = ~np.isfinite(values) | (values < 0) | (whole and values != np.floor(values))
        for row, column in np.argwhere(bad):
            kind = "whole number" if whole else "number"
            raise self.error(
                f"line {cells.index[row]}, column {cells.columns.tolist()[column]!r} is "
                f"{cells.iloc[row, column]!r}, not a {kind} >= 0 ({bad.sum()} such cells in all)"
            )
        return values


def number(cell: object) -> float:
    """A cell as a number, NaN where it is none. Digits of text may be full-width."""
    try:
        return float(str(cell).replace(",", ""))
    except ValueError:
        return math.nan
