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
from nmfre.core.terminal import Parser, program, show
from nmfre.datasets import load_orthodont
from nmfre.errors import DatasetFileNotFoundError, NMFREError, NMFREWarning
from nmfre.estimation.cap import Cap
from nmfre.model import NMFRE
from nmfre.results import NMFREResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MODEL_OPTIONS = ("rank", "unit", "occasion", "groups", "weights")
FIT_OPTIONS = (
    "method",
    "df_cap",
    "cov_resid",
    "cov_re",
    "signed",
    "n_starts",
    "cov_type",
    "n_boot",
    "seed",
)
DEFAULT_ALPHA = 0.05
READ_OPTIONS = ("sep", "decimal", "encoding")
REPORT_OPTIONS = ("alpha", "check")
DECIMAL_COMMA = r"\s*[-+]?\d+(\.\d{3})*,\d+\s*"


def analyse(parser: Parser, options: argparse.Namespace) -> None:
    """Fit a formula, write the table of coefficients, and only then print the summary."""
    if options.formula is not None and (options.data is None or "rank" not in options):
        parser.error("a formula needs a CSV file and --rank")
    if options.data is not None and "~" in str(options.data) and "~" not in options.formula:
        parser.error(f"the formula comes before the file: '{options.data}' {options.formula}")
    for name in (*MODEL_OPTIONS, *FIT_OPTIONS, *READ_OPTIONS, *REPORT_OPTIONS):
        if options.formula is None and name in options:
            parser.error(f"--{name.replace('_', '-')} goes with a formula and a CSV file")
    failure, alpha = None, vars(options).get("alpha", DEFAULT_ALPHA)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", NMFREWarning)
        try:
            if options.output is not None:
                _check_output(parser, options.output, options.data)
            results = _fit(parser, options)
            printed = [str(results.summary(alpha))]
            if "check" in options:
                printed.append(str(results.check()))
        except KeyboardInterrupt:  # of tasks, it is an NMFREError as well
            raise
        except NMFREError as error:
            parser.error(error)
        except OSError as error:
            parser.error(f"{error.filename}: {error.strerror}" if error.strerror else error)
        if options.output is not None:
            try:
                with replaced(options.output) as new:
                    results.summary_frame(alpha).to_csv(new, errors="backslashreplace")
            except (OSError, ImportError, ValueError) as error:  # of compressors, too
                failure = error
    for warning in caught:
        show(f"nmfre: {warning.category.__name__}: {warning.message}", sys.stderr)
    show("\n\n".join(printed), sys.stdout)
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
    parser = Parser(prog=f"{program()} {command}", description=description, allow_abbrev=False)
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


def _read_csv(parser: Parser, path: Path, how: Mapping[str, str]) -> pd.DataFrame:
    """The data; an error that names the option where a file is not as expected."""
    try:
        _check_separator(parser, path, how)
        data = _frame(path, how)
    except OSError:
        raise
    except pd.errors.EmptyDataError:
        parser.error(f"{path} is empty: it needs a header and one row per unit")
    except UnicodeError as error:
        parser.error(f"{path} cannot be read as CSV: {error}. {_way_out(path)}")
    except Exception as error:  # each decompressor has errors of its own
        parser.error(f"{path} cannot be read as CSV: {error}")
    for name, column in data.items():
        texts = column.dropna()
        if "decimal" in how or not len(texts) or not pd.api.types.is_string_dtype(texts):
            continue
        if texts.str.fullmatch(DECIMAL_COMMA).all():
            parser.error(
                f"column {name!r} of {path} has decimal commas, such as {texts.iloc[0]!r}: use "
                "--decimal , (or --decimal . if it holds labels)"
            )
    return data


def _way_out(path: Path) -> str:
    """What to do with a file that is not text in UTF-8: by its first bytes."""
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith((b"PK", b"\xd0\xcf\x11\xe0")):
        return "It looks like a spreadsheet: save it as CSV first"
    likely = "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "latin-1"
    return f"Name its encoding, as in --encoding {likely}"


def _frame(path: Path, how: Mapping[str, str], n_rows: int | None = None) -> pd.DataFrame:
    return pd.read_csv(
        path,
        sep=how.get("sep", ","),
        decimal=how.get("decimal", "."),
        encoding=how.get("encoding"),
        nrows=n_rows,
    )


def _check_separator(parser: Parser, path: Path, how: Mapping[str, str]) -> None:
    """A header that is one field, with other separators in it, tells what separates fields."""
    header = list(_frame(path, how, n_rows=0).columns)
    for separator, written in ((";", "';'"), ("\t", "tab"), ("|", "'|'"), (",", ",")):
        if len(header) == 1 and separator in str(header[0]):
            parser.error(f"{path} has one column, {header[0]!r}: use --sep {written}")


def _fit(parser: Parser, options: argparse.Namespace) -> NMFREResults:
    if options.formula is None:
        model = NMFRE.from_formula(
            "distance ~ sex", load_orthodont(), rank=1, unit="subject", occasion="age"
        )
        return model.fit(df_cap=0.21)
    given = vars(options)
    model = NMFRE.from_formula(
        options.formula,
        _read_csv(
            parser, options.data, {name: given[name] for name in READ_OPTIONS if name in given}
        ),
        **{name: given[name] for name in MODEL_OPTIONS if name in given},
    )
    chosen = {name: given[name] for name in FIT_OPTIONS if name in given}
    cap = chosen.get("df_cap")
    if isinstance(cap, float) and cap > 1.0:
        chosen["df_cap"] = Cap(absolute=cap)
        show(
            f"nmfre: --df-cap {cap:g} is a cap of {cap:g} degrees of freedom; rates lie in (0, 1]",
            sys.stderr,
        )
    return model.fit(**chosen)
