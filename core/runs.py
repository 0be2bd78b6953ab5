"""Runs on disk: one folder each, of plain files that can be copied, read with jq and pandas, and
read while they are written.

    runs/<name>/
      config.json      the RunConfig: enough to start the same run again
      run.json         state, figures so far, host, process, versions; replaced atomically
      lock             which process works on it, and when it last gave a sign of life
      metrics.jsonl    a row per StepReport and EpochEnd
      events.jsonl     a row for everything else but Progress
      log.txt          what happened, in words
      notes.json       tags and notes, if somebody wrote any; see core.notes
      checkpoints/     see core.checkpoint

core.record writes and reads the rows; this module knows the folders.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import time
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from core.config import RunConfig
from core.crash import cause, exit_words, memory_facts
from core.durable import replace_file, sync_folder
from core.errors import RunError
from core.events import LARGEST
from core.notes import NO_NOTES, Notes, read_notes
from core.owner import Owner, lives, this_process
from core.permissions import make_folder
from core.run_lock import LOCK, holder, silence
from core.run_names import suggest_name

RUN_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
LATEST = 1e11  # Unix time, in the year 5138: beyond, no calendar has words
# States that need a process.
ACTIVE = ("queued", "preparing", "training", "evaluating", "paused", "waiting", "stopping")
UNDER_WAY = ACTIVE[2:]  # past the first step


@dataclass(frozen=True)
class Standing:
    """Where a run that waits for a device stands in the line; see core.device_queue."""

    place: int  # from 1, among those that wait for one of its devices
    devices: tuple[str, ...]  # that it would take, as its process calls them
    behind: tuple[str, ...]  # names of the runs that train on them, or go before it


@dataclass(frozen=True)
class RunInfo:
    """One run, as its folder tells it."""

    name: str
    path: Path
    # One of ACTIVE, "finished", "stopped", "failed", "crashed", "unreadable", or "silent": on
    # another machine, from which nothing has been heard for a while.
    state: str
    model: str = ""
    data: str = ""
    epoch: int = 0  # completed
    epochs: int = 0  # planned
    step: int = 0
    best_test_score: float | None = None
    metric: str = "accuracy"  # what the score is
    best_epoch: int | None = None
    seconds: float = 0.0  # of training and evaluation, as of the last epoch or the end
    started: float = 0.0  # Unix time
    device: str = ""
    threads: int | None = None
    problem: str = ""  # why it failed or crashed, since when it is silent
    owner: Owner | None = None  # the process that works on it, or did last
    config: RunConfig | None = None
    notes: Notes = NO_NOTES
    standing: Standing | None = None  # only of a run in a list, while it waits for a device


def default_runs_dir() -> Path:
    """NNLAB_RUNS, or the folder `runs` where the user is."""
    return Path(os.environ.get("NNLAB_RUNS") or "runs")


def check_run_name(name: str) -> str:
    """`name` itself if it can name a folder anywhere. Raises RunError."""
    if not RUN_NAME.fullmatch(name) or name.startswith((".", "-")):
        raise RunError(
            f"A run cannot be called {name!r}.",
            "Use 1 to 64 letters, digits, dots, hyphens and underscores, beginning with a letter "
            "or digit.",
        )
    return name


def check_free(runs_dir: Path, name: str) -> None:
    """Raises RunError if no new run in `runs_dir` can be called `name`."""
    if os.path.lexists(runs_dir / check_run_name(name)):
        raise _taken(runs_dir, name)


def _taken(runs_dir: Path, name: str) -> RunError:
    return RunError(
        f"There is a run called {name!r} in {runs_dir} already.",
        f"Choose another --name, or continue it with `nnlab resume {name}`.",
    )


def create_run(
    runs_dir: Path, config: RunConfig, name: str | None = None, *, share: bool = False
) -> Path:
    """A new folder for a run of `config`, called `name` or, by default, something unique.

    Its group may read it if it is to be shared; nobody else may. Its run.json says that this
    process prepares it. Raises RunError if the name is taken or the folder cannot be made.
    """
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        if name is not None:
            path = runs_dir / check_run_name(name)
            make_folder(path, share=share)
        else:
            path = _new_folder(runs_dir, share)
        sync_folder(runs_dir)
        write_config(path, config)
        write_facts(path, _first_facts(config) | process_facts())
    except FileExistsError as error:
        if name is not None and runs_dir.is_dir():
            raise _taken(runs_dir, name) from None
        raise RunError(f"{error.filename} is not a folder.", "Choose another --runs-dir.") from None
    except OSError as error:
        raise RunError(
            f"No run can be kept in {runs_dir}: {error.strerror}.", "Choose another --runs-dir."
        ) from None
    return path


def discard_run(path: Path) -> None:
    """Remove the folder of a run that has not begun."""
    with suppress(OSError):
        # First: without its process's lock, whoever looks meanwhile would call it crashed.
        (path / "run.json").unlink()
    shutil.rmtree(path, ignore_errors=True)


def _first_facts(config: RunConfig) -> dict[str, Any]:
    """What run.json says before there are any events."""
    return {
        "state": "preparing",
        "model": config.model,
        "data": config.data,
        "device": config.device,
        "threads": config.threads,
        "epoch": 0,
        "epochs": config.epochs,
        "step": 0,
        "best_epoch": None,
        "best_test_score": None,
        "seconds": 0.0,
        "problem": "",
        "started": time.time(),
    }


def _new_folder(runs_dir: Path, share: bool) -> Path:
    for attempt in range(1000):
        name = suggest_name()
        path = runs_dir / (name if attempt < 20 else f"{name}-{attempt}")
        try:
            make_folder(path, share=share)
        except FileExistsError:
            if not runs_dir.is_dir():
                raise
            continue
        return path
    raise FileExistsError(17, "no free name", str(runs_dir))


def list_runs(runs_dir: Path) -> list[RunInfo]:
    """All runs in `runs_dir`, newest first. Raises RunError if it cannot be read."""
    try:
        folders = [p for p in runs_dir.iterdir() if _is_run(p)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise RunError(
            f"The runs in {runs_dir} cannot be read: {error.strerror}.",
            "Choose another --runs-dir.",
        ) from None
    found = in_line([read_info(p) for p in folders])
    return sorted(found, key=lambda info: (info.started, info.name), reverse=True)


def in_line(runs: Sequence[RunInfo]) -> list[RunInfo]:
    """`runs`, those that wait for a device with where they stand."""
    if not any(run.state == "queued" for run in runs):
        return list(runs)
    # Not above: that module needs this one, and most lists have nobody who waits.
    from core.device_queue import standings

    line = standings()
    return [
        replace(run, standing=line.get(run.path.resolve())) if run.state == "queued" else run
        for run in runs
    ]


def _is_run(path: Path) -> bool:
    try:
        # Any one of them may be lost.
        return any((path / name).is_file() for name in ("config.json", "run.json", "events.jsonl"))
    except PermissionError:  # somebody else's, and private: it is there all the same
        return True


def find_run(runs_dir: Path, name: str) -> Path:
    """The folder of the run called `name`; "last" is the newest one. Raises RunError."""
    runs = list_runs(runs_dir)
    if not runs:
        raise RunError(
            f"There are no runs in {runs_dir}.", "Start one with `nnlab train`, or set --runs-dir."
        )
    names = [info.name for info in runs]
    if name in names:
        return runs_dir / name
    if name == "last":
        return runs[0].path
    close = get_close_matches(name, names, n=1)
    raise RunError(
        f"There is no run called {name!r} in {runs_dir}.",
        (f"Did you mean {close[0]!r}? " if close else "") + "`nnlab runs` lists them.",
    )


def read_info(path: Path) -> RunInfo:
    """What the folder says of its run, and whether its process still lives."""
    written = _read(f"{path}/config.json")
    try:
        config = _parse_config(written) if written is not None else None
    except ValueError:
        config = None
    now = holder(path)
    if now and lives(now) is False:
        now = None  # it left its name when it died
    try:
        facts = _load_facts(path)
        owner = Owner.from_facts(facts)
        state, problem = facts["state"], facts["problem"]
        if now and now != owner:  # it has begun to resume the run, and not yet said so
            state, problem, owner = "preparing", "", now
        elif state in ACTIVE and not now and (_lock_tells(path) or lives(owner) is False):
            state, problem = "crashed", cause(path, facts, owner)
        if state in ACTIVE and lives(owner) is None and (silent := silence(path)):
            state, problem = "silent", f"Nothing was heard of {owner} for {silent}."
        if "config_crc" in facts and facts["config_crc"] != _crc(written):
            config, problem = None, problem or "config.json is damaged or was changed."
        return _checked(
            name=path.name,
            path=path,
            state=state,
            model=facts["model"],
            data=facts["data"],
            epoch=facts["epoch"],
            epochs=facts["epochs"],
            step=facts["step"],
            best_test_score=facts["best_test_score"],
            metric=facts.get("metric", "accuracy"),
            best_epoch=facts["best_epoch"],
            seconds=facts["seconds"],
            started=facts["started"],
            device=facts["device"],
            threads=facts["threads"],
            problem=problem,
            owner=owner,
            config=config,
            notes=read_notes(path),
        )
    except FileNotFoundError:
        state, problem = "preparing", ""
        if not now and (path / "events.jsonl").exists():
            state, problem = "unreadable", "run.json is missing."
        elif not now:
            state, problem = "crashed", "It ended before its first step."
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        state, reason = "unreadable", str(error).partition("\n")[0]
        problem = f"run.json: {type(error).__name__}: {reason}"
    return RunInfo(
        *(path.name, path, state),
        problem=problem,
        owner=now,
        config=config,
        notes=read_notes(path),
    )


@lru_cache(maxsize=1024)
def _parse_config(written: bytes) -> RunConfig:
    """The settings in config.json, which many runs may share. Raises ValueError, each time anew."""
    return RunConfig.model_validate_json(written)


def _checked(**values: Any) -> RunInfo:
    """What run.json says, which anybody may have written. Raises ValueError."""
    try:
        info: RunInfo = _RUN_INFO.validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    if not 0 <= info.started < LATEST:
        raise ValueError(f"it cannot have started at {info.started:g}")
    if any(isinstance(v, int) and abs(v) > LARGEST for v in values.values()):
        raise ValueError("a number that no run can have")
    return info


_RUN_INFO = TypeAdapter(RunInfo)


def note_death(path: Path, returncode: int) -> None:
    """Write down how the process of the run ended, for whoever started it and has waited for it.

    `returncode` is that of subprocess: negative for a signal. Leaves a run alone that has told its
    end itself. Raises OSError.
    """
    facts = read_facts(path)
    if facts.get("state") in ACTIVE and read_info(path).state == "crashed":
        note_end(path, f"Process {facts['pid']} on {facts['host']} {exit_words(returncode)}.")


def note_end(path: Path, problem: str) -> None:
    """Write down why the run ended, for whoever knows better than itself. Raises OSError."""
    if facts := read_facts(path):
        write_facts(path, facts | {"state": "crashed", "problem": problem, "explained": True})


def _lock_tells(path: Path) -> bool:
    """Whether a lock that names nobody means that nobody has the run."""
    return os.access(path / LOCK, os.R_OK)


def write_config(path: Path, config: RunConfig) -> None:
    """Replace the run's config.json, whole or not at all. Raises OSError."""
    _replace(path / "config.json", config.model_dump(mode="json"))


def write_facts(path: Path, facts: dict[str, Any]) -> None:
    """Replace the run's run.json, whole or not at all. Raises OSError."""
    facts = facts | {"updated": time.time()}
    _replace(path / "run.json", facts | {"crc": _checksum(facts)})


def read_facts(path: Path) -> dict[str, Any]:
    """What run.json says, empty if it is not there yet or damaged."""
    try:
        return _load_facts(path)
    except (OSError, ValueError, TypeError):
        return {}


def config_crc(path: Path) -> str | None:
    """By what run.json knows config.json; None if there is none."""
    return _crc(_read(f"{path}/config.json"))


def _crc(written: bytes | None) -> str | None:
    return None if written is None else f"{zlib.crc32(written):08x}"


def _read(file: str) -> bytes | None:
    """What the file holds, None if it cannot be read."""
    try:
        with open(file, "rb") as bytes_of:  # noqa: PTH123 (a Path costs as much as reading it)
            return bytes_of.read()
    except OSError:
        return None


def _load_facts(path: Path) -> dict[str, Any]:
    """Raises OSError, ValueError or TypeError if run.json cannot be read or is damaged."""
    with open(f"{path}/run.json", "rb") as file:  # noqa: PTH123 (as in _read)
        facts = dict(json.loads(file.read()))
    checksum = facts.pop("crc", None)  # missing where a person wrote it
    if checksum not in (None, _checksum(facts)):
        raise ValueError("damaged, its checksum does not match")
    return facts


def _checksum(facts: dict[str, Any]) -> str:
    return f"{zlib.crc32(json.dumps(facts, sort_keys=True).encode()):08x}"


def process_facts() -> dict[str, Any]:
    """Who runs this, where and with what: the part of run.json that no event tells."""
    return {
        **asdict(this_process()),
        **memory_facts(),
        "git_revision": _git_revision(),
        "versions": dict(_versions()),
    }


@cache  # each takes a millisecond to be found
def _versions() -> Mapping[str, str]:
    packages = {name: version(name) for name in ("torch", "torchvision")}
    return {"python": platform.python_version(), **packages}


def _git_revision() -> str | None:
    """The commit that is checked out where the user works, if that is a repository."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=2, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _replace(path: Path, content: dict[str, Any]) -> None:
    replace_file(path, json.dumps(content, indent=1).encode())
