"""Paths that users give, and files that take their places only when they are finished."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from nmfre.errors import InvalidArgumentError


def file_path(name: str, value: object) -> Path:
    """``value`` as a path; ``name`` is that of the argument."""
    try:
        if isinstance(value, str | os.PathLike) and b"\0" not in os.fsencode(value):
            return Path(value)
    except (TypeError, UnicodeEncodeError):
        pass  # a path of bytes, or text that no file name can hold
    raise InvalidArgumentError(name, value, "the path of a file")


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """
    Where to write the new content of a file.

    It is written beside the file, under its own name in a folder of its own, and replaces it when
    it is finished. If anything fails, the file is as it was. A link stays one; a device or a pipe
    is written to directly.

    Raises
    ------
    OSError
        If the file or its folder cannot be written to.
    """
    target = Path(os.path.realpath(path))
    exists = target.exists()
    if exists and not target.is_file():
        yield target
        return
    if exists and not os.access(target, os.W_OK):
        raise PermissionError(13, "The file is read-only", str(path))
    try:
        beside = TemporaryDirectory(prefix=".nmfre-", dir=target.parent)
    except OSError as error:  # it names a folder that the user has never heard of
        raise OSError(error.errno, error.strerror, str(path)) from error
    with beside as folder:
        new = Path(folder) / target.name
        yield new
        if exists:
            shutil.copymode(target, new)
        new.replace(target)
