"""Non-negative matrix factorization with random effects (Satoh 2026, arXiv:2603.01468)."""

from importlib import import_module
from typing import TYPE_CHECKING
from warnings import catch_warnings

from nmfre._version import __version__ as __version__
from nmfre.core.citation import __citation__ as __citation__

if TYPE_CHECKING:
    from nmfre.api import *  # noqa: F403
else:

    def __getattr__(name):
        """The public names, imported when one is asked for: the help of the command line is not."""
        if name in ("datasets", "errors", "plotting"):
            return import_module(f"nmfre.{name}")
        with catch_warnings():  # statsmodels sets filters, which must not undo the user's
            api = import_module("nmfre.api")
        if name != "__all__" and name not in api.__all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(api, name)

    def __dir__():
        return sorted({*globals(), *__getattr__("__all__")})
