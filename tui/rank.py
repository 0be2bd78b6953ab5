"""One of several processes that train a run: python -m tui.rank train|resume FOLDER [...], as
tui.launcher starts it; and what `nnlab train` does where torchrun has started it."""

import ctypes
import json
import os
import signal
import socket
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from typer import Exit

from core.config import RunConfig
from core.control import Control
from core.errors import ConfigError, LostRank, NNLabError, RunError
from core.events import Event, RunEnd
from core.record import has_begun
from core.runs import note_end
from core.world import World
from tui.interrupts import Interrupts
from tui.reporter import follow

ERROR_FILE = "TORCHELASTIC_ERROR_FILE"  # where torchrun looks for the reason of a failure
PR_SET_PDEATHSIG = 1  # of prctl(2)


def main() -> NoReturn:
    """Train what the arguments name, and leave with the exit code of `nnlab train`."""
    parser = ArgumentParser()
    parser.add_argument("what", choices=("train", "resume"))
    parser.add_argument("run", type=Path)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--queue", action="store_true")
    parser.add_argument("--force", action="store_true")
    asked = parser.parse_args()
    launcher = os.getppid()
    _end_with_launcher()
    world = World.from_environment()

    def start(control: Control) -> Generator[Event, None, None]:
        from core.experiment import resume_experiment, run_created

        events: Iterator[Event]
        if asked.what == "train":
            events = run_created(
                asked.run, data_dir=asked.data_dir, control=control, queue=asked.queue, world=world
            )
        else:
            events = resume_experiment(
                asked.run, data_dir=asked.data_dir, control=control, force=asked.force, world=world
            )
        for event in events:
            if isinstance(event, RunEnd) and event.state == "stopped" and os.getppid() != launcher:
                who = f"process {launcher} on {socket.gethostname()}"
                note_end(asked.run, f"Its launcher ({who}) was ended; it has saved a checkpoint.")
            yield event

    from tui.cli import show_error

    try:
        follow_rank(world, start, asked.data_dir, as_json=False)
    except NNLabError as error:
        if not isinstance(error, LostRank):
            show_error(error)
        sys.exit(error.exit_code)
    except Exit as stopped:
        sys.exit(stopped.exit_code)
    sys.exit(0)


def _end_with_launcher() -> None:
    """Have SIGTERM sent to this process when its launcher dies: the run ends with a checkpoint,
    instead of going on with nobody to tell who of it is gone. Only Linux can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def torchruns_world(config: RunConfig | None) -> World:
    """This process' place as torchrun tells it, to train `config`. Raises ConfigError."""
    try:
        world = World.from_environment()
    except ValueError as error:
        raise ConfigError(
            f"RANK, WORLD_SIZE and the like in the environment make no sense: {error}.",
            "torchrun sets them; without it, unset them.",
        ) from None
    if world.launched and config and config.devices != "1":
        raise ConfigError(
            f"devices = {config.devices}: torchrun has started the processes already.",
            "Leave out --devices, or leave out torchrun.",
        )
    return world


def start_or_go_on(
    world: World, config: RunConfig, name: str | None, **options: Any
) -> Iterator[Event]:
    """The events of a new run or, after torchrun has started everything again, of its rest.

    `options` are those of core.experiment.run_experiment. Raises RunError.
    """
    if world.restarts:
        if name is None:
            raise RunError(
                "torchrun has started this run again, and it has no name to be found by.",
                "Give it one: --name NAME.",
            )
        run = options["runs_dir"] / name
        if has_begun(run):
            from core.experiment import resume_experiment

            yield from resume_experiment(
                run, data_dir=options["data_dir"], control=options["control"], world=world
            )
            return
    from core.experiment import run_experiment

    yield from run_experiment(config, name=name, world=world, **options)


def follow_rank(
    world: World,
    start: Callable[[Control], Generator[Event, None, None]],
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Train as one of `world`: rank 0 what `start` begins, showing what happens; the others
    silently what rank 0 trains.

    Raises what the run raises, and typer.Exit if a signal stopped it.
    """
    with _told_to_torchrun():
        if world.rank == 0:
            follow(start, as_json)
        else:
            _take_part(world, data_dir)


def _take_part(world: World, data_dir: Path | None) -> None:
    control = Control()
    with Interrupts(lambda: control.send("stop")) as interrupts:
        from core.experiment import take_part  # takes seconds, for torch

        with closing(take_part(world, data_dir=data_dir, control=control)) as events:
            for _ in events:
                interrupts.check()
                interrupts.gentle = True
    if interrupts.exit_code is not None:
        raise Exit(interrupts.exit_code)


@contextmanager
def _told_to_torchrun() -> Iterator[None]:
    """Where torchrun watches this process, it is told why this process failed."""
    try:
        yield
    except NNLabError as error:
        if path := os.environ.get(ERROR_FILE):
            told = {
                "message": f"{error.problem} {error.fix}",
                "timestamp": int(time.time()),
                "problem": error.problem,
                "fix": error.fix,
                "exit_code": error.exit_code,
                "lost": isinstance(error, LostRank),
            }
            with suppress(OSError):  # what is printed says the same
                Path(path).write_text(json.dumps(told), encoding="utf-8")
        raise


if __name__ == "__main__":
    main()
