"""What the command line does, once its arguments are read."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import pandas as pd

from nmfre import examples, paper
from nmfre.core.files import replaced
from nmfre.core.terminal import Parser, show
from nmfre.datasets import load_orthodont
from nmfre.errors import DatasetFileNotFoundError, NMFREError, NMFREWarning
from nmfre.model import NMFRE
from nmfre.results import NMFREResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MODEL_OPTIONS = ("rank", "unit", "occasion", "groups")
FIT_OPTIONS = ("method", "df_cap", "cov_resid", "cov_re", "signed", "seed")


def analyse(parser: Parser, options: argparse.Namespace) -> None:
    """Fit a formula, write the table of coefficients, and only then print the summary."""
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
        show(f"nmfre: {warning.category.__name__}: {warning.message}", sys.stderr)
    show(str(results.summary()), sys.stdout)
    if failure is not None:
        parser.error(f"--output: {failure}")


def _check_output(parser: Parser, output: Path, data: Path | None) -> None:
    """The output must have a folder, and must not be the data, by whatever name."""
    if not output.parent.is_dir():
        parser.error(f"--output: there is no folder {output.parent}")
    if output.is_dir():
        parser.error(f"--output: {output} is a folder: name a file")
    if data is not None and output.is_file() and data.is_file() and output.samefile(data):
        parser.error(f"--output: {output} is the file of the data: name another one")


class Drawn(Protocol):
    """What examples have in common: a figure."""

    @property
    def plot(self) -> Callable[[], Axes]:
        """Draws the figure and returns its axes."""


AnExample = TypeVar("AnExample", bound=Drawn)


def show_examples(command: str, arguments: Sequence[str]) -> None:
    """Draw the figures and print the tables of examples: the paper's, or those on shipped data."""
    if command == "paper":
        what = "Reproduce an example of the paper, or all of them."
        _show(command, arguments, what, paper.EXAMPLES, paper.report)
    else:
        what = "Show an example on data that ship with nmfre, or all of them."
        _show(command, arguments, what, examples.EXAMPLES, examples.report)


def _show(
    command: str,
    arguments: Sequence[str],
    description: str,
    known: Mapping[str, Callable[[], AnExample]],
    report: Callable[[AnExample], str],
) -> None:
    parser = Parser(prog=f"python -m nmfre {command}", description=description, allow_abbrev=False)
    parser.add_argument("example", nargs="?", choices=[*known], help="default: all")
    parser.add_argument("--figures", type=Path, help="folder for the figures, as PNG files")
    options = parser.parse_args(arguments)
    for name in [options.example] if options.example else known:
        try:
            if options.figures is not None and not options.figures.is_dir():
                parser.error(f"--figures: there is no folder {options.figures}")
            example = known[name]()
            text = report(example)
            if options.figures is not None:
                example.plot()
                import matplotlib.pyplot as plt

                with replaced(options.figures / f"{name}.png") as new:
                    plt.savefig(new, dpi=150)
        except DatasetFileNotFoundError as error:
            if options.example:
                parser.error(error)
            text = f"{name}: left out. {error}"
        except KeyboardInterrupt:
            raise
        except (NMFREError, OSError) as error:
            parser.error(error)
        show(text + "\n\n", sys.stdout)


def _read_csv(parser: Parser, path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path)
    except OSError:
        raise
    except pd.errors.EmptyDataError:
        parser.error(f"{path} is empty: it needs a header, and a row a unit or a cell")
    except Exception as error:  # each decompressor has errors of its own
        parser.error(f"{path} cannot be read as CSV: {error}")


def _fit(parser: Parser, options: argparse.Namespace) -> NMFREResults:
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
