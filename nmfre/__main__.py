"""
Fit a formula to a CSV file and print the summary; without arguments, the Orthodont example.

``python -m nmfre paper [example] [--figures DIR]`` reproduces the paper; ``python -m nmfre
examples`` shows analyses of other data that ship with the package.

``python -m nmfre "FORMULA" data.csv --rank 2 [--unit U --occasion T] [--groups G] [--df-cap R]
[--method M] [--cov-resid C] [--cov-re C] [--signed] [--seed S] [--output coef.csv]``

``python -m nmfre --version`` prints the version.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from nmfre._version import __version__
from nmfre.core.terminal import INTERRUPTED, Parser, show


def _parser() -> Parser:
    parser = Parser(
        prog="python -m nmfre",
        description="Fit a non-negative matrix factorization with random effects to a CSV file and "
        "print the summary. Without arguments: the Orthodont example. 'python -m nmfre paper' "
        "reproduces the paper, 'python -m nmfre examples' shows analyses of other data that ship "
        "with the package.",
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,  # what is not given is left to the functions
    )
    parser.add_argument(
        "formula", nargs="?", default=None, help="such as 'y1 + y2 + y3 ~ age + group'"
    )
    parser.add_argument("data", nargs="?", default=None, type=Path, help="CSV file with a header")
    parser.add_argument("--rank", type=int, help="number of components; a formula needs it")
    parser.add_argument("--unit", help="column of unit labels")
    parser.add_argument("--occasion", help="column of occasions: the data are long")
    parser.add_argument("--groups", help="column of groups of units that depend on each other")
    parser.add_argument(
        "--df-cap", type=_cap, help="rate in (0, 1], 'auto' or 'off' [0.10 for df-cap, off for ml]"
    )
    parser.add_argument("--method", help="estimator: df-cap or ml [df-cap]")
    parser.add_argument("--cov-resid", help="covariance of residuals: identity or diagonal (ml)")
    parser.add_argument("--cov-re", help="of random effects: identity, diagonal or full (ml)")
    parser.add_argument(
        "--signed",
        action="store_true",
        default=argparse.SUPPRESS,
        help="effects may be negative (ml)",
    )
    parser.add_argument("--seed", type=int, help="of starts and bootstrap [0]")
    parser.add_argument(
        "--output", type=Path, default=None, help="CSV file for the table of coefficients"
    )
    parser.add_argument("--version", action="version", version=__version__)
    return parser


def _cap(text: str) -> float | str | None:
    if text == "auto":
        return text
    try:
        return None if text == "off" else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a rate in (0, 1], 'auto' or 'off'"
        ) from None


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
