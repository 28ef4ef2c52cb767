"""Words in the inaugural addresses of the presidents of the United States."""

from __future__ import annotations

import os

import pandas as pd

from nmfre.datasets.files import Table, described, user_file

FILE = "inaugural_counts.csv"
SOURCE = (
    "the counts are made of the US presidential inaugural addresses, such as "
    "data_corpus_inaugural of R's package quanteda: tokens in lower case, English stop words of "
    "Snowball dropped, at least 3 characters, at least 100 occurrences in all"
)
LAYOUT = (
    "a line 'document,year,' and the terms, each once, and a line an address: its name, once, the "
    "year and the count of each term, whole numbers"
)


def load_inaugural(path: str | os.PathLike[str] | None = None) -> pd.DataFrame:
    """
    Counts of terms in US presidential inaugural addresses, from a file that you have.

    The counts do not ship with the package. The paper computes them from the corpus
    ``data_corpus_inaugural`` of R's package quanteda (59 addresses, 1789 to 2021): tokens in lower
    case, without Snowball's English stop words, with at least 3 characters and 100 occurrences in
    all. This gives 67 terms.

    Parameters
    ----------
    path : str or path, optional
        A CSV file with the header ``document,year,`` and the terms, and one line per address. By
        default ``inaugural_counts.csv`` in the folder that the environment variable NMFRE_DATA
        names.

    Returns
    -------
    DataFrame, (addresses, 1 + terms)
        One row per address, such as ``1789-Washington``. The first column is ``year``, the others
        are counts. ``attrs["DESCR"]`` describes the data.

    Raises
    ------
    DatasetFileNotFoundError
        The file is missing; the message says how to make it and where to put it.
    DatasetLayoutError
        The file has another layout, repeats an address or a term, or has values that are not whole
        numbers >= 0.

    Examples
    --------
    >>> import nmfre
    >>> inaugural = nmfre.datasets.load_inaugural("counts.csv")  # doctest: +SKIP
    >>> terms = inaugural.columns.drop("year")  # doctest: +SKIP
    """
    table = Table(user_file(path, FILE, SOURCE), LAYOUT)
    cells = table.read_csv()
    if list(cells.columns[:2]) != ["document", "year"] or cells.shape[1] < 3:
        raise table.error(f"the first line starts {', '.join(cells.columns[:3])}")
    documents = pd.Index(cells.iloc[:, 0], name="document")
    for what, names in (("term", cells.columns), ("document", documents)):
        if names.has_duplicates:
            raise table.error(f"the {what} {names[names.duplicated()][0]!r} appears twice")
    counts = table.numbers(cells.iloc[:, 1:], whole=True).astype(int)
    return described(pd.DataFrame(counts, documents, cells.columns[1:]), "inaugural")
