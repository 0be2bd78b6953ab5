import json
import math
import os
import re
from dataclasses import replace

import pytest
import torch
from tiny_runs import config, load_only

from core.checkpoint import checkpoints, load_newest
from core.config import make_config
from core.control import Control
from core.datasets import Dataset, Images, Where, load
from core.durable import write_file
from core.errors import DeviceError, NNLabError, RunError, TrainingDiverged
from core.events import CheckpointSaved, EpochEnd, Notice, RunEnd, RunStart, StepReport, Waiting
from core.experiment import resume_experiment, run_experiment
from core.initializers import INITIALIZERS
from core.losses import LOSSES
from core.record import read_events
from core.runs import list_runs, read_facts, read_info, write_facts


@pytest.fixture
def runs_dir(tmp_path, monkeypatch, tiny_dataset):
    """Runs on the tiny data set, whatever data they name."""
    load_only(tiny_dataset, monkeypatch)
    return tmp_path / "runs"


def only(kind, events):
    return [e for e in events if isinstance(e, kind)]


def test_a_run_tells_its_story_and_leaves_a_folder(runs_dir):
    events = list(run_experiment(config(), runs_dir=runs_dir, name="first"))
    kinds = [type(e).__name__ for e in events]
    assert kinds.index("RunStart") < kinds.index("StepReport")
    assert kinds[-1] == "RunEnd"
    assert events[-1].state == "finished"
    assert (events[-1].epoch, events[-1].step) == (2, 10)
    assert only(RunStart, events)[0].steps_per_epoch == 5
    assert len(only(EpochEnd, events)) == 2

    info = read_info(runs_dir / "first")
    assert (info.state, info.epoch, info.step) == ("finished", 2, 10)
    assert len(checkpoints(runs_dir / "first" / "checkpoints")) == 2
    assert [e for e in events if e in only(EpochEnd, read_events(info.path))]


def test_the_same_seed_gives_the_same_figures_and_another_seed_others(runs_dir):
    def figures(**values):
        events = run_experiment(config(**values), runs_dir=runs_dir)
        return [(e.train_loss, e.test_loss) for e in only(EpochEnd, events)]

    assert figures(seed=1) == figures(seed=1)
    assert figures(seed=1) != figures(seed=2)


def in_colour(images: Images) -> Images:
    """Each image in three colours that are not grey."""
    grey = images.pixels
    return Images(torch.cat([grey, 255 - grey, grey.flip(-1)], 1), images.labels)


@pytest.mark.parametrize(
    "choices",
    [
        {"augmentation": "flip,crop", "optimizer": "adam", "lr": 0.01, "schedule": "cosine"},
        # Everything that has a state, draws at random or looks at the step.
        {
            "model": "mlp_dropout", "model_options": {"hidden1": 16, "hidden2": 8},
            "momentum": 0.9, "warmup": 1.3, "augmentation": "cutout,grayscale", "l1": 0.001,
            "weight_decay": 0.01, "decay": "weights", "label_smoothing": 0.1,
            "initializer": "normal", "init_options": {"std": 0.3},
        },
        {
            "model": "mlp_dropout", "model_options": {"hidden1": 16, "hidden2": 8},
            "optimizer": "rmsprop", "lr": 0.001, "momentum": 0.5, "warmup": 2, "loss": "squared",
            "augmentation": "grayscale", "schedule": "one_cycle",
        },
    ],
)  # fmt: skip
@pytest.mark.parametrize("stop_at", [1, 4, 5, 8])
def test_a_resumed_run_ends_with_the_same_weights_as_one_never_stopped(
    runs_dir, monkeypatch, tiny_dataset, stop_at, choices
):
    def colourful(name, where):
        yield Notice("tiny images in colour")
        train, test = in_colour(tiny_dataset.train), in_colour(tiny_dataset.test)
        return Dataset("tiny", tiny_dataset.classes, train, test, "0" * 64)

    monkeypatch.setattr("core.prepare.load", colourful)
    settings = config(**choices)
    list(run_experiment(settings, runs_dir=runs_dir, name="whole"))

    control = Control()
    events = []
    for event in run_experiment(settings, runs_dir=runs_dir, name="parts", control=control):
        events.append(event)
        if isinstance(event, StepReport) and event.step == stop_at:
            control.send("stop")
    assert isinstance(events[-2], CheckpointSaved)
    assert events[-1].state == "stopped"
    assert read_info(runs_dir / "parts").state == "stopped"
    events = list(resume_experiment(runs_dir / "parts"))
    assert events[-1].state == "finished"

    whole, parts = (load_newest(runs_dir / n / "checkpoints")[0] for n in ("whole", "parts"))
    assert all(torch.equal(parts.model[k], v) for k, v in whole.model.items())
    steps = [e.step for e in only(StepReport, read_events(runs_dir / "parts"))]
    assert steps == list(range(1, 11))
    ends = [
        [e.test_loss for e in only(EpochEnd, read_events(runs_dir / n))] for n in ("whole", "parts")
    ]
    assert ends[0] == ends[1]


def weights_after(runs_dir, **values):
    events = run_experiment(config(epochs=1, **values), runs_dir=runs_dir)
    (start,) = only(RunStart, events)
    return load_newest(runs_dir / start.run / "checkpoints")[0].model


def differ(one, other):
    return {name for name in one if not torch.equal(one[name], other[name])}


@pytest.mark.parametrize(
    "choice",
    [
        *({"loss": name} for name in LOSSES if name != "cross_entropy"),
        *({"initializer": name} for name in INITIALIZERS if name != "default"),
        {"label_smoothing": 0.1}, {"warmup": 1}, {"weight_decay": 0.1}, {"l1": 0.01},
        {"weight_decay": 0.1, "decay": "weights"}, {"augmentation": "cutout"},
        {"initializer": "normal", "init_options": {"std": 0.5}},
        {"model_options": {"hidden": 16, "activation": "tanh"}}, {"optimizer": "nesterov"},
    ],
    ids=str,
)  # fmt: skip
def test_every_choice_reaches_the_training(runs_dir, choice):
    plain = {"optimizer": "sgd", "initializer": "default"}
    assert differ(weights_after(runs_dir, **plain), weights_after(runs_dir, **plain | choice))


def test_convolutions_begin_as_they_are_told(runs_dir):
    """With constant weights in the convolutions alone, all their units stay the same."""
    net = {"model": "lenet", "input_size": 28, "model_options": {}}
    start = {"initializer": "constant", "init_options": {"value": 0.5}, "lr": 1e-12}
    model = weights_after(runs_dir, **net, **start, conv_init="zeros")
    assert model["conv1.weight"].abs().max() < 1e-6
    assert model["fc1.weight"].sub(0.5).abs().max() < 1e-6


def test_decay_of_weights_alone_leaves_biases_where_the_loss_leaves_them(runs_dir):
    start = {"initializer": "zeros", "lr": 0.5, "weight_decay": 0.5}
    all_of_them = weights_after(runs_dir, **start)
    weights = weights_after(runs_dir, **start, decay="weights")
    assert weights["output.bias"].abs().sum() > all_of_them["output.bias"].abs().sum()


def test_l1_makes_weights_smaller_that_the_loss_does_not_need(runs_dir):
    plain, penalised = (weights_after(runs_dir, l1=l1) for l1 in (0.0, 0.1))
    assert penalised["hidden.weight"].abs().sum() < 0.7 * plain["hidden.weight"].abs().sum()


LENET_BN = {"model": "lenet_bn", "model_options": {}, "input_size": 16}


@pytest.mark.parametrize(
    ("choice", "problem"),
    [
        ({"batch_size": 1, **LENET_BN}, "Choose a batch size of 2 or more"),
        ({"initializer": "normal", "init_options": {"std": -1}}, "cannot begin with std=-1"),
        ({"model_options": {"activation": "tahn"}}, "Did you mean 'tanh'"),
    ],
)
def test_choices_that_do_not_go_together_are_one_clear_error_and_leave_no_folder(
    runs_dir, choice, problem
):
    with pytest.raises(NNLabError, match=problem):
        list(run_experiment(config(**choice), runs_dir=runs_dir))
    assert list_runs(runs_dir) == []


def test_resume_uses_the_checkpoint_before_a_damaged_one_and_says_so(runs_dir):
    control = Control()
    for event in run_experiment(config(), runs_dir=runs_dir, name="r", control=control):
        if isinstance(event, StepReport) and event.step == 7:
            control.send("stop")
    (checkpoints(runs_dir / "r" / "checkpoints")[-1] / "state.json").write_text("{}")
    events = list(resume_experiment(runs_dir / "r"))
    assert any("damaged" in e.text for e in only(Notice, events))
    assert only(RunStart, events)[0].step == 5
    assert events[-1].state == "finished"
    assert [e.step for e in only(StepReport, read_events(runs_dir / "r"))] == list(range(1, 11))


def test_a_run_is_not_resumed_on_other_images(runs_dir, monkeypatch, tiny_dataset):
    control = Control()
    for event in run_experiment(config(), runs_dir=runs_dir, name="r", control=control):
        if isinstance(event, StepReport) and event.step == 3:
            control.send("stop")

    def others(name, where):
        yield Notice("other images")
        return replace(tiny_dataset, digest="f" * 64)

    monkeypatch.setattr("core.prepare.load", others)
    with pytest.raises(RunError, match="not those that r was trained on"):
        list(resume_experiment(runs_dir / "r"))


def test_a_finished_run_cannot_be_resumed(runs_dir):
    list(run_experiment(config(epochs=1), runs_dir=runs_dir, name="r"))
    write_facts(runs_dir / "r", read_facts(runs_dir / "r") | {"pid": 1})  # by another process
    with pytest.raises(RunError, match="finished all its 1 epochs"):
        list(resume_experiment(runs_dir / "r"))


def test_a_run_that_was_killed_after_its_last_checkpoint_is_resumed_to_its_end(runs_dir):
    events = run_experiment(config(), runs_dir=runs_dir, name="r")
    while not (isinstance(event := next(events), CheckpointSaved) and event.epoch == 2):
        pass
    events.close()
    assert read_info(runs_dir / "r").state == "crashed"
    *_, end = resume_experiment(runs_dir / "r")
    assert (end.state, end.epoch, end.step) == ("finished", 2, 10)
    assert read_info(runs_dir / "r").state == "finished"


def test_a_run_in_progress_cannot_be_resumed(runs_dir):
    events = run_experiment(config(), runs_dir=runs_dir, name="r")
    while not isinstance(next(events), StepReport):
        pass
    with pytest.raises(RunError, match=f"in use by process {os.getpid()} of"):
        list(resume_experiment(runs_dir / "r"))


def test_a_run_that_is_left_by_its_reader_keeps_its_rows(runs_dir):
    events = run_experiment(config(), runs_dir=runs_dir, name="r")
    while not isinstance(next(events), EpochEnd):
        pass
    events.close()
    assert len(only(EpochEnd, read_events(runs_dir / "r"))) == 1


def test_a_taken_name_is_refused_before_anything_is_loaded(runs_dir):
    list(run_experiment(config(epochs=1), runs_dir=runs_dir, name="r"))
    with pytest.raises(RunError, match="'r'"):
        next(run_experiment(config(), runs_dir=runs_dir, name="r"))


def test_a_network_that_does_not_fit_leaves_no_folder_behind(runs_dir):
    with pytest.raises(NNLabError):
        list(
            run_experiment(config(model="lenet", input_size=3, model_options={}), runs_dir=runs_dir)
        )
    assert list_runs(runs_dir) == []


def test_a_diverging_run_fails_with_advice_and_keeps_its_good_checkpoint(runs_dir):
    control = Control()
    events = []
    with pytest.raises(TrainingDiverged):
        for event in run_experiment(config(), runs_dir=runs_dir, name="r", control=control):
            events.append(event)
            if isinstance(event, EpochEnd):
                control.send("lr", 1e38)
    assert events[-1].state == "failed"
    assert "--lr" in events[-1].fix
    info = read_info(runs_dir / "r")
    assert info.state == "failed"
    assert "loss is" in info.problem
    read, damaged = load_newest(runs_dir / "r" / "checkpoints")
    assert damaged == []
    assert all(torch.isfinite(v).all() for v in read.model.values())


def test_weights_that_are_lost_in_an_epochs_last_step_are_never_saved_nor_the_best(runs_dir):
    """The loss of that step was finite still: only the next one would tell."""
    control = Control()
    events = []
    with pytest.raises(TrainingDiverged, match=r"weight is no longer finite at step 10"):
        for event in run_experiment(config(), runs_dir=runs_dir, name="r", control=control):
            events.append(event)
            if isinstance(event, StepReport) and event.step == 9:
                control.send("lr", 1e39)
    first, second = only(EpochEnd, events)
    assert not math.isfinite(second.test_loss)
    assert (events[-1].state, events[-1].best_epoch) == ("failed", 1)
    read, damaged = load_newest(runs_dir / "r" / "checkpoints")
    assert (read.position.step, damaged) == (9, [])  # saved when the learning rate was changed
    info = read_info(runs_dir / "r")
    assert (info.state, info.best_epoch, info.best_test_score) == ("failed", 1, first.test_score)


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("CUDA error: unspecified launch failure\nCUDA kernel errors"),
        RuntimeError("CUDA error: device-side assert triggered\nCUDA kernel errors might be"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm`"),
    ],
    ids=lambda error: str(error)[:40],
)
def test_nothing_is_saved_after_a_device_failed_and_a_new_process_is_advised(
    runs_dir, monkeypatch, error
):
    control = Control()
    events = []
    steps = torch.optim.SGD.step

    def fail_in_the_second_epoch(self, *rest):
        if any(isinstance(event, EpochEnd) for event in events):
            control.send("checkpoint")  # somebody asks, and later the scheduler says stop
            control.send("stop")
            raise error
        return steps(self, *rest)

    monkeypatch.setattr(torch.optim.SGD, "step", fail_in_the_second_epoch)
    with pytest.raises(DeviceError, match="failed: "):
        for event in run_experiment(config(), runs_dir=runs_dir, name="r", control=control):
            events.append(event)
    end = events[-1]
    assert end.state == "failed"
    assert "\n" not in end.problem
    assert "in a new process, from step 5: nnlab resume r" in end.fix
    assert [p.name for p in checkpoints(runs_dir / "r" / "checkpoints")] == ["step-00000005"]


def test_out_of_memory_is_one_line_with_the_batch_size(runs_dir, monkeypatch):
    def explode(training):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        yield

    monkeypatch.setattr("core.recorded.train", explode)
    events = []
    with pytest.raises(NNLabError, match="batch"):
        for event in run_experiment(config(), runs_dir=runs_dir, name="r"):
            events.append(event)
    assert isinstance(events[-1], RunEnd)
    assert "10" in events[-1].problem


def full(*arguments):
    raise OSError(28, "No space left on device")


def test_a_run_waits_while_a_checkpoint_cannot_be_written_and_ends_as_if_nothing_was(
    runs_dir, monkeypatch
):
    monkeypatch.setattr("core.patience.RETRY_SECONDS", 0.0)
    list(run_experiment(config(), runs_dir=runs_dir, name="whole"))
    events = []
    for event in run_experiment(config(), runs_dir=runs_dir, name="r"):
        events.append(event)
        if isinstance(event, EpochEnd):
            monkeypatch.setattr("core.checkpoint.write_file", full)
        if isinstance(event, Waiting):
            assert read_info(runs_dir / "r").state == ("waiting" if event.problem else "training")
            monkeypatch.setattr("core.checkpoint.write_file", write_file)
    told = [e.problem for e in only(Waiting, events)]
    assert [bool(text) for text in told] == [True, False] * 2
    assert "The checkpoint of step 5 cannot be written" in told[0]
    assert re.search(r"No space left on device \([\d.]+ KiB needed, .* free\)", told[0])
    assert events[-1].state == "finished"
    weights = [load_newest(runs_dir / n / "checkpoints")[0].model for n in ("whole", "r")]
    assert not differ(*weights)
    assert [e.test_loss for e in only(EpochEnd, read_events(runs_dir / "r"))] == [
        e.test_loss for e in only(EpochEnd, read_events(runs_dir / "whole"))
    ]


def test_a_stop_ends_the_wait_for_a_full_disk_and_keeps_the_checkpoints_before(
    runs_dir, monkeypatch
):
    control = Control()
    events = []
    with pytest.raises(RunError, match="No space left"):
        for event in run_experiment(config(), runs_dir=runs_dir, name="r", control=control):
            events.append(event)
            if isinstance(event, CheckpointSaved):
                monkeypatch.setattr("core.checkpoint.write_file", full)
            if isinstance(event, Waiting):
                control.send("stop")
    assert events[-1].state == "failed"
    assert "nnlab resume" in events[-1].fix
    assert load_newest(runs_dir / "r" / "checkpoints")[0].position.step == 5


def test_a_run_without_a_checkpoint_yet_starts_from_the_beginning(runs_dir):
    list(run_experiment(config(), runs_dir=runs_dir, name="whole"))
    events = run_experiment(config(), runs_dir=runs_dir, name="r")
    while not isinstance(next(events), StepReport):
        pass
    events.close()
    told = list(resume_experiment(runs_dir / "r"))
    assert any("from the beginning" in e.text for e in only(Notice, told))
    assert told[-1].state == "finished"
    assert [e.step for e in only(StepReport, read_events(runs_dir / "r"))] == list(range(1, 11))
    weights = [load_newest(runs_dir / n / "checkpoints")[0].model for n in ("whole", "r")]
    assert not differ(*weights)


@pytest.mark.parametrize("content", [None, b"{", b'{"model": "lenet"}'])
def test_a_lost_or_changed_config_is_put_back_from_the_checkpoint(runs_dir, content):
    control = Control()
    for event in run_experiment(config(), runs_dir=runs_dir, name="r", control=control):
        if isinstance(event, StepReport) and event.step == 3:
            control.send("stop")
    file = runs_dir / "r" / "config.json"
    before = file.read_bytes()
    file.unlink() if content is None else file.write_bytes(content)
    (runs_dir / "r" / "run.json").write_bytes(b"\xff")
    events = list(resume_experiment(runs_dir / "r"))
    assert any("config.json" in e.text for e in only(Notice, events))
    assert events[-1].state == "finished"
    assert file.read_bytes() == before
    assert read_info(runs_dir / "r").state == "finished"


def test_a_bug_keeps_its_traceback_and_is_not_dressed_up(runs_dir, monkeypatch):
    def bug(training):
        raise RuntimeError("size of tensor a must match")
        yield

    monkeypatch.setattr("core.recorded.train", bug)
    with pytest.raises(RuntimeError, match="size of tensor"):
        list(run_experiment(config(), runs_dir=runs_dir, name="r"))


def test_a_stop_while_the_data_are_loaded_ends_without_a_folder(runs_dir):
    control = Control()
    control.send("stop")
    events = list(run_experiment(config(), runs_dir=runs_dir, control=control))
    assert events[-1].state == "stopped"
    assert list_runs(runs_dir) == []


def test_config_json_starts_the_same_run_again(runs_dir):
    settings = config(seed=3)
    first = list(run_experiment(settings, runs_dir=runs_dir, name="a"))
    again = make_config({}, runs_dir / "a" / "config.json")
    second = list(run_experiment(again, runs_dir=runs_dir, name="b"))
    assert [e.test_loss for e in only(EpochEnd, first)] == [
        e.test_loss for e in only(EpochEnd, second)
    ]
    facts = json.loads((runs_dir / "a" / "run.json").read_text())
    assert facts["versions"]["torch"] == torch.__version__.split("+")[0]


def test_a_perceptron_learns_the_built_in_images(tmp_path):
    settings = make_config({"model": "mlp", "epochs": 2, "device": "cpu", "threads": 1})
    events = list(run_experiment(settings, runs_dir=tmp_path))
    assert only(EpochEnd, events)[-1].test_score > 0.7
    loading = load("fashion-mini", Where())
    with pytest.raises(StopIteration) as ended:
        while True:
            next(loading)
    assert (
        ended.value.value.digest
        == json.loads((list_runs(tmp_path)[0].path / "run.json").read_text())["data_digest"]
    )
