"""The command line as the terminal sees it: arguments, output, exit codes; nothing heavy."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any, NoReturn, TextIO

WRONG_USE = 2
INTERRUPTED = 130
"""As shells have it: 128 and the number of the signal."""


def program() -> str:
    """How the command line was called: by its script, or as a module."""
    return "python -m nmfre" if Path(sys.argv[0]).stem == "__main__" else "nmfre"


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: object) -> NoReturn:
        """Print the message on one line of stderr and exit with code 2."""
        text = " ".join(str(message).split())
        self.exit(WRONG_USE, f"nmfre: {text} (see {self.prog} --help)\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        show(message.removesuffix("\n"), file or sys.stderr)


def show(text: str, stream: TextIO | None) -> None:
    """Print text, with a question mark for each character that the stream cannot show."""
    if stream is None:
        return
    encoding = stream.encoding or "utf-8"
    try:
        print(text.encode(encoding, "replace").decode(encoding), file=stream, flush=True)
    except OSError as error:
        # What is left in the buffer goes nowhere, or Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if isinstance(error, BrokenPipeError):
            return  # who reads it has read enough
        if stream is not sys.stderr:
            show(f"nmfre: the output cannot be printed: {error}", sys.stderr)
        sys.exit(WRONG_USE)
