"""The standard output as rich sees it, the same for every command."""

import sys

from rich.console import Console

FILE_SIZE = (80, 24)  # columns and lines of a picture that goes to a file or a pipe
UNBOUNDED = 10_000  # columns: what reads a pipe wants whole lines


def console() -> Console:
    """A console that takes text as it is: no markup, no emoji codes, nothing highlighted."""
    width = None if sys.stdout.isatty() else UNBOUNDED
    return Console(highlight=False, markup=False, emoji=False, width=width)


def picture_size(out: Console) -> tuple[int, int]:
    """Columns and lines that a picture may fill."""
    return (out.width, out.height) if sys.stdout.isatty() else FILE_SIZE
