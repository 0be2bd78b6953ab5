"""The runs of a sweep: their folders, and training them, as one or one after the other.

All folders are there from the beginning, so that a list of runs shows what is still to come: as
queued, by the process that will train it. A run that is to be left out can be taken away.
"""

import os
from collections.abc import Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.config import RunConfig, where_of
from core.control import Control
from core.errors import ConfigError, NNLabError, RunError
from core.estimate import image_facts, summarize_for
from core.events import Event, RunEnd
from core.notes import change_tags, read_notes, write_notes
from core.owner import this_process
from core.record import has_begun
from core.run_lock import hold
from core.runs import (
    ACTIVE,
    RunInfo,
    create_run,
    discard_run,
    process_facts,
    read_facts,
    read_info,
    write_facts,
)
from core.sweep import Sweep, settings_text


class SweepControl:
    """What is asked of a sweep goes to the run in progress; a stop counts for all after it too."""

    def __init__(self) -> None:
        self.stopping = False
        self._current = Control()

    def send(self, kind: str) -> None:
        """Ask for `kind`, one of core.control.REQUESTS. Callable from a signal handler."""
        self.stopping |= kind == "stop"
        self._current.send(kind)

    def next_run(self) -> Control:
        """The Control of another run, from now on the one in progress."""
        self._current = Control()
        if self.stopping:  # asked for between two runs
            self._current.send("stop")
        return self._current


@dataclass(frozen=True)
class Groups:
    """How runs are trained."""

    members: Sequence[Sequence[int]]  # their places; more than one: as one
    why_in_turn: str | None  # of some that are alike: why they are not trained as one all the same


def check_networks(sweep: Sweep, data_dir: Path | None = None) -> None:
    """Build every different network on paper. Raises ConfigError, or DataError for the images."""
    seen = set()
    for trial in sweep.trials:
        config = trial.config
        kind = config.model_dump_json(
            include={"model", "model_options", "input_size", "data", "target", "loss", "batch_size"}
        )
        if kind in seen:
            continue
        seen.add(kind)
        images = image_facts(config.data, where_of(config, data_dir))
        try:
            summarize_for(config, images)
        except NNLabError as error:
            raise ConfigError(
                f"The run with {settings_text(trial.settings)} could not start: {error.problem}",
                error.fix,
            ) from None


def create_trials(sweep: Sweep, runs_dir: Path, *, share: bool = False) -> list[Path]:
    """The folders of all runs, made where they are not there yet, in their order.

    Raises RunError, leaving nothing new behind, if one is somebody's already or cannot be made.
    """
    runs = [runs_dir / trial.name for trial in sweep.trials]
    for run, trial in zip(runs, sweep.trials, strict=True):
        if _is_there(run):
            _check_same(read_info(run), trial.config)
    made = []
    try:
        for run, trial in zip(runs, sweep.trials, strict=True):
            if not _is_there(run):
                made.append(create_run(runs_dir, trial.config, trial.name, share=share))
                write_notes(run, change_tags(read_notes(run), [sweep.tag]))
                _note(run, {"state": "queued"})
    except BaseException:
        for run in made:
            discard_run(run)
        raise
    return runs


def _is_there(run: Path) -> bool:
    """False, too, for a name that no file system takes: of that create_run tells."""
    return os.path.exists(run)  # noqa: PTH110


def run_trials(
    runs: Sequence[Path],
    *,
    data_dir: Path | None = None,
    control: SweepControl | None = None,
    queue: bool = False,
) -> Generator[tuple[int, Event], None, None]:
    """Train the runs in these folders that are not finished, from their checkpoints if they have
    one, each with what happens.

    Those that can be are trained as one. To `queue`, each waits for a device of its own. A run that
    fails is told by its RunEnd, and the next one begins; what is wrong before its first step raises
    NNLabError.
    """
    control = control or SweepControl()
    facts = process_facts()
    for run in runs:
        if run.exists() and not has_begun(run):
            _note(run, facts | {"state": "queued", "problem": ""})
    try:
        for group in groups(runs).members:
            if control.stopping:
                break
            # Some may have been taken away, or were trained by others, meanwhile.
            left = [i for i in group if runs[i].exists() and not _is_over(runs[i])]
            if not left:
                continue
            ended: set[int] = set()
            own = control.next_run()
            with closing(_train_group([runs[i] for i in left], data_dir, own, queue)) as events:
                try:
                    for place, event in events:
                        if isinstance(event, RunEnd):
                            ended.add(place)
                        yield left[place], event
                except NNLabError:
                    if len(ended) < len(left):
                        raise
    finally:
        for run in runs:
            if run.exists() and not has_begun(run):
                discard_run(run)


def cancel(run: Path) -> bool:
    """Take away a run that waits for its turn in a sweep. Returns False if it is none."""
    if read_info(run).state != "queued" or has_begun(run):
        return False
    with suppress(RunError), hold(run):  # refused: its turn has come, or it waits for a device
        discard_run(run)
        return True
    return False


def groups(runs: Sequence[Path]) -> Groups:
    """Which of the runs in these folders that are not finished are trained as one."""
    # Takes seconds, for torch.
    from core.ensemble import MAY_DIFFER, TOGETHER_AT_MOST, why_not_together

    alike: dict[str, list[int]] = {}
    members: list[list[int]] = []
    why: str | None = None
    for index, run in enumerate(runs):
        config = read_info(run).config if run.exists() and not has_begun(run) else None
        if config is None:
            members.append([index])
            continue
        kind = config.model_dump_json(exclude=set(MAY_DIFFER))
        if kind not in alike or len(alike[kind]) == TOGETHER_AT_MOST:
            alike[kind] = []
            members.append(alike[kind])
        alike[kind].append(index)
    parted: list[list[int]] = []
    for group in members:
        configs = [config for i in group if (config := read_info(runs[i]).config)]
        reason = why_not_together(configs) if len(group) > 1 else None
        why = why or reason
        parted += [[i] for i in group] if reason else [group]
    return Groups(parted, why)


def _is_over(run: Path) -> bool:
    return read_info(run).state == "finished"


def _train_group(
    runs: Sequence[Path], data_dir: Path | None, control: Control, queue: bool
) -> Generator[tuple[int, Event], None, None]:
    """The events of one run, or of several that are trained as one."""
    from core.ensemble import train_together

    if len(runs) == 1:
        with closing(_train(runs[0], data_dir, control, queue)) as events:
            for event in events:
                yield 0, event
        return
    for run in runs:
        _note(run, {"state": "preparing"})
    yield from train_together(runs, data_dir=data_dir, control=control, queue=queue)


def _train(
    run: Path, data_dir: Path | None, control: Control, queue: bool
) -> Generator[Event, None, None]:
    """The events of one run."""
    # Takes seconds, for torch.
    from core.experiment import resume_experiment, run_created

    if has_begun(run):
        yield from resume_experiment(run, data_dir=data_dir, control=control)
    else:
        _note(run, {"state": "preparing"})
        yield from run_created(run, data_dir=data_dir, control=control, queue=queue)


def _note(run: Path, facts: dict[str, Any]) -> None:
    """Change run.json. Raises RunError."""
    try:
        write_facts(run, read_facts(run) | facts)
    except OSError as error:
        raise RunError(
            f"The run folder {run} cannot be written: {error.strerror}.",
            "Free space or mend its permissions, then try again.",
        ) from None


def _check_same(found: RunInfo, config: RunConfig) -> None:
    """Raises RunError if the run is in use, or is not the one that is to be trained."""
    if found.state in ACTIVE and found.owner != this_process():
        raise RunError(
            f"{found.name} is {found.state} already.",
            f"Watch it: nnlab attach {found.name}. Or choose another --name.",
        )
    # What only the data could tell was added when it was prepared.
    settled = {"loss": config.loss or (found.config.loss if found.config else None)}
    if found.config != config.model_copy(update=settled):
        raise RunError(
            f"There is a run called {found.name!r} already, with other settings.",
            "Choose another --name.",
        )
