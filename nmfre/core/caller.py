"""The code that called the package: warnings point to it, and formulas find their names there."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

PACKAGE = f"{Path(__file__).parents[1]}{os.sep}"
COMMAND_LINE = f"{PACKAGE}command_line.py"
"""A caller like others."""


def frames_to_caller() -> int:
    """How many frames the first one outside the package is above the one that asks."""
    depth, frame = 0, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        if frame.f_code.co_filename == COMMAND_LINE:
            break
        depth, frame = depth + 1, frame.f_back
    return depth


def warn(message: str, category: type[Warning]) -> None:
    """Warn at the line outside the package that called it."""
    warnings.warn(message, category, stacklevel=1 + frames_to_caller())
