"""The standard output as rich sees it, the same for every command."""

import sys

from rich.console import Console

UNBOUNDED = 10_000  # columns: what reads a pipe wants whole lines


def console() -> Console:
    """A console that takes text as it is: no markup, no emoji codes, nothing highlighted."""
    width = None if sys.stdout.isatty() else UNBOUNDED
    return Console(highlight=False, markup=False, emoji=False, width=width)
