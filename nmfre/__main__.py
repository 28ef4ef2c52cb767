"""
Fit a formula to a CSV file and print the summary; without arguments, the Orthodont example.

``nmfre`` and ``python -m nmfre`` are the same. ``nmfre paper [example] [--figures DIR]`` reproduces
the paper; ``nmfre examples`` shows analyses of other data that ship with the package.

``nmfre "FORMULA" data.csv --rank 2 [--unit U --occasion T] [--groups G] [--weights W] [--method M]
[--df-cap R] [--cov-resid C] [--cov-re C] [--signed] [--n-starts N] [--cov-type C] [--n-boot B]
[--alpha A] [--seed S] [--check] [--output coef.csv] [--sep S] [--decimal D] [--encoding E]``

``nmfre --version`` prints the version.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from nmfre._version import __version__
from nmfre.core.terminal import INTERRUPTED, Parser, program, show


def _parser() -> Parser:
    parser = Parser(
        prog=program(),
        description="Fit a non-negative matrix factorization with random effects to a CSV file and "
        f"print the summary. Without arguments: the Orthodont example. '{program()} paper' "
        f"reproduces the paper, '{program()} examples' shows analyses of other data that ship "
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
    parser.add_argument("--weights", help="column of weights of units")
    parser.add_argument(
        "--df-cap",
        type=_cap,
        help="rate in (0, 1], degrees of freedom above 1, 'auto' or 'off' [0.10 for df-cap, off "
        "for ml]",
    )
    parser.add_argument("--method", help="estimator: df-cap or ml [df-cap]")
    parser.add_argument("--cov-resid", help="of residuals: identity, mean or diagonal (ml)")
    parser.add_argument("--cov-re", help="of random effects: identity, diagonal or full (ml)")
    parser.add_argument(
        "--signed",
        action="store_true",
        default=argparse.SUPPRESS,
        help="effects may be negative (ml)",
    )
    parser.add_argument("--n-starts", type=int, help="starts, the best of which is kept (ml) [5]")
    parser.add_argument(
        "--cov-type", help="of standard errors: cr3, sandwich, naive or max [cr3 for ml]"
    )
    parser.add_argument("--n-boot", type=int, help="bootstrap replicates; 0 for none [500]")
    parser.add_argument("--alpha", type=float, help="1 minus the level of intervals [0.05]")
    parser.add_argument("--seed", type=int, help="of starts and bootstrap [0]")
    parser.add_argument(
        "--output", type=Path, default=None, help="CSV file for the table of coefficients"
    )
    parser.add_argument(
        "--check", action="store_true", default=argparse.SUPPRESS, help="print advice on the fit"
    )
    parser.add_argument("--sep", type=_separator, help="between fields: ';', tab, ... [,]")
    parser.add_argument("--decimal", help="decimal mark of numbers: . or , [.]")
    parser.add_argument("--encoding", help="of the file: latin-1, utf-16, ... [utf-8]")
    parser.add_argument("--version", action="version", version=__version__)
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
