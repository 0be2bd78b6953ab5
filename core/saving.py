"""When a run in progress is saved, and which of its checkpoints stay.

A checkpoint is due at the end of each epoch and each minute in between, but not before the training
since the last one took 250 times as long as saving does: a tiny network has ten epochs a second,
and one of gigabytes needs seconds to be written. Whoever gives the seconds gets them, whatever that
costs.

The best epoch is kept all the same. When its turn to be written has not come, a copy of it waits in
memory, and is written before the next checkpoint; if the process is killed before, resuming trains
that epoch again.
"""

from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from time import perf_counter

from core.checkpoint import Circumstances, Snapshot, prune, take_snapshot, write_snapshot
from core.events import CheckpointSaved, Event
from core.patience import Patience, until_written
from core.record import RowWriter
from core.training import Position, Training

DEFAULT_SECONDS = 60.0
SHARE = 0.004  # of the time, at most, that checkpoints may cost if nobody says how often


@dataclass(frozen=True)
class Cadence:
    """How often a run is saved, and what stays for good."""

    seconds: float | None  # between two checkpoints; 0: only after each epoch; None: see above
    keep_every: int = 0  # epochs; 0: only the last two and the best stay
    share: float = SHARE


class Checkpoints:
    """Saves `training` into `folder`: what its `saving` is.

    A checkpoint counts on the rows in `rows`, and those are on the disk before it.
    """

    def __init__(
        self,
        folder: Path,
        training: Training,
        rows: RowWriter,
        circumstances: Circumstances,
        cadence: Cadence,
    ) -> None:
        self._folder = folder
        self._training = training
        self._rows = rows
        self._circumstances = circumstances
        self._cadence = cadence
        self._saved_at = perf_counter()
        self._saved: Position | None = None
        self._best: Snapshot | None = None  # not on the disk yet
        # In seconds; several, so that a disk that was slow once does not put off the next by hours.
        self._costs: deque[float] = deque(maxlen=4)
        self.patience = Patience(
            training.control,
            lambda: training.stopping,
            lambda: training.watch.standing_still(),
        )

    @property
    def up_to_date(self) -> bool:
        """Whether the training has not moved since it was saved."""
        return self._saved == self._training.position

    def due(self) -> bool:
        seconds = DEFAULT_SECONDS if self._cadence.seconds is None else self._cadence.seconds
        return bool(seconds) and self._since_last() >= seconds and self._affordable()

    def end_epoch(self) -> Generator[Event, None, None]:
        """Save, if that is affordable; a best epoch is remembered at least."""
        at = self._training.position
        every = self._cadence.keep_every
        if self._affordable() or (every and (at.epoch - 1) % every == 0):
            yield from self.save("epoch")
        elif at.best_step == at.step:
            self._best = self._take()

    def save(self, reason: str) -> Generator[Event, None, None]:
        """Save the position that the training is at now. Waits for a disk that is full.

        Raises TrainingDiverged, and RunError if it cannot be written.
        """
        with self._training.watch.standing_still():
            began = perf_counter()
            snapshot = self._take()
            cost = perf_counter() - began
            cost += yield from self.save_best()
            cost += yield from self._write(snapshot, reason)
            self._costs.append(cost)
            self._saved = self._training.position
            self._saved_at = perf_counter()

    def save_best(self) -> Generator[Event, None, float]:
        """Write the best epoch, if it still waits in memory. Returns the seconds that it took."""
        best, self._best = self._best, None
        if best is None or best.step != self._training.position.best_step:
            return 0.0
        return (yield from self._write(best, "best"))

    def _write(self, snapshot: Snapshot, reason: str) -> Generator[Event, None, float]:
        def write() -> tuple[Path, float]:
            began = perf_counter()
            self._rows.sync()
            path = write_snapshot(self._folder, snapshot)
            return path, perf_counter() - began

        what = f"The checkpoint of step {snapshot.step}"
        path, seconds = yield from until_written(
            write, what, self._folder, snapshot.size, self.patience
        )
        began = perf_counter()
        keep = self._cadence.keep_every * len(self._training.train_batches)  # steps
        prune(self._folder, snapshot.step, self._training.position.best_step, keep or None)
        pruned = perf_counter() - began
        yield CheckpointSaved(
            snapshot.epoch, snapshot.step, str(path), reason, seconds, snapshot.size
        )
        return seconds + pruned

    def _take(self) -> Snapshot:
        training = self._training
        circumstances = replace(self._circumstances, rows=self._rows.seq)
        return take_snapshot(training.model, training.optimizer, training.position, circumstances)

    def _affordable(self) -> bool:
        if self._cadence.seconds is not None or not self._costs:
            return True
        return self._since_last() >= fmean(self._costs) / self._cadence.share

    def _since_last(self) -> float:
        return perf_counter() - self._saved_at
