import copy
import math
import random
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from core import sums
from core.batches import Batches, normalisation
from core.clock import Stopwatch
from core.control import Control
from core.errors import TrainingDiverged
from core.events import (
    CheckpointSaved,
    ControlApplied,
    EpochEnd,
    LayerFigures,
    Notice,
    StepReport,
)
from core.losses import LOSSES
from core.schedules import SCHEDULES
from core.task import CLASSIFICATION, REGRESSION
from core.train import evaluate, train
from core.training import Position, Training
from core.view import RunView

BATCH = 10  # of 48 images: five steps an epoch, the last with 8 images


def make_training(dataset, model, *, epochs=2, lr=0.1, schedule="constant", **others):
    scale = normalisation("unit", dataset.train)
    common = {"device": "cpu", "input_size": 8, "scale": scale}
    return Training(
        model,
        torch.optim.SGD(model.parameters(), lr, momentum=0.9),
        Batches(dataset.train, batch_size=BATCH, seed=1, shuffle=True, **common),
        Batches(dataset.test, batch_size=BATCH, **common),
        schedule=SCHEDULES[schedule],
        position=Position(epochs=epochs, lr=lr),
        **{"report_interval": 0.0} | others,
    )


def but_figures(events):
    """How the layers are is told now and then, by the clock: see test_layer_watch.py."""
    return [event for event in events if not isinstance(event, LayerFigures)]


def test_reports_come_after_every_step_if_asked_and_epochs_close_with_an_evaluation(
    tiny_dataset, tiny_model
):
    events = but_figures(train(make_training(tiny_dataset, tiny_model)))
    assert [type(e) for e in events] == ([StepReport] * 5 + [EpochEnd]) * 2
    assert [e.step for e in events] == [1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10, 10]


@pytest.mark.parametrize("report_interval", [0.0, 3600.0])
def test_the_change_of_the_layers_is_that_of_one_step(
    tiny_dataset, tiny_model, monkeypatch, report_interval
):
    training = make_training(tiny_dataset, tiny_model, report_interval=report_interval)
    monkeypatch.setattr(training.layers, "due", lambda **_: True)
    weights, step = [], training.step

    def noted_step(*batch):
        weights.append(tiny_model[4].weight.detach().clone())
        return step(*batch)

    training.step = noted_step
    told = []
    for event in train(training):
        if isinstance(event, LayerFigures):
            told.append(event.step)
            after, before = tiny_model[4].weight.detach(), weights[event.step - 1]
            expected = ((after - before).norm() / after.norm()).item()
            assert event.updates[1] == pytest.approx(expected, rel=1e-3)
    assert told == ([5, 10] if report_interval else [2, 3, 4, 5, 7, 8, 9, 10])


def test_a_long_report_interval_still_reports_the_end_of_each_epoch(tiny_dataset, tiny_model):
    events = but_figures(train(make_training(tiny_dataset, tiny_model, report_interval=3600)))
    assert [type(e) for e in events] == [StepReport, EpochEnd] * 2


def test_the_network_learns_the_tiny_images(tiny_dataset, tiny_model):
    ends = [
        e
        for e in train(make_training(tiny_dataset, tiny_model, epochs=30))
        if isinstance(e, EpochEnd)
    ]
    assert ends[-1].test_score == 1.0
    assert ends[-1].train_loss < ends[0].train_loss / 2


def test_the_figures_of_an_epoch_are_means_over_images_not_over_batches(tiny_dataset, tiny_model):
    # lr tiny enough that the weights stay: then the running means are those of one evaluation.
    tiny_model[3].p = 0.0
    *_, end = train(make_training(tiny_dataset, tiny_model, epochs=1, lr=1e-12))
    with torch.no_grad():
        logits = tiny_model(tiny_dataset.train.pixels.float() / 255)
        test_logits = tiny_model.eval()(tiny_dataset.test.pixels.float() / 255)
    labels, test_labels = tiny_dataset.train.labels, tiny_dataset.test.labels
    assert end.train_loss == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-5)
    assert end.train_score == (logits.argmax(1) == labels).double().mean().item()
    assert end.test_loss == pytest.approx(
        F.cross_entropy(test_logits, test_labels).item(), rel=1e-5
    )
    assert end.test_score == pytest.approx((test_logits.argmax(1) == test_labels).float().mean())


@pytest.mark.parametrize("task", [CLASSIFICATION, REGRESSION])
def test_figures_do_not_depend_on_how_many_batches_are_scored_at_once(
    tiny_dataset, tiny_model, monkeypatch, task
):
    score = task.score(tiny_dataset.train.labels)

    def figures(held: int, report_interval: float) -> list[tuple[float, ...]]:
        monkeypatch.setattr(sums, "HELD", held)
        torch.manual_seed(0)  # it has dropout
        options = {"score": score, "test_score": score, "report_interval": report_interval}
        training = make_training(tiny_dataset, copy.deepcopy(tiny_model), **options)
        ends = [event for event in train(training) if isinstance(event, EpochEnd)]
        return [(e.train_loss, e.train_score, e.test_loss, e.test_score) for e in ends]

    one_by_one = figures(held=1, report_interval=3600)
    for held, report_interval in ((16, 0.0), (2, 3600), (16, 3600)):
        assert figures(held, report_interval) == one_by_one


def test_training_images_can_be_evaluated_with_the_weights_at_the_end(tiny_dataset, tiny_model):
    whole = Batches(
        tiny_dataset.train,
        batch_size=20,
        device="cpu",
        input_size=8,
        scale=normalisation("unit", tiny_dataset.train),
    )
    training = make_training(tiny_dataset, tiny_model, label_smoothing=0.1, evaluated_train=whole)
    *_, end = train(training)
    with torch.no_grad():  # without dropout, and without label smoothing
        logits = tiny_model.eval()(tiny_dataset.train.pixels.float() / 255)
    labels = tiny_dataset.train.labels
    assert end.train_loss == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-5)
    assert end.train_score == (logits.argmax(1) == labels).double().mean().item()


def test_it_equals_a_plain_loop(tiny_dataset, tiny_model):
    """The same batches through the textbook's five lines give the same weights, bit for bit."""
    training = make_training(tiny_dataset, tiny_model)
    start = {k: v.clone() for k, v in tiny_model.state_dict().items()}
    torch.manual_seed(5)
    list(train(training))
    ours = {k: v.clone() for k, v in tiny_model.state_dict().items()}

    tiny_model.load_state_dict(start)
    optimizer = torch.optim.SGD(tiny_model.parameters(), 0.1, momentum=0.9)
    torch.manual_seed(5)
    tiny_model.train()
    for epoch in (1, 2):
        for index in range(5):
            images, labels = training.train_batches.batch(epoch, index)
            optimizer.zero_grad()
            F.cross_entropy(tiny_model(images), labels).backward()
            optimizer.step()
    assert all(torch.equal(ours[k], v) for k, v in tiny_model.state_dict().items())


def test_the_learning_rate_follows_the_schedule(tiny_dataset, tiny_model):
    events = train(make_training(tiny_dataset, tiny_model, schedule="cosine", lr=0.2))
    rates = [e.lr for e in events if isinstance(e, StepReport)]
    assert rates == pytest.approx([0.1 * (1 + math.cos(math.pi * i / 10)) for i in range(10)])


@pytest.mark.parametrize("warmup", [0.5, 1.2])
def test_a_warm_up_begins_above_zero_and_leaves_the_schedule_where_it_is(
    tiny_dataset, tiny_model, warmup
):
    def rates(**others):
        events = train(make_training(tiny_dataset, tiny_model, schedule="step", lr=0.2, **others))
        return [e.lr for e in events if isinstance(e, StepReport)]

    steps = 5 * warmup
    ramp = [min((i + 1) / steps, 1.0) for i in range(10)]
    assert ramp[0] > 0
    assert rates(warmup=warmup) == pytest.approx(
        [rate * factor for rate, factor in zip(rates(), ramp, strict=True)]
    )


def test_a_longer_run_does_not_warm_up_more_slowly(tiny_dataset, tiny_model):
    training = make_training(tiny_dataset, tiny_model, epochs=2, warmup=1.0)
    before = [training.lr_at(step) for step in range(10)]
    training.move(epochs=20)
    assert [training.lr_at(step) for step in range(10)] == before


def test_smoothing_is_for_training_and_not_for_the_test(tiny_dataset, tiny_model):
    tiny_model[3].p = 0.0
    loss, smoothing = LOSSES["squared"], 0.2
    training = make_training(
        tiny_dataset, tiny_model, epochs=1, lr=1e-12, loss=loss, label_smoothing=smoothing
    )
    *_, end = train(training)
    with torch.no_grad():
        logits, test_logits = (
            tiny_model(part.pixels.float() / 255)
            for part in (tiny_dataset.train, tiny_dataset.test)
        )
    smoothed = loss(logits, tiny_dataset.train.labels, smoothing)
    assert end.train_loss == pytest.approx(smoothed.item(), rel=1e-5)
    plain = loss(test_logits, tiny_dataset.test.labels)
    assert end.test_loss == pytest.approx(plain.item(), rel=1e-5)


@pytest.mark.parametrize("name", list(LOSSES))
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_the_network_learns_with_every_loss(tiny_dataset, tiny_model, name, label_smoothing):
    training = make_training(
        *(tiny_dataset, tiny_model),
        epochs=40,
        lr=0.05,
        loss=LOSSES[name],
        label_smoothing=label_smoothing,
    )
    *_, end = train(training)
    assert end.test_score == 1.0


def test_a_loss_that_is_no_number_stops_with_advice(tiny_dataset, tiny_model):
    with torch.no_grad():
        tiny_model[1].weight.fill_(math.nan)
    events = []
    with pytest.raises(TrainingDiverged, match="nan at step 1, epoch 1") as caught:
        events.extend(train(make_training(tiny_dataset, tiny_model)))
    assert "--lr 0.01" in caught.value.fix
    assert [e.step for e in events] == [1]  # the report that shows it is the last one


def test_stop_leaves_between_two_steps_and_says_so(tiny_dataset, tiny_model):
    training = make_training(tiny_dataset, tiny_model)
    events = []
    for event in train(training):
        events.append(event)
        if event.step == 3:
            training.control.send("stop")
    assert events[-1] == ControlApplied(1, 3, "stop")
    assert training.stopping
    assert (training.position.step, training.position.batch) == (3, 3)


def test_a_request_between_two_reports_first_brings_the_sums_up_to_date(tiny_dataset, tiny_model):
    training = make_training(tiny_dataset, tiny_model, report_interval=3600)
    batch = training.train_batches.batch
    asked = []

    def batch_and_stop(epoch, index):
        asked.append(index)
        if index == 2:
            training.control.send("stop")
        return batch(epoch, index)

    training.train_batches.batch = batch_and_stop
    events = list(train(training))
    assert [type(e) for e in events] == [StepReport, ControlApplied]
    assert training.position.step == 3
    assert training.position.seen == 30


@pytest.mark.parametrize("stop_at", [1, 3, 5, 7])
def test_going_on_from_any_step_equals_never_having_stopped(tiny_dataset, tiny_model, stop_at):
    start = {k: v.clone() for k, v in tiny_model.state_dict().items()}
    torch.manual_seed(7)
    whole = make_training(tiny_dataset, tiny_model)
    ends = [e for e in train(whole) if isinstance(e, EpochEnd)]
    expected = {k: v.clone() for k, v in tiny_model.state_dict().items()}

    tiny_model.load_state_dict(start)
    torch.manual_seed(7)
    first = make_training(tiny_dataset, tiny_model)
    events = []
    for event in train(first):
        events.append(event)
        if event.step == stop_at and not first.stopping:
            first.control.send("stop")
    second = make_training(tiny_dataset, tiny_model)
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    second.position = first.position
    events += train(second)

    assert all(torch.equal(expected[k], v) for k, v in tiny_model.state_dict().items())
    again = [e for e in events if isinstance(e, EpochEnd)]
    timeless = [replace(e, seconds=0.0, samples_per_second=0.0) for e in again]
    assert timeless == [replace(e, seconds=0.0, samples_per_second=0.0) for e in ends]


def test_stopping_during_the_evaluation_repeats_it_later(tiny_dataset, tiny_model):
    training = make_training(tiny_dataset, tiny_model, epochs=1)
    reports = []
    for event in train(training):
        reports.append(event)
        if isinstance(event, StepReport) and event.step == 5:
            training.control.send("stop")
    assert not any(isinstance(e, EpochEnd) for e in reports)
    again = make_training(tiny_dataset, tiny_model, epochs=1)
    again.position = training.position
    events = but_figures(train(again))
    assert [type(e) for e in events] == [EpochEnd]
    assert events[0].train_loss > 0


def test_a_pause_waits_for_resume_and_does_not_count_as_training_time(tiny_dataset, tiny_model):
    class PausingControl(Control):
        waited = 0

        def wait(self, seconds):
            self.waited += 1
            if self.waited == 3:
                self.send("resume")

    control = PausingControl()
    control.send("pause")
    training = make_training(tiny_dataset, tiny_model, epochs=1, control=control)
    requests = [e.request for e in train(training) if isinstance(e, ControlApplied)]
    assert requests == ["pause", "resume"]
    assert control.waited == 3


def test_a_held_stopwatch_stands_still(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("core.clock.perf_counter", lambda: now[0])
    watch = Stopwatch(5.0)
    now[0] += 1
    watch.hold()
    now[0] += 50
    assert watch.seconds == 6
    watch.go()
    now[0] += 2
    assert watch.seconds == 8


def test_learning_rate_and_epochs_change_while_it_runs(tiny_dataset, tiny_model):
    training = make_training(tiny_dataset, tiny_model, epochs=1)
    training.control.send("lr", 0.03)
    training.control.send("epochs", 3)
    events = list(train(training))
    assert [e.lr for e in events if isinstance(e, StepReport)] == [0.03] * 15
    assert sum(isinstance(e, EpochEnd) for e in events) == 3


def test_epochs_cannot_be_fewer_than_have_begun(tiny_dataset, tiny_model):
    training = make_training(tiny_dataset, tiny_model, epochs=3)
    events = []
    for event in train(training):
        events.append(event)
        if event.step == 7 and isinstance(event, StepReport):
            training.control.send("epochs", 1)
    assert ControlApplied(2, 7, "epochs", 2) in events
    assert sum(isinstance(e, EpochEnd) for e in events) == 2


def test_stop_after_epoch_finishes_the_one_in_progress(tiny_dataset, tiny_model):
    training = make_training(tiny_dataset, tiny_model, epochs=5)
    training.control.send("stop_after_epoch")
    assert sum(isinstance(e, EpochEnd) for e in train(training)) == 1


def test_the_learning_rate_is_scaled_and_epochs_are_added_to_what_is_planned_by_then(
    tiny_dataset, tiny_model
):
    training = make_training(tiny_dataset, tiny_model, epochs=1, lr=0.5)
    for kind, value in (("scale_lr", 0.1), ("scale_lr", 0.5), ("extend", 3), ("extend", -1)):
        training.control.send(kind, value, f"id of {kind} {value}")
    events = list(train(training))
    told = [(e.request, e.value, e.id) for e in events if isinstance(e, ControlApplied)]
    assert told == [
        ("lr", 0.05, "id of scale_lr 0.1"),
        ("lr", 0.025, "id of scale_lr 0.5"),
        ("epochs", 4, "id of extend 3"),
        ("epochs", 3, "id of extend -1"),
    ]
    assert [e.lr for e in events if isinstance(e, StepReport)] == [0.025] * 15


def test_a_learning_rate_scaled_again_and_again_stays_one(tiny_dataset, tiny_model):
    training = make_training(tiny_dataset, tiny_model, epochs=1)
    for _ in range(400):
        training.control.send("scale_lr", 1e-6)
    list(train(training))
    assert training.position.lr == 1e-12


def test_a_run_cannot_be_left_without_an_epoch(tiny_dataset, tiny_model):
    training = make_training(tiny_dataset, tiny_model, epochs=3)
    training.control.send("extend", -5)
    assert sum(isinstance(e, EpochEnd) for e in train(training)) == 1


def test_a_line_for_the_log_is_passed_on_in_turn(tiny_dataset, tiny_model):
    training = make_training(tiny_dataset, tiny_model, epochs=1)
    training.control.note("a request of a stranger was refused")
    assert next(train(training)) == Notice("a request of a stranger was refused")


class Saved:
    """Stands for core.saving.Checkpoints, and is due after every other step."""

    def __init__(self):
        self.reasons = []
        self.training = None

    def due(self):
        return self.training.position.step % 2 == 0

    def save(self, reason):
        self.reasons.append((reason, self.training.position.step))
        yield CheckpointSaved(1, self.training.position.step, "", reason, 0.0, 0)

    def end_epoch(self):
        yield from self.save("epoch")


@pytest.fixture
def saved():
    return Saved()


def test_a_checkpoint_is_saved_after_each_epoch_when_due_and_when_asked(
    tiny_dataset, tiny_model, saved
):
    saved.training = make_training(tiny_dataset, tiny_model, epochs=1, saving=saved)
    saved.training.control.send("checkpoint")
    list(train(saved.training))
    assert saved.reasons == [("asked", 0), ("time", 1), ("time", 3), ("epoch", 5)]


def test_what_was_changed_on_request_is_saved_at_once(tiny_dataset, tiny_model, saved):
    saved.due = lambda: False
    saved.training = make_training(tiny_dataset, tiny_model, epochs=1, saving=saved)
    for event in train(saved.training):
        if isinstance(event, StepReport) and event.step == 2:
            saved.training.control.send("lr", 0.05)
            saved.training.control.send("lr", 0.01)
    assert saved.reasons == [("change", 2), ("epoch", 5)]


def test_a_request_is_carried_out_between_two_batches_of_an_evaluation(
    tiny_dataset, tiny_model, saved
):
    class AskedInEvaluation(Control):
        """Gets its requests while the second of three test batches is due."""

        asked = 0

        @property
        def pending(self):
            self.asked += not tiny_model.training
            if self.asked == 2:
                self.asked += 1
                self.send("checkpoint")
                self.send("epochs", 4)
            return super().pending

    saved.due = lambda: False
    control = AskedInEvaluation()
    training = make_training(tiny_dataset, tiny_model, epochs=1, control=control, saving=saved)
    saved.training = training
    training.test_batches.batch_size = 8
    kinds = []
    for event in train(training):
        if isinstance(event, EpochEnd):
            break
        kinds.append(type(event))
    asked = [CheckpointSaved, ControlApplied, ControlApplied, CheckpointSaved]
    assert kinds == [StepReport] * 5 + asked + [LayerFigures]
    assert saved.reasons == [("asked", 5), ("change", 5)]
    assert training.position.epochs == 4


def test_a_checkpoint_within_an_evaluation_knows_the_generators_before_it(
    tiny_dataset, tiny_model, saved
):
    """Resumed from it, the evaluation begins anew: also that of a network that draws."""

    class Drawing(nn.Module):
        asked = False

        def __init__(self):
            super().__init__()
            self.net = tiny_model

        def forward(self, x):
            if not self.training:
                torch.rand(1)
                if not self.asked:
                    self.asked = True
                    training.control.send("checkpoint")
            return self.net(x)

    saved.due = lambda: False
    training = make_training(tiny_dataset, Drawing(), epochs=1, saving=saved)
    training.test_batches.batch_size = 8
    saved.training = training
    events = ((type(event), torch.get_rng_state()) for event in train(training))
    *_, (_, before), saving, _, _, (_, at_end), _ = events
    assert saving[0] is CheckpointSaved
    assert torch.equal(saving[1], before)
    torch.set_rng_state(before)
    for _ in range(3):
        torch.rand(1)
    assert torch.equal(torch.get_rng_state(), at_end)


@pytest.mark.parametrize("test_loss", [math.nan, math.inf])
def test_an_epoch_that_has_diverged_is_never_the_best(
    tiny_dataset, tiny_model, monkeypatch, test_loss
):
    def diverged(*_, **__):
        yield from ()
        return test_loss, 0.9

    training = make_training(tiny_dataset, tiny_model)
    monkeypatch.setattr("core.train.evaluate", diverged)
    ends = [e for e in train(training) if isinstance(e, EpochEnd)]
    assert training.position.best_step is None
    assert RunView(epoch_ends=tuple(ends)).best is None


def test_an_evaluation_that_is_left_draws_no_random_numbers(tiny_dataset, tiny_model):
    """It is done again, whole, when the run goes on: also by a network that draws in evaluation."""

    class Drawing(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = tiny_model

        def forward(self, x):
            if not self.training:
                torch.rand(1)
                training.control.send("stop")
            return self.net(x)

    training = make_training(tiny_dataset, Drawing(), epochs=1)
    events = train(training)
    while (report := next(events)).step < 5:
        pass
    before = torch.get_rng_state()
    assert [type(e) for e in (report, *events)] == [StepReport, ControlApplied]
    assert torch.equal(torch.get_rng_state(), before)


def test_an_evaluation_uses_evaluation_mode_and_gives_training_mode_back(tiny_dataset, tiny_model):
    class Watch(nn.Module):
        modes = ()

        def __init__(self):
            super().__init__()
            self.net = tiny_model

        def forward(self, x):
            self.modes += (self.training,)
            return self.net(x)

    model = Watch()
    training = make_training(tiny_dataset, model, epochs=1)
    list(train(training))
    assert model.modes == (True,) * 5 + (False,) * 3
    assert model.training


def test_an_evaluation_can_be_left(tiny_dataset, tiny_model):
    batches = make_training(tiny_dataset, tiny_model).test_batches
    goes_on = iter([True, False])

    def between():
        yield Notice("between two batches")
        return next(goes_on)

    loop = evaluate(tiny_model, batches, between=between)
    assert [next(loop), next(loop)] == [Notice("between two batches")] * 2
    with pytest.raises(StopIteration) as ended:
        next(loop)
    assert ended.value.value is None


def test_random_requests_never_break_the_count_of_steps(tiny_dataset, tiny_model):
    """Whatever is asked at whatever moment, steps come one by one and epochs are whole."""
    choose = random.Random(3)
    training = make_training(tiny_dataset, tiny_model, epochs=3)
    steps, ends = [], []
    for event in train(training):
        if isinstance(event, StepReport):
            steps.append(event.step)
        if isinstance(event, EpochEnd):
            ends.append(event.step)
        kind = choose.choice(["lr", "checkpoint", "pause", "resume", "epochs"])
        if kind == "pause":
            training.control.send("pause")
            training.control.send("resume")
        elif not isinstance(event, ControlApplied):
            training.control.send(kind, {"lr": 0.01, "epochs": 4}.get(kind))
    assert steps == list(range(1, 21))
    assert ends == [5, 10, 15, 20]


def test_an_epoch_whose_test_gave_no_number_is_never_the_best(tiny_dataset, tiny_model):
    tests = iter([math.nan, 1.0, math.inf])

    def loss(logits, labels, *smoothing):
        if smoothing:
            return F.cross_entropy(logits, labels)
        return torch.tensor(next(tests))  # the test, of one batch

    training = make_training(tiny_dataset, tiny_model, epochs=3, loss=loss)
    training.test_batches = Batches(
        tiny_dataset.test, batch_size=24, device="cpu", input_size=8,
        scale=normalisation("unit", tiny_dataset.train),
    )  # fmt: skip
    list(train(training))
    assert training.position.best_epoch == 2
