"""The command line, ``nmfre`` or ``python -m nmfre``: what it takes; see ``nmfre --help``."""

from __future__ import annotations

import argparse
import codecs
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nmfre._version import __version__
from nmfre.core.terminal import INTERRUPTED, Parser, program, show


def _parser() -> Parser:
    name = program()
    parser = Parser(
        prog=name,
        usage=f"{name} [FORMULA DATA --rank N [options]]\n"
        f"       {name} paper [EXAMPLE] [--figures FOLDER]\n"
        f"       {name} examples [EXAMPLE] [--figures FOLDER]",
        description="Fit a non-negative matrix factorization with random effects to a CSV file and "
        "print the summary. Without arguments: the analysis of the growth data that ship with "
        f"nmfre. '{name} paper' reproduces the paper; '{name} examples' shows analyses of other "
        "data that ship with nmfre.",
        epilog="(ml): only with --method ml. Defaults are in square brackets. Example: "
        f"{name} 'y1 + y2 + y3 ~ age' data.csv --rank 1 --method ml --signed",
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,  # what is not given is left to the functions
    )
    parser.add_argument(
        "formula", nargs="?", default=None, help="such as 'y1 + y2 + y3 ~ age + group'"
    )
    parser.add_argument("data", nargs="?", default=None, type=Path, help="CSV file with a header")
    parser.add_argument("--version", action="version", version=__version__, help="print it")
    for title, options in _OPTIONS.items():
        group = parser.add_argument_group(title)
        for option, described in options.items():
            group.add_argument(option, **described)
    return parser


def _cap(text: str) -> float | str | None:
    if text == "auto":
        return text
    try:
        return None if text == "off" else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a rate in (0, 1], a number of degrees of freedom, 'auto' or 'off'"
        ) from None


def _separator(text: str) -> str:
    separator = "\t" if text in ("tab", r"\t") else text
    if len(separator) != 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not one character, or 'tab'")
    return separator


def _encoding(text: str) -> str:
    try:
        codecs.lookup(text)
    except LookupError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an encoding that Python knows, such as latin-1"
        ) from None
    return text


_FLAG: dict[str, Any] = {"action": "store_true"}
_OPTIONS: dict[str, dict[str, dict[str, Any]]] = {
    "model": {
        "--rank": {"metavar": "N", "type": int, "help": "number of components; required"},
        "--unit": {"metavar": "COLUMN", "help": "labels of the units"},
        "--occasion": {"metavar": "COLUMN", "help": "occasions, where the data are long"},
        "--groups": {"metavar": "COLUMN", "help": "groups of units that depend on each other"},
        "--weights": {"metavar": "COLUMN", "help": "weights of the units"},
    },
    "estimation": {
        "--method": {"metavar": "NAME", "help": "df-cap or ml [df-cap]"},
        "--df-cap": {
            "metavar": "CAP",
            "type": _cap,
            "help": "limit of the effective degrees of freedom: a rate in (0, 1], a number above "
            "1, auto or off [0.10 for df-cap, off for ml]",
        },
        "--signed": {**_FLAG, "help": "allow negative effects (ml)"},
        "--cov-resid": {
            "metavar": "FORM",
            "help": "variances of residuals: diagonal (one per response), mean (growing with the "
            "mean response) or identity (all equal) (ml)",
        },
        "--cov-re": {
            "metavar": "FORM",
            "help": "covariance of random effects: identity, diagonal or full (ml)",
        },
        "--n-starts": {
            "metavar": "N",
            "type": int,
            "help": "starts; the best fit is kept (ml) [5]",
        },
        "--seed": {"metavar": "N", "type": int, "help": "of starts and bootstrap [0]"},
    },
    "inference": {
        "--cov-type": {
            "metavar": "NAME",
            "help": "standard errors: sandwich, naive, max or cr3 [cr3 for ml, else sandwich]",
        },
        "--n-boot": {"metavar": "N", "type": int, "help": "bootstrap replicates; 0: none [500]"},
        "--alpha": {"metavar": "A", "type": float, "help": "1 minus the level [0.05]"},
    },
    "output": {
        "--check": {**_FLAG, "help": "print advice on the fit, too"},
        "--output": {
            "metavar": "FILE",
            "type": Path,
            "default": None,
            "help": "write the table of coefficients to a CSV file",
        },
    },
    "format of the CSV file": {
        "--sep": {"metavar": "C", "type": _separator, "help": "separator: ';', tab, ... [,]"},
        "--decimal": {"metavar": "C", "choices": [".", ","], "help": "decimal mark: . or , [.]"},
        "--encoding": {
            "metavar": "NAME",
            "type": _encoding,
            "help": "latin-1, utf-16, ... [utf-8]",
        },
    },
}


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default: those of the process.

    Returns
    -------
    int
        0; 130 after Ctrl-C; or 2 if the arguments are wrong, or the output cannot be written. Then
        one line on stderr says so, and no file is changed.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        if arguments and arguments[0] in ("paper", "examples"):
            from nmfre.command_line import show_examples

            show_examples(arguments[0], arguments[1:])
        else:
            parser = _parser()
            options = parser.parse_args(arguments)
            # Help and wrong arguments need no more than this module.
            from nmfre.command_line import analyse

            analyse(parser, options)
    except KeyboardInterrupt:
        show("nmfre: interrupted", sys.stderr)
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
