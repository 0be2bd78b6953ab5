"""Runs that are trained in step: each with its own folder and requests, and one step for all."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import torch

from core import clock, layer_watch
from core.clock import Stopwatch
from core.config import RunConfig
from core.control import Control
from core.datasets import Dataset
from core.device import Device, device_problem, has_failed
from core.errors import NNLabError, RunError
from core.events import Event, Notice, Progress
from core.exactness import conditions
from core.record import RowWriter, record
from core.recorded import end_of, keep_checkpoints, resume_advice, start_of
from core.runs import read_info
from core.stack import Stack
from core.sums import Taken, zeros
from core.task import Score
from core.train import EVALUATION_NEWS, Tested, carry_out, end_epoch, report
from core.training import BatchSource, Training

PAUSED_LOOK = 0.25  # seconds between two looks for requests

Story = Iterator[tuple[int, Event]]  # whose event it is, counted from 0


class Member:
    """One of the runs that are trained together."""

    def __init__(self, index: int, run: Path) -> None:
        self.index = index
        self.run = run
        self.control = Control()
        self.notices: list[str] = []  # for its log, before it begins
        self.reported = 0.0  # seconds of its stopwatch at the last report
        self.recorded = True  # whether what happens can still be
        found = read_info(run).config
        assert found is not None
        self.config = found
        self._inbox: deque[Event] = deque()

    def begin(
        self,
        training: Training,
        config: RunConfig,
        dataset: Dataset,
        device: Device,
        threads: int,
        together: int,
    ) -> None:
        """Be ready for the first step, as one of so many `together`."""
        self.training = training
        rows = RowWriter(self.run)
        now = conditions(config.model, device, threads, "stack")
        self.saving = keep_checkpoints(self.run, training, config, dataset, now, rows, together)
        self.start = start_of(self.run, training, config, dataset, device, now)
        self._recording = record(
            self.run, self._arriving(), dataset.digest, rows=rows, patience=self.saving.patience
        )

    def tell(self, events: Iterable[Event]) -> Story:
        """Pass `events` on, each recorded first. Raises NNLabError if that fails."""
        for event in events:
            if not self.recorded:
                yield self.index, event
                continue
            self._inbox.append(event)
            told: Event | None = None
            while told is not event:  # before it may come that the folder cannot be written
                try:
                    told = next(self._recording)
                except NNLabError:
                    self.recorded = False
                    raise
                yield self.index, told

    def finish(self) -> Story:
        """The end of a run that has nothing more to do, or is asked to stop."""
        training = self.training
        finished = training.position.epoch > training.position.epochs
        if training.stopping or not self.saving.up_to_date:
            yield from self.tell(self.saving.save("final" if finished else "stop"))
        yield from self.tell([end_of(training, "finished" if finished else "stopped")])
        self._recording.close()

    def fail(self, error: NNLabError | RuntimeError, device: Device) -> Story:
        """The end of a run that cannot go on."""
        problem = device_problem(error, device, self.config.batch_size, resume_advice(self.run))
        if not has_failed(error):
            with suppress(RunError):  # what is told is why it failed
                yield from self.tell(self.saving.save_best())
        end = replace(end_of(self.training, "failed"), problem=problem.problem, fix=problem.fix)
        yield from self.tell([end])
        self._recording.close()

    def break_off(self, error: BaseException) -> None:
        """Note in its folder what has ended it in the middle."""
        with suppress(BaseException):  # it comes back as it went in
            self._recording.throw(error)

    def _arriving(self) -> Iterator[Event]:
        # Asked for an event only by `tell`, which has put one in.
        while True:
            yield self._inbox.popleft()


class Group:
    """The runs that still train, in step."""

    def __init__(self, members: Sequence[Member], config: RunConfig, device: Device) -> None:
        self.members = list(members)
        self._config = config
        self._device = device
        self._stack = self._stacked()
        self._layers_at, self._layers_cost = perf_counter(), 0.0  # when measured, seconds of all

    def train(self) -> Story:
        """Everything from RunStart to the last RunEnd."""
        try:
            for member in self.members:
                yield from member.tell([*map(Notice, member.notices), member.start])
            while self.members:
                yield from self._train_epoch()
                yield from self._test()
        except (NNLabError, RuntimeError) as error:
            for member in self.members:
                yield from member.fail(error, self._device)
            raise device_problem(error, self._device, self._config.batch_size) from error
        except BaseException as error:
            for member in self.members:
                member.break_off(error)
            raise

    @property
    def _first(self) -> Training:
        return self.members[0].training

    def _train_epoch(self) -> Story:
        """The rest of the epoch in progress, as core.train's; leaves early if nobody is left."""
        at, batches = self._first.position, self._first.train_batches
        step = at.step
        for member in self.members:
            member.training.watch = Stopwatch(member.training.position.seconds)
            member.reported = member.training.watch.seconds
        sums = _Sums(self._stack.device, len(self.members))
        lrs: list[float] = []
        for index in range(at.batch, len(batches)):
            if self._asked():
                if sums.seen:
                    yield from self._report(sums, step, index, lrs)
                yield from self._obey()
                if not self.members:
                    return
                sums = _Sums(self._stack.device, len(self.members))

            last = index + 1 == len(batches)
            if last and self._watches_layers():
                for member in self.members:
                    member.training.layers.remember()
            asked = clock.seconds()
            images, labels = self._stack.batch(at.epoch, index)
            sums.waited += clock.seconds() - asked
            lrs = [member.training.lr_at(step) for member in self.members]
            losses, scores = self._stack.step(images, labels, lrs)
            step += 1
            sums.add(labels.shape[1], losses, scores)

            due = not last and self.members[0].saving.due()
            since = self._first.watch.seconds - self.members[0].reported
            if last or due or since >= self._first.report_interval:
                yield from self._report(sums, step, index + 1, lrs)
                if not self.members:
                    return
                if due:
                    yield from self._each(lambda _, m: m.tell(m.saving.save("time")))
                    if not self.members:
                        return
                sums = _Sums(self._stack.device, len(self.members))

    def _report(self, sums: "_Sums", step: int, batch: int, lrs: Sequence[float]) -> Story:
        """Tell what happened to each since the last report; one that has diverged ends here."""
        taken = sums.take()

        def tell(place: int, member: Member) -> Story:
            since, lr = member.reported, lrs[place]
            yield from member.tell(report(member.training, taken[place], step, batch, lr, since))
            member.reported = member.training.watch.seconds

        yield from self._each(tell)

    def _test(self) -> Story:
        """The evaluation at the end of an epoch, and what follows from it."""
        if not self.members:
            return
        # By run, not by its place: one that cannot be measured leaves, and places change.
        trained = {member: member.training.watch.seconds for member in self.members}
        first = self._first
        on_train = None
        if first.evaluated_train:
            on_train = yield from self._evaluate(first.evaluated_train, first.score)
            if on_train is None:
                return  # those who are left are evaluated anew
        on_test = yield from self._evaluate(first.test_batches, first.test_score)
        if on_test is None:
            return
        began, at = perf_counter(), self._first.position

        def measure(place: int, member: Member) -> Story:
            yield from member.tell(member.training.layers.figures(at.epoch, at.step))

        if any(member.training.layers.awaits for member in self.members):
            yield from self._each(measure)
            self._layers_at = perf_counter()
            self._layers_cost = self._layers_at - began

        def tell(place: int, member: Member) -> Story:
            figures = on_test[member], on_train[member] if on_train else None
            yield from member.tell([end_epoch(member.training, trained[member], *figures)])
            yield from member.tell(member.saving.end_epoch())

        yield from self._each(tell)
        yield from self._obey()
        yield from self._finish(_is_done)

    def _watches_layers(self) -> bool:
        """Whether the layers are measured after this epoch: the last, or if it is time to."""
        since = perf_counter() - self._layers_at
        over = any(m.training.position.epoch == m.training.position.epochs for m in self.members)
        return over or since >= self._layers_cost / layer_watch.SHARE

    def _evaluate(
        self, batches: BatchSource, score: Score
    ) -> Generator[tuple[int, Event], None, dict[Member, Tested] | None]:
        """Mean loss and score of each run over `batches`; None if one of them has left."""
        sums, told = _Sums(self._stack.device, len(self.members)), clock.seconds()
        for index in range(len(batches)):
            if self._asked():
                before = self.members
                yield from self._obey()
                if self.members != before:
                    return None
            losses, scores, count = self._stack.test(batches, score, index)
            sums.add(count, losses, scores)
            if clock.seconds() - told > EVALUATION_NEWS:
                progress = Progress("evaluating", index + 1, len(batches), "batches")
                yield self.members[0].index, progress
                told = clock.seconds()
        means = [(loss / seen, score / seen) for loss, score, seen, _ in sums.take()]
        return dict(zip(self.members, means, strict=True))

    def _asked(self) -> bool:
        return any(member.control.pending for member in self.members)

    def _obey(self) -> Story:
        """Carry out what is asked of any run; while one is paused, all wait."""

        def tell(place: int, member: Member) -> Story:
            if member.control.pending:
                yield from member.tell(carry_out(member.training))

        while True:
            self._share_pauses()
            yield from self._each(tell)
            yield from self._finish(lambda training: training.stopping)
            if not any(member.training.paused for member in self.members):
                break
            self.members[0].control.wait(PAUSED_LOOK)
        for member in self.members:
            member.reported = member.training.watch.seconds

    def _share_pauses(self) -> None:
        """What takes one step together stands still together."""
        for kind in ("pause", "resume"):
            wanting = [member for member in self.members if member.control.wants(kind)]
            if wanting:
                for member in self.members:
                    if member not in wanting:
                        member.control.send(kind)

    def _finish(self, is_over: Callable[[Training], bool]) -> Story:
        """Let the runs end that are over."""
        over = [member for member in self.members if is_over(member.training)]
        yield from self._each(lambda place, member: member.finish(), over)
        self._go_on_without(over)

    def _each(
        self,
        tell: Callable[[int, Member], Story],
        members: Sequence[Member] | None = None,
    ) -> Story:
        """What `tell` says of the place and the run of each. One that it fails for ends here."""
        failed: list[Member] = []
        for place, member in enumerate(self.members):
            if members is None or member in members:
                self._stack.hand_out(place)
                try:
                    yield from tell(place, member)
                except NNLabError as error:
                    yield from member.fail(error, self._device)
                    failed.append(member)
        self._go_on_without(failed)

    def _go_on_without(self, gone: Sequence[Member]) -> None:
        left = [member for member in self.members if member not in gone]
        if len(left) == len(self.members):
            return
        for place in range(len(self.members)):
            self._stack.hand_out(place)
        self.members = left
        if left:
            self._stack = self._stacked()

    def _stacked(self) -> Stack:
        trainings = [member.training for member in self.members]
        return Stack(trainings, self._config.optimizer, self._config.momentum)


class _Sums:
    """Losses and scores of all since the last report, summed on the device."""

    def __init__(self, device: torch.device, members: int) -> None:
        self._losses = zeros(device, members)
        self._scores = zeros(device, members)
        self.seen = 0  # images, by each
        self.waited = 0.0  # seconds

    def add(self, count: int, mean_losses: torch.Tensor, scores: torch.Tensor) -> None:
        self._losses.add_(mean_losses, alpha=count)
        self._scores.add_(scores)
        self.seen += count

    def take(self) -> list[Taken]:
        """What came together for each. Waits for the device."""
        both = zip(self._losses.tolist(), self._scores.tolist(), strict=True)
        return [(loss, score, self.seen, self.waited) for loss, score in both]


def _is_done(training: Training) -> bool:
    at = training.position
    return at.epoch > at.epochs or training.stopping or training.last_epoch_wanted
