"""The nnlab command: assembles the commands, shows errors, sets exit codes."""

import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from core.errors import NNLabError
from tui.ascii import Ascii, enable
from tui.format import safe_text

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


# What `nnlab --help` says of each command, which is how the command's own help begins.
PANELS = {
    "Train": {
        "tui": "Open the dashboard: pick a network and images, and watch it learn.",
        "train": "Train a network, printing a line for each epoch.",
        "sweep": (
            "Train a network once for each combination of settings, and compare what came of them."
        ),
        "import": (
            "Make a run from weights that somebody else saved, to evaluate, inspect or train on."
        ),
    },
    "Control a run that trains elsewhere": {
        "attach": "Open the dashboard of a run that is training somewhere, or of one that is over.",
        "stop": "Stop a run that trains somewhere else, keeping a checkpoint to resume it from.",
        "pause": "Hold a run between two steps until `nnlab resume`.",
        "resume": (
            "Continue a run: one that is paused goes on, another starts from its newest checkpoint."
        ),
        "checkpoint": "Have a run save a checkpoint now.",
        "set": "Change the learning rate or the number of epochs of a run while it trains.",
        "extend": (
            "Train a run for more epochs than planned, or for fewer; its schedule stretches with "
            "them."
        ),
    },
    "Look at runs": {
        "runs": "List the runs, newest first, or those that a query asks for.",
        "show": "Show a run: its figures for each epoch, its settings, and how to go on.",
        "compare": (
            "Compare runs: settings that differ, figures by epoch, how far their curves are apart."
        ),
        "note": (
            "Write a note about a run, tag it, make it the baseline, archive it; or show what is "
            "noted."
        ),
        "trash": "Delete runs; bring them back, or empty the trash.",
        "evaluate": (
            "Test a trained network: accuracy by class, what is taken for what, the worst mistakes."
        ),
        "predict": "Tell what images show, with the probabilities that a trained network gives.",
        "inspect": (
            "Look inside a trained network: its parameters, its filters, what its layers see."
        ),
    },
    "Look at networks, images and the machine": {
        "models": "List the networks: what they are, where they come from, how large they are.",
        "summary": "Print the layers of a network: shapes, parameters, multiply-adds, memory.",
        "data": "Look at the data sets: which there are, and what is in them.",
        "devices": "Show what the GPUs and the machine are doing, and who uses them.",
    },
    "Try things out": {
        "bench": "Measure how fast a network trains here, without keeping anything.",
        "reproduce": (
            "Run the notes' experiments again, and compare with the figures that they published."
        ),
        "plot": "Draw runs, an activation function, a schedule or an initializer.",
        "conv": "Lay a kernel over an image, and see the shape and the picture that come out.",
        "shift": "Shift data on purpose, and correct for it: accuracy with and without.",
    },
}
# Those that are not called as their module is: import belongs to Python, set too.
ELSEWHERE = {
    "import": "import_:import_",
    "set": "control:set_",
    **{name: f"control:{name}" for name in ("stop", "pause", "checkpoint", "extend")},
}
SETTINGS = {"extend": {"ignore_unknown_options": True}}  # -2 is no option


class Deferred(TyperCommand):
    """A command whose code is imported when somebody uses it.

    Importing that of all commands takes longer than most of them run, and the shell waits for it
    at each completion.
    """

    def load(self) -> Any:
        """The command itself, with its options."""
        assert self.name
        module, _, function = ELSEWHERE.get(self.name, f"{self.name}:{self.name}").partition(":")
        found = getattr(import_module(f"tui.commands.{module}"), function)
        if isinstance(found, typer.Typer):
            return typer.main.get_group(found)
        alone = typer.Typer(add_completion=False)
        alone.command(self.name, context_settings=SETTINGS.get(self.name))(found)
        return typer.main.get_command(alone)

    def make_context(self, *args: Any, **extra: Any) -> Any:
        return self.load().make_context(*args, **extra)


class Commands(ShowErrors):
    """All commands of nnlab."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for panel, lines in PANELS.items():
            for name, line in lines.items():
                self.commands[name] = Deferred(name, help=line, rich_help_panel=panel)


app = typer.Typer(
    cls=Commands,
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
