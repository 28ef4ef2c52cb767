"""
Fit a formula to a CSV file and print the summary; without arguments, the Orthodont example.

``python -m nmfre paper [example] [--figures DIR]`` reproduces the paper.

``python -m nmfre "FORMULA" data.csv --rank 2 [--unit U --occasion T] [--df-cap R] [--method M]
[--signed] [--seed S] [--output coef.csv]``

``python -m nmfre --version`` prints the version.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd

from nmfre._version import __version__
from nmfre.core.files import replaced
from nmfre.datasets import load_orthodont
from nmfre.errors import DatasetFileNotFoundError, NMFREError, NMFREWarning
from nmfre.estimation.cap import AUTO
from nmfre.model import NMFRE
from nmfre.paper import EXAMPLES, report
from nmfre.results import NMFREResults

WRONG_USE = 2
INTERRUPTED = 130
"""As shells have it: 128 and the number of the signal."""
MODEL_OPTIONS = ("rank", "unit", "occasion")
FIT_OPTIONS = ("method", "df_cap", "signed", "seed")


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: object) -> NoReturn:
        text = " ".join(str(message).split())
        self.exit(WRONG_USE, f"nmfre: {text} (see python -m nmfre --help)\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        _show(message.removesuffix("\n"), file or sys.stderr)


def _parser() -> _Parser:
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
        0; 130 after Ctrl-C; or 2 if the arguments are wrong, or the output cannot be written. Then
        one line on stderr says so, and no file is changed.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        if arguments[:1] == ["paper"]:
            _paper(arguments[1:])
        else:
            _analysis(arguments)
    except KeyboardInterrupt:
        _show("nmfre: interrupted", sys.stderr)
        return INTERRUPTED
    return 0


def _show(text: str, stream: Any) -> None:
    """Print text, with a question mark for each character that the stream cannot show."""
    if stream is None:
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        print(text.encode(encoding, "replace").decode(encoding), file=stream, flush=True)
    except OSError as error:
        # What is left in the buffer goes nowhere, or Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if isinstance(error, BrokenPipeError):
            return  # who reads it has read enough
        if stream is not sys.stderr:
            _show(f"nmfre: the output cannot be printed: {error}", sys.stderr)
        sys.exit(WRONG_USE)


def _analysis(arguments: Sequence[str]) -> None:
    """Fit a formula, write the table of coefficients, and only then print the summary."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.formula is not None and (options.data is None or "rank" not in options):
        parser.error("a formula needs a CSV file and --rank")
    for name in (*MODEL_OPTIONS, *FIT_OPTIONS):
        if options.formula is None and name in options:
            parser.error(f"--{name.replace('_', '-')} goes with a formula and a CSV file")
    failure = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", NMFREWarning)
        try:
            if options.output is not None:
                _check_output(parser, options.output, options.data)
            results = _fit(parser, options)
        except KeyboardInterrupt:  # of tasks, it is an NMFREError as well
            raise
        except (NMFREError, OSError) as error:
            parser.error(error)
        if options.output is not None:
            try:
                with replaced(options.output) as new:
                    results.summary_frame().to_csv(new, errors="backslashreplace")
            except (OSError, ImportError, ValueError) as error:  # of compressors, too
                failure = error
    for warning in caught:
        _show(f"nmfre: {warning.category.__name__}: {warning.message}", sys.stderr)
    _show(str(results.summary()), sys.stdout)
    if failure is not None:
        parser.error(f"--output: {failure}")


def _check_output(parser: _Parser, output: Path, data: Path | None) -> None:
    """The output must have a folder, and must not be the data, by whatever name."""
    if not output.parent.is_dir():
        parser.error(f"--output: there is no folder {output.parent}")
    if output.is_dir():
        parser.error(f"--output: {output} is a folder: name a file")
    if data is not None and output.is_file() and data.is_file() and output.samefile(data):
        parser.error(f"--output: {output} is the file of the data: name another one")


def _paper(arguments: Sequence[str]) -> None:
    """Draw the figures of the paper's examples and print their tables."""
    parser = _Parser(
        prog="python -m nmfre paper",
        description="Reproduce an example of the paper, or all of them.",
        allow_abbrev=False,
    )
    parser.add_argument("example", nargs="?", choices=[*EXAMPLES], help="default: all")
    parser.add_argument("--figures", type=Path, help="folder for the figures, as PNG files")
    options = parser.parse_args(arguments)
    for name in [options.example] if options.example else EXAMPLES:
        try:
            if options.figures is not None and not options.figures.is_dir():
                parser.error(f"--figures: there is no folder {options.figures}")
            example = EXAMPLES[name]()
            text = report(example)
            if options.figures is not None:
                figure: Any = example.plot().figure
                with replaced(options.figures / f"{name}.png") as new:
                    figure.savefig(new, dpi=150)
        except DatasetFileNotFoundError as error:
            if options.example:
                parser.error(error)
            text = f"{name}: left out. {error}"
        except KeyboardInterrupt:
            raise
        except (NMFREError, OSError) as error:
            parser.error(error)
        _show(text + "\n\n", sys.stdout)


def _read_csv(parser: _Parser, path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path)
    except OSError:
        raise
    except pd.errors.EmptyDataError:
        parser.error(f"{path} is empty: it needs a header, and a row a unit or a cell")
    except Exception as error:  # each decompressor has errors of its own
        parser.error(f"{path} cannot be read as CSV: {error}")


def _fit(parser: _Parser, options: argparse.Namespace) -> NMFREResults:
    if options.formula is None:
        model = NMFRE.from_formula(
            "distance ~ sex", load_orthodont(), rank=1, unit="subject", occasion="age"
        )
        return model.fit(df_cap=0.21)
    given = vars(options)
    model = NMFRE.from_formula(
        options.formula,
        _read_csv(parser, options.data),
        **{name: given[name] for name in MODEL_OPTIONS if name in given},
    )
    return model.fit(**{name: given[name] for name in FIT_OPTIONS if name in given})


if __name__ == "__main__":
    sys.exit(main())
