"""Work that takes a while, for commands that print its result."""

import sys
from collections.abc import Generator
from contextlib import redirect_stdout
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bars

from core.events import Notice, Progress
from tui.format import safe_text
from tui.palette import palette

T = TypeVar("T")


def wait_for(work: Generator[Progress | Notice, None, T]) -> T:
    """What `work` returns.

    Its news go to the standard error, a bar only if that is a terminal; what a user's network
    prints goes there too.
    """
    out = Console(stderr=True, highlight=False, markup=False, emoji=False)
    colours = palette()
    bars = Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(complete_style=colours.train, finished_style=colours.success),
        TaskProgressColumn(),
        console=out,
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    task = None
    with redirect_stdout(sys.stderr), bars:
        while True:
            try:
                news = next(work)
            except StopIteration as end:
                return end.value
            if isinstance(news, Notice):
                print(safe_text(news.text), file=sys.stderr)
                continue
            text = safe_text(news.doing)
            if task is None:
                task = bars.add_task(text)
            bars.update(task, description=text, completed=news.done, total=news.total)
