"""nnlab stop, pause, checkpoint, set and extend: what a run in another process is asked to do."""

import re
import sys
import time
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.control import Request, check_request
from core.errors import ConfigError, RunError
from core.events import ControlApplied, to_row
from core.mailbox import RemoteControl, acknowledged
from tui.json_output import print_json
from tui.options import Json, RunsDir

if TYPE_CHECKING:
    from core.runs import RunInfo

PATIENCE_SECONDS = 10.0  # for an answer; a step of a large network takes seconds
REMOTE_PATIENCE_SECONDS = 90.0  # a network file system shows a new file after a minute at worst
SETTINGS = ("lr", "epochs")
ENDING = ("stop", "stop_after_epoch")
NUMBER = re.compile(r"[+-]?\d+")


def complete_live_run(context: typer.Context) -> list[tuple[str, str]]:
    """The runs that are going on, for the shell."""
    from core.runs import RUN_NAME, default_runs_dir

    found = live_runs(context.params.get("runs_dir") or default_runs_dir())
    # Shells evaluate what is offered: only names that nnlab itself would give.
    return [(r.name, f"{r.state}: {r.model}") for r in found if RUN_NAME.fullmatch(r.name)]


LiveRun = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN",
        help='Its name, or "last" for the newest. Default: the only one that is going on.',
        autocompletion=complete_live_run,
        show_default=False,
    ),
]
Words = Annotated[
    list[str],
    typer.Argument(
        metavar="[RUN] CHANGE",
        help="What to change, and of which run if several are going on.",
        autocompletion=complete_live_run,
        show_default=False,
    ),
]


def stop(
    run: LiveRun = None,
    after_epoch: Annotated[
        bool, typer.Option("--after-epoch", help="Finish the epoch in progress first.")
    ] = False,
    runs_dir: RunsDir = None,
    json: Json = False,
) -> None:
    """Stop a run that trains somewhere else, keeping a checkpoint to resume it from.

    A run that waits in a queue or is still being prepared leaves nothing behind. The tag of a sweep
    stops all its runs.

    Examples:
      nnlab stop
      nnlab stop brave-otter --after-epoch
      nnlab stop sweep-rates
    """
    request = Request("stop_after_epoch" if after_epoch else "stop")
    names: Sequence[str | None] = _live_trials(runs_dir, run) or [run]
    for name in names:
        ask(name, runs_dir, [request], json)


def pause(run: LiveRun = None, runs_dir: RunsDir = None, json: Json = False) -> None:
    """Hold a run between two steps until `nnlab resume`.

    It keeps its memory and its device.

    Examples:
      nnlab pause
      nnlab pause brave-otter
    """
    ask(run, runs_dir, [Request("pause")], json)


def checkpoint(run: LiveRun = None, runs_dir: RunsDir = None, json: Json = False) -> None:
    """Have a run save a checkpoint now.

    When the command is done, the checkpoint is written.

    Examples:
      nnlab checkpoint
      nnlab checkpoint brave-otter
    """
    ask(run, runs_dir, [Request("checkpoint")], json)


def set_(words: Words, runs_dir: RunsDir = None, json: Json = False) -> None:
    """Change the learning rate or the number of epochs of a run while it trains.

    lr is the peak that the schedule scales: lr=0.01, or lr=x0.1 for a tenth.
    epochs is how many in all: epochs=20, or epochs=+5 for five more.

    config.json stays what the run was started with, and resuming goes on with
    what was changed.

    Examples:
      nnlab set lr=0.01
      nnlab set brave-otter lr=x0.1 epochs=20
      nnlab set last epochs=+5
    """
    changes = [word for word in words if "=" in word]
    if not changes:
        raise ConfigError(
            "Nothing is named that should change.", "Such as: nnlab set lr=0.01 epochs=+5"
        )
    asks = [parse_setting(word) for word in changes]
    ask(_only_run([word for word in words if "=" not in word]), runs_dir, asks, json)


def extend(words: Words, runs_dir: RunsDir = None, json: Json = False) -> None:
    """Train a run for more epochs than planned, or for fewer; its schedule stretches with them.

    An epoch that has begun is finished.

    Examples:
      nnlab extend +5
      nnlab extend brave-otter +5
      nnlab extend last -2
    """
    changes = [word for word in words if NUMBER.fullmatch(word)]
    for word in words:
        if word.startswith("-") and word not in changes:
            raise ConfigError(f"There is no option {word}.", "nnlab extend --help")
    if len(changes) != 1:
        raise ConfigError(
            f"One number of epochs is needed, and there are {len(changes)}.",
            "Such as: nnlab extend +5",
        )
    (number,) = changes
    more = parse_setting(f"epochs={number if number[0] in '+-' else '+' + number}")
    ask(_only_run([word for word in words if word not in changes]), runs_dir, [more], json)


def parse_setting(text: str) -> Request:
    """lr=0.01, lr=x0.1, epochs=20, epochs=+5 or epochs=-2. Raises ConfigError."""
    name, _, value = (part.strip() for part in text.partition("="))
    if name not in SETTINGS:
        close = get_close_matches(name, SETTINGS, n=1)
        raise ConfigError(
            f"{name!r} cannot be changed while a run trains.",
            (f"Did you mean {close[0]!r}? " if close else "") + "Choose lr or epochs.",
        )
    kind = name
    if name == "lr" and value[:1] in ("x", "*", "×"):
        kind, value = "scale_lr", value[1:]
    if name == "epochs" and value[:1] in ("+", "-"):
        kind = "extend"
    try:
        number = float(value)
        check_request(kind, number)
    except ValueError as error:
        why = str(error) if "takes" in str(error) else f"{value!r} is not a number"
        raise ConfigError(
            f"{text!r} cannot be: {why}.", "Such as lr=0.01, lr=x0.1, epochs=20 or epochs=+5."
        ) from None
    return Request(kind, number)


def ask(name: str | None, runs_dir: Path | None, asks: Sequence[Request], as_json: bool) -> None:
    """Send `asks` to a run and print a line for each that it has carried out.

    Raises RunError if there is no such run, if it is not the caller's, or if it does not answer.
    """
    from core.runs import default_runs_dir
    from core.trials import cancel

    info = find_live_run(runs_dir or default_runs_dir(), name)
    if asks[-1].kind in ENDING and cancel(info.path):
        if as_json:
            print_json({"run": info.name, "path": str(info.path), "applied": [None]})
        else:
            print_answer(info, None)
        return
    remote = RemoteControl(info.path)
    ids = [remote.send(request.kind, request.value) for request in asks]
    patience = _patience(info)
    applied = []
    try:
        for id in ids:
            applied.append(_wait(info, id, patience, ending=asks[-1].kind == "stop"))
            if not as_json:
                print_answer(info, applied[-1])
    finally:
        for id in ids[len(applied) :]:
            remote.withdraw(id)
    if as_json:
        rows = [to_row(answer) if answer else None for answer in applied]
        print_json({"run": info.name, "path": str(info.path), "applied": rows})


def find_live_run(runs_dir: Path, name: str | None) -> "RunInfo":
    """The run called `name`, or the only one that is going on. Raises RunError."""
    from core.runs import ACTIVE, find_run, read_info
    from core.sweep import tag_of

    if name is not None:
        info = read_info(find_run(runs_dir, name))
        if info.state not in ACTIVE:
            raise RunError(
                f"{info.name} is not going on: {info.state}.",
                f"Its process is gone. {info.problem}".strip()
                if info.state == "crashed"
                else "`nnlab runs` lists what is.",
            )
        return info
    # Those whose turn in a sweep has not come can be named all the same.
    live = [run for run in live_runs(runs_dir) if run.state != "queued" or not tag_of(run)]
    if not live:
        raise RunError(f"No run is going on in {runs_dir}.", "`nnlab runs` lists them.")
    if len(live) > 1:
        raise RunError(
            f"{len(live)} runs are going on in {runs_dir}, and none is named.",
            f"Name one of: {', '.join(info.name for info in live)}.",
        )
    return live[0]


def live_runs(runs_dir: Path) -> list["RunInfo"]:
    """The runs that are going on, newest first."""
    from core.runs import ACTIVE, list_runs

    return [info for info in list_runs(runs_dir) if info.state in ACTIVE]


def _live_trials(runs_dir: Path | None, tag: str | None) -> list[str]:
    """The runs of a sweep that are going on or wait, the last one first, so that none begins."""
    from core.runs import default_runs_dir
    from core.sweep import trials_of

    live = live_runs(runs_dir or default_runs_dir()) if tag else []
    return [run.name for run in reversed(trials_of(live, tag or ""))]


def print_answer(info: "RunInfo", applied: ControlApplied | None) -> None:
    """What came of a request, in one line; None: the run ended before its first step."""
    from tui.format import safe_text

    print(safe_text(f"{info.name}: {_describe(applied)}"))


def _describe(applied: ControlApplied | None) -> str:
    if applied is None:
        return "stopped before its first step; nothing is kept"
    match applied.request:
        case "stop":
            return f"stopped at step {applied.step}, with a checkpoint"
        case "stop_after_epoch":
            return f"stops after epoch {applied.epoch}"
        case "pause":
            return f"paused at step {applied.step}"
        case "resume":
            return f"goes on at step {applied.step}"
        case "checkpoint":
            return f"checkpoint saved at step {applied.step}"
        case "lr":
            return f"learning rate {applied.value:g} from step {applied.step}"
        case "epochs":
            return f"{applied.value:g} epochs in all, as of step {applied.step}"
    raise AssertionError(applied)


def _wait(info: "RunInfo", id: str, patience: float, ending: bool) -> ControlApplied | None:
    """The answer to a request; None if the run was asked to stop and left nothing behind.

    Raises RunError if there is no answer within `patience` seconds, or cannot be any more.
    """
    from core.runs import ACTIVE, read_info

    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if applied := acknowledged(info.path, id, 0.5):
            if ending:  # whoever waits wants it over: to resume it, to free its device
                _wait_for_the_end(info, deadline)
            return applied
        if not info.path.exists() and ending:
            return None
        now = read_info(info.path)
        if now.state in ACTIVE:
            continue
        if applied := acknowledged(info.path, id, 0):  # its last deed
            return applied
        raise RunError(
            f"{info.name} ended before it got to this: {now.state}.", now.problem or "`nnlab show`."
        )
    if RemoteControl(info.path).withdraw(id):
        problem, fix = "has not taken the request up, which is withdrawn", "Is its process stopped?"
    else:
        problem, fix = "has taken the request up, but not yet carried it out", "It will."
    raise RunError(f"{info.name} {problem} after {patience:g} s.", f"{fix} See `nnlab runs`.")


def _wait_for_the_end(info: "RunInfo", deadline: float) -> None:
    from core.runs import ACTIVE, read_info

    while read_info(info.path).state in ACTIVE and time.monotonic() < deadline:
        time.sleep(0.05)


def _patience(info: "RunInfo") -> float:
    """How long to wait for an answer; says so if the run is on another machine."""
    from core.owner import is_here
    from tui.format import safe_text

    if info.owner is None or is_here(info.owner):
        return PATIENCE_SECONDS
    where = safe_text(f"{info.name} trains on {info.owner.host}")
    print(f"{where}: waiting until it sees this in the shared folder", file=sys.stderr)
    return REMOTE_PATIENCE_SECONDS


def _only_run(words: list[Any]) -> str | None:
    if len(words) > 1:
        raise ConfigError(
            f"One run at a time: {' and '.join(map(repr, words))} are named.",
            "Such as: nnlab set brave-otter lr=0.01",
        )
    return words[0] if words else None
