from collections.abc import Callable

import pytest

from core.batches import normalisation
from core.control import Control
from core.events import EpochEnd, RunStart, StepReport
from core.reproduction import Experiment, Regression, Shapes, Training
from core.reproduction.experiments import EXPERIMENTS
from core.reproduction.perform import QUICK_STEPS, Place, config_of, perform, run_name
from core.runs import read_info
from core.trained import load_trained


@pytest.fixture
def place(tiny_run: Callable, tmp_path) -> Place:
    """Where runs on the tiny data set, 48 + 24 images, are kept."""
    return Place(tmp_path / "reproduction", device="cpu", threads=1)


def tiny(tmp_path, **values) -> Experiment:
    """Three epochs of five steps."""
    setting = {
        **{"model": f"{tmp_path / 'net.py'}:net", "data": "mnist", "input_size": 8, "epochs": 3},
        **{"batch_size": 10, "optimizer": "sgd", "lr": 0.1, "report_interval": 0, **values},
    }
    measures = ("unnormalised_test_accuracy",)
    return Experiment("tiny", "A tiny one", "nowhere", Training(setting, measures), minutes=0.1)


def carry_out(work):
    """All events and what was measured."""
    events = []
    while True:
        try:
            events.append(next(work))
        except StopIteration as end:
            return events, end.value


def returned(iterator):
    return carry_out(iterator)[1]


def test_a_training_is_measured_by_epoch_and_at_its_end(tmp_path, place):
    events, outcome = carry_out(perform(tiny(tmp_path), 3, place, control=Control()))
    ends = [e for e in events if isinstance(e, EpochEnd)]
    assert [row["test_accuracy"] for row in outcome.epochs] == [e.test_score for e in ends]
    assert outcome.figures["train_loss"] == ends[-1].train_loss
    assert outcome.figures["best_test_accuracy"] == max(e.test_score for e in ends)
    assert (outcome.seed, outcome.device, outcome.threads) == (3, "cpu", 1)
    assert outcome.seconds > 0
    assert {"python", "torch"} <= set(outcome.versions)


def test_measures_are_taken_of_the_trained_network(tmp_path, place, tiny_dataset):
    entry = tiny(tmp_path, normalisation="half", epochs=1, lr=0.02)
    _, outcome = carry_out(perform(entry, 0, place, control=Control()))
    run = place.runs_dir / run_name("tiny", config_of(entry.setting, 0, place))
    trained = load_trained(run, "last", "cpu")
    # By hand, as note 001 does it: pixels from 0 to 1 into a network that knows -1 to 1.
    scale = normalisation("unit", tiny_dataset.train)
    wrong = trained.model(tiny_dataset.test.pixels * scale.factor + scale.offset).argmax(1)
    hits = (wrong == tiny_dataset.test.labels).float().mean().item()
    assert outcome.figures["unnormalised_test_accuracy"] == pytest.approx(hits)
    assert hits != outcome.figures["test_accuracy"]


def test_what_was_interrupted_goes_on_to_the_same_figures(tmp_path, place):
    entry, control = tiny(tmp_path), Control()
    work = perform(entry, 0, place, control=control)
    for event in work:
        if isinstance(event, StepReport) and event.step == 7:
            control.send("stop")
            break
    _, outcome = carry_out(work)
    assert outcome is None
    events, outcome = carry_out(perform(entry, 0, place, control=Control()))
    assert next(e for e in events if isinstance(e, RunStart)).step == 7
    other = Place(tmp_path / "whole", device="cpu", threads=1)
    _, whole = carry_out(perform(entry, 0, other, control=Control()))
    assert outcome.figures == whole.figures
    assert outcome.epochs == whole.epochs


def test_a_run_that_has_finished_is_not_run_again(tmp_path, place):
    entry = tiny(tmp_path)
    _, first = carry_out(perform(entry, 0, place, control=Control()))
    events, second = carry_out(perform(entry, 0, place, control=Control()))
    assert [e for e in events if isinstance(e, RunStart | EpochEnd)] == []
    assert second == first


def test_a_run_that_ended_before_its_first_checkpoint_begins_again(tmp_path, place):
    entry = tiny(tmp_path)
    run = place.runs_dir / run_name("tiny", config_of(entry.setting, 0, place))
    run.mkdir(parents=True)
    (run / "config.json").write_text("{}")
    _, outcome = carry_out(perform(entry, 0, place, control=Control()))
    assert len(outcome.epochs) == 3


def test_another_setting_or_seed_is_another_run_and_another_machine_is_not(tmp_path, place):
    entry = tiny(tmp_path)
    name = run_name("tiny", config_of(entry.setting, 0, place))
    assert name.startswith("tiny-seed0-")
    assert run_name("tiny", config_of(entry.setting, 1, place)) != name
    assert run_name("tiny", config_of(tiny(tmp_path, lr=0.2).setting, 0, place)) != name
    elsewhere = Place(place.runs_dir, device="auto", threads=7)
    assert run_name("tiny", config_of(entry.setting, 0, elsewhere)) == name


def test_the_smaller_check_takes_the_first_steps_and_keeps_nothing(tmp_path, place):
    entry = tiny(tmp_path, epochs=200, batch_size=40, lr=0.3)
    events, outcome = carry_out(perform(entry, 0, place, quick=True, control=Control()))
    reports = [e for e in events if isinstance(e, StepReport)]
    assert reports[-1].step == QUICK_STEPS
    assert next(e for e in events if isinstance(e, RunStart)).batch_size == 16
    first, last = ([r.loss for r in part] for part in (reports[:20], reports[-20:]))
    assert outcome.figures == {
        "first_loss": pytest.approx(sum(first) / 20),
        "last_loss": pytest.approx(sum(last) / 20),
    }
    assert outcome.figures["last_loss"] < outcome.figures["first_loss"]
    assert not place.runs_dir.exists()


def test_class_folders_can_stand_in_for_cifar10(tmp_path, place):
    (tmp_path / "photos" / "cat").mkdir(parents=True)
    (tmp_path / "photos" / "cat" / "1.jpg").write_bytes(b"")
    entry = tiny(tmp_path, data="cifar10")
    stand_in = Place(place.runs_dir, cifar10=tmp_path / "photos", device="cpu", threads=1)
    assert config_of(entry.setting, 0, stand_in).data == str(tmp_path / "photos")
    _, outcome = carry_out(perform(entry, 0, stand_in, control=Control()))
    assert outcome.images == "class folders of .jpg files"
    assert read_info(next(stand_in.runs_dir.iterdir())).state == "finished"


def test_linear_regression_finds_the_line(place):
    entry = Experiment("line", "", "", Regression("linear"))
    _, outcome = carry_out(perform(entry, 1, place, control=Control()))
    losses = [row["train_loss"] for row in outcome.epochs]
    assert len(losses) == 3
    assert losses == sorted(losses, reverse=True)
    assert outcome.figures["train_loss"] == losses[-1] < 0.001
    assert outcome.figures["parameter_error"] < 0.05


@pytest.mark.parametrize(
    "entry",
    [e for e in EXPERIMENTS if isinstance(e.setting, Shapes)],
    ids=lambda e: e.name,
)
def test_every_table_of_shapes_is_ours(entry, place):
    _, outcome = carry_out(perform(entry, 0, place, control=Control()))
    assert outcome.figures == {"shapes": len(entry.setting.table), "wrong_shapes": 0}


def test_a_wrong_shape_is_counted_and_told(place):
    table = (("conv1", (6, 28, 28)), ("pool1", (6, 13, 13)), ("no_such_layer", (1,)))
    entry = Experiment("shapes", "", "", Shapes("lenet", 28, table))
    events, outcome = carry_out(perform(entry, 0, place, control=Control()))
    assert outcome.figures["wrong_shapes"] == 2
    assert events[0].text == "pool1 gives (6, 14, 14), not (6, 13, 13)"
