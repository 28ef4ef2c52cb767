"""
Fit a formula to a CSV file and print the summary; without arguments, the Orthodont example.

``python -m nmfre paper [example] [--figures DIR]`` reproduces the paper.

``python -m nmfre "FORMULA" data.csv --rank 2 [--unit U --occasion T] [--df-cap R] [--method M]
[--signed] [--seed S] [--output coef.csv]``
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd

from nmfre.cap import DEFAULT_CAP
from nmfre.datasets import load_orthodont
from nmfre.errors import DatasetFileNotFoundError, NMFREError, NMFREWarning
from nmfre.model import NMFRE
from nmfre.paper import EXAMPLES, report
from nmfre.results import NMFREResults

WRONG_USE = 2


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
    )
    parser.add_argument("formula", nargs="?", help="such as 'y1 + y2 + y3 ~ age + group'")
    parser.add_argument("data", nargs="?", type=Path, help="CSV file with a header")
    parser.add_argument("--rank", type=int, help="number of components")
    parser.add_argument("--unit", help="column of unit labels")
    parser.add_argument("--occasion", help="column of occasions: the data are long")
    parser.add_argument(
        "--df-cap",
        type=_cap,
        default=DEFAULT_CAP,
        help="rate in (0, 1], or 'off' [0.10 for df-cap, off for ml]",
    )
    parser.add_argument("--method", default="df-cap", help="estimator: df-cap or ml [df-cap]")
    parser.add_argument("--signed", action="store_true", help="effects may be negative (ml)")
    parser.add_argument("--seed", type=int, default=0, help="of starts and bootstrap [0]")
    parser.add_argument("--output", type=Path, help="CSV file for the table of coefficients")
    return parser


def _cap(text: str) -> float | None:
    return None if text == "off" else float(text)


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
        0, or 2 where the use was wrong: then one line says so on stderr and nothing is written.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["paper"]:
        return _paper(arguments[1:])
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.formula is not None and (options.data is None or options.rank is None):
        parser.error("a formula needs a CSV file and --rank")
    if options.formula is None and options.rank is not None:
        parser.error("--rank goes with a formula and a CSV file")
    if options.output is not None and not options.output.parent.is_dir():
        parser.error(f"--output: there is no folder {options.output.parent}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", NMFREWarning)
        try:
            results = _fit(options)
        except (NMFREError, OSError, pd.errors.ParserError, UnicodeDecodeError) as error:
            parser.error(" ".join(str(error).split()))
    for warning in caught:
        print(f"nmfre: {warning.category.__name__}: {warning.message}", file=sys.stderr)
    print(results.summary())
    if options.output is not None:
        results.summary_frame().to_csv(options.output)
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
    model = NMFRE.from_formula(
        options.formula,
        pd.read_csv(options.data),
        rank=options.rank,
        unit=options.unit,
        occasion=options.occasion,
    )
    return model.fit(
        method=options.method, df_cap=options.df_cap, signed=options.signed, seed=options.seed
    )


if __name__ == "__main__":
    sys.exit(main())
