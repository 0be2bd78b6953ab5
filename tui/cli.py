"""The nnlab command: assembles the commands, shows errors, sets exit codes."""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from core.errors import NNLabError
from tui.ascii import enable
from tui.commands.attach import attach
from tui.commands.bench import bench
from tui.commands.compare import compare
from tui.commands.control import NEGATIVE_NUMBERS, checkpoint, extend, pause, set_, stop
from tui.commands.conv import conv
from tui.commands.data import data
from tui.commands.devices import devices
from tui.commands.evaluate import evaluate
from tui.commands.import_ import import_
from tui.commands.inspect import inspect
from tui.commands.models import models
from tui.commands.note import note
from tui.commands.plot import plot
from tui.commands.predict import predict
from tui.commands.reproduce import reproduce
from tui.commands.resume import resume
from tui.commands.runs import runs
from tui.commands.shift import shift
from tui.commands.show import show
from tui.commands.summary import summary
from tui.commands.sweep import sweep
from tui.commands.train import train
from tui.commands.trash import trash
from tui.commands.tui import tui
from tui.format import safe_text
from tui.options import Ascii

EXIT_CODES = """\
Exit codes:
    0  done
    1  a problem that you can fix; what and how is printed
    2  a command, option or setting that cannot be
  130  ended by Ctrl-C
  143  ended by SIGTERM"""


class ShowErrors(TyperGroup):
    """Turns NNLabError into what is wrong and what to do; a bug still shows its traceback."""

    def make_context(self, *args: Any, **extra: Any) -> Any:
        with safe_usage_errors():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: Any) -> Any:
        try:
            with safe_usage_errors():
                return super().invoke(ctx)
        except NNLabError as error:
            show_error(error)
            raise typer.Exit(error.exit_code) from None


@contextmanager
def safe_usage_errors() -> Iterator[None]:
    """Typer's errors quote what was typed: without what a terminal would obey."""
    try:
        yield
    except TyperException as error:
        error.message = safe_text(error.message)
        raise


def show_bug(bug: BaseException) -> None:
    """Print the traceback of an exception that nobody expected."""
    for line in "".join(traceback.format_exception(bug)).split("\n"):
        print(safe_text(line), file=sys.stderr)


def show_error(error: NNLabError) -> None:
    """Print what is wrong, in red on a terminal that has colours, and what to do about it."""
    in_colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    fg = "red" if in_colour and os.environ.get("TERM") != "dumb" else None
    typer.secho(safe_text(error.problem), fg=fg, err=True, color=fg is not None)
    for line in error.fix.split("\n"):  # settings that are wrong have a line each
        typer.echo(safe_text(line), err=True)


app = typer.Typer(
    cls=ShowErrors,
    no_args_is_help=True,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def show_version(wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        from importlib.metadata import version

        typer.echo(f"nnlab {version('nnlab')}")
        raise typer.Exit


@app.callback()
def nnlab(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=show_version, is_eager=True),
    ] = False,
    ascii: Ascii = False,
) -> None:
    """A neural-network lab in a terminal: pick a classic network, train it, watch it learn.

    Each command explains itself, with examples: nnlab COMMAND --help

    Start here:
      nnlab tui                 the dashboard
      nnlab train mlp           without the dashboard, on built-in images
      nnlab summary resnet18    the layers of a network
    """


PANELS: dict[str, tuple[Callable[..., None] | typer.Typer, ...]] = {
    "Train": (tui, train, sweep, import_),
    "Control a run that trains elsewhere": (attach, stop, pause, resume, checkpoint, set_, extend),
    "Look at runs": (runs, show, compare, note, trash, evaluate, predict, inspect),
    "Look at networks, images and the machine": (models, summary, data, devices),
    "Try things out": (bench, reproduce, plot, conv, shift),
}
for panel, commands in PANELS.items():
    for command in commands:
        if isinstance(command, typer.Typer):
            app.add_typer(command, rich_help_panel=panel)
        else:
            settings = NEGATIVE_NUMBERS if command is extend else None
            # import_ and set_ are called so because the words belong to Python.
            name = command.__name__.rstrip("_")
            app.command(name, rich_help_panel=panel, context_settings=settings)(command)


def main() -> NoReturn:
    """Run the nnlab command as a program."""
    enable()  # a terminal without Unicode gets what looks like it, not a traceback
    signal.signal(signal.SIGTERM, _leave)
    try:
        # Not app(), whose tracebacks would quote anything as it is.
        typer.main.get_command(app)(prog_name="nnlab")
    except Exception as bug:
        show_bug(bug)
        sys.exit(1)
    finally:
        # Python takes a moment to leave once torch is loaded; impatience is no error.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    raise AssertionError("typer ends with SystemExit")


def _leave(signum: int, frame: FrameType | None) -> NoReturn:
    """End by SystemExit, so that what was opened is closed and the terminal restored."""
    sys.exit(128 + signum)


if __name__ == "__main__":  # for torchrun and detached runs: python -m tui.cli
    main()
