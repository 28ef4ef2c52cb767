"""
Fit a formula to a CSV file and print the summary; without arguments, the Orthodont example.

``python -m nmfre paper [example] [--figures DIR]`` reproduces the paper.

``python -m nmfre "FORMULA" data.csv --rank 2 [--unit U --occasion T] [--df-cap R] [--method M]
[--signed] [--seed S] [--output coef.csv]``

``python -m nmfre --version`` prints the version.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd

from nmfre._version import __version__
from nmfre.cap import AUTO
from nmfre.datasets import load_orthodont
from nmfre.errors import DatasetFileNotFoundError, NMFREError, NMFREWarning
from nmfre.model import NMFRE
from nmfre.paper import EXAMPLES, report
from nmfre.results import NMFREResults

WRONG_USE = 2
MODEL_OPTIONS = ("rank", "unit", "occasion")
FIT_OPTIONS = ("method", "df_cap", "signed", "seed")


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(WRONG_USE, f"nmfre: {message} (see python -m nmfre --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m nmfre",
        description="Fit a non-negative matrix factorization with random effects to a CSV file and "
        "print the summary. Without arguments: the Orthodont example. 'python -m nmfre paper' "
        "reproduces the paper.",
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
    parser.add_argument(
        "--df-cap",
        type=_cap,
        help="rate in (0, 1], 'auto' or 'off' [0.10 for df-cap, off for ml]",
    )
    parser.add_argument("--method", help="estimator: df-cap or ml [df-cap]")
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
    if text == AUTO:
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
        0, or 2 where the use was wrong, or the output cannot be written: then one line says so on
        stderr, and no file is written.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["paper"]:
        return _paper(arguments[1:])
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.formula is not None and (options.data is None or "rank" not in options):
        parser.error("a formula needs a CSV file and --rank")
    for name in (*MODEL_OPTIONS, *FIT_OPTIONS):
        if options.formula is None and name in options:
            parser.error(f"--{name.replace('_', '-')} goes with a formula and a CSV file")
    if options.output is not None and not options.output.parent.is_dir():
        parser.error(f"--output: there is no folder {options.output.parent}")
    if options.output is not None and options.output.is_dir():
        parser.error(f"--output: {options.output} is a folder: name a file")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", NMFREWarning)
        try:
            results = _fit(options)
        except pd.errors.EmptyDataError:
            parser.error(f"{options.data} is empty: it needs a header, and a row a unit or a cell")
        except (NMFREError, OSError, pd.errors.ParserError, UnicodeDecodeError) as error:
            parser.error(" ".join(str(error).split()))
    for warning in caught:
        print(f"nmfre: {warning.category.__name__}: {warning.message}", file=sys.stderr)
    print(results.summary())
    if options.output is not None:
        try:
            results.summary_frame().to_csv(options.output)
        except OSError as error:
            parser.error(f"--output: {error}")
    return 0


def _paper(arguments: Sequence[str]) -> int:
    """Print the tables of the paper's examples and draw their figures."""
    parser = _Parser(
        prog="python -m nmfre paper",
        description="Reproduce an example of the paper, or all of them.",
        allow_abbrev=False,
    )
    parser.add_argument("example", nargs="?", choices=[*EXAMPLES], help="default: all")
    parser.add_argument("--figures", type=Path, help="folder for the figures, as PNG files")
    options = parser.parse_args(arguments)
    if options.figures is not None and not options.figures.is_dir():
        parser.error(f"--figures: there is no folder {options.figures}")
    for name in [options.example] if options.example else EXAMPLES:
        try:
            example = EXAMPLES[name]()
            text = report(example)
            if options.figures is not None:
                figure: Any = example.plot().figure
                figure.savefig(options.figures / f"{name}.png", dpi=150)
        except DatasetFileNotFoundError as error:
            if options.example:
                parser.error(" ".join(str(error).split()))
            text = f"{name}: left out. {error}"
        except NMFREError as error:
            parser.error(" ".join(str(error).split()))
        print(text, end="\n\n\n")
    return 0


def _fit(options: argparse.Namespace) -> NMFREResults:
    if options.formula is None:
        model = NMFRE.from_formula(
            "distance ~ sex", load_orthodont(), rank=1, unit="subject", occasion="age"
        )
        return model.fit(df_cap=0.21)
    given = vars(options)
    model = NMFRE.from_formula(
        options.formula,
        pd.read_csv(options.data),
        **{name: given[name] for name in MODEL_OPTIONS if name in given},
    )
    return model.fit(**{name: given[name] for name in FIT_OPTIONS if name in given})


if __name__ == "__main__":
    sys.exit(main())
