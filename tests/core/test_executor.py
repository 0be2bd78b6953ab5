"""`--executor auto`: what it chooses, that it says so, and that a resumed run stays with it."""

import pytest
import torch
from tiny_runs import config, finished, load_only

from core import prepare
from core.control import Control
from core.device import Device
from core.errors import RunError
from core.events import EpochEnd, Notice, RunStart
from core.experiment import _check_processes, _executor, resume_experiment, run_experiment
from core.prepare import choose_executor, set_executor
from core.world import ALONE, World

CPU = Device("cpu", "a CPU")
LENET = {"model": "lenet", "input_size": 28, "model_options": {}}


def training_of(dataset, **settings):
    return prepare.prepare(config(**settings), dataset, CPU)


def carried_out(wanted, training):
    """How the steps are carried out, and what was told of it."""
    executor, told = finished(set_executor(wanted, training))
    return executor, [event.text for event in told if isinstance(event, Notice)]


@pytest.mark.parametrize(
    ("settings", "executor", "why"),
    [
        (
            {"model": "mlp", "epochs": 10**6},
            "eager",
            "only convolutions on a CPU gain by compiling",
        ),
        (LENET | {"epochs": 1}, "eager", "compiling pays from 600 s on"),
        (LENET | {"epochs": 10**6}, "compile", "its steps take about"),
    ],
)
def test_compiled_are_long_runs_of_convolutions_on_a_processor(
    tiny_dataset, settings, executor, why
):
    training = training_of(tiny_dataset, **settings)
    before = {name: value.clone() for name, value in training.model.state_dict().items()}
    generator = torch.get_rng_state()
    found, reason = choose_executor(training)
    assert found == executor
    assert why in reason
    assert torch.equal(torch.get_rng_state(), generator)
    for name, value in training.model.state_dict().items():
        assert torch.equal(value, before[name])


def test_on_a_gpu_a_graph_is_tried(tiny_dataset, monkeypatch):
    training = training_of(tiny_dataset, model="mlp")

    class OnGpu:
        device = torch.device("cuda")

    monkeypatch.setattr(training.model, "parameters", lambda: iter([OnGpu]))
    assert choose_executor(training)[0] == "graph"


def test_it_says_what_it_chose_and_when_that_cannot_be(tiny_dataset, monkeypatch):
    training = training_of(tiny_dataset, model="mlp")
    executor, told = carried_out("auto", training)
    assert executor == "eager"
    assert told == ["executor auto: eager, for only convolutions on a CPU gain by compiling"]
    monkeypatch.setattr(prepare, "choose_executor", lambda training: ("graph", "it is a GPU"))
    executor, told = carried_out("auto", training)  # on a CPU
    assert executor == "eager"
    assert told[0] == "executor auto: graph, for it is a GPU"
    assert told[1].startswith("steps run eagerly, for they cannot be captured: ")


def test_a_resumed_run_stays_with_what_was_chosen(tiny_dataset, monkeypatch, tmp_path):
    load_only(tiny_dataset, monkeypatch)
    settings = config(executor="auto", epochs=3)
    control = Control()
    for event in run_experiment(settings, runs_dir=tmp_path, name="run", control=control):
        if isinstance(event, RunStart):
            assert event.executor == "eager"
        if isinstance(event, EpochEnd):
            control.send("stop")
    monkeypatch.setattr(prepare, "choose_executor", None)  # is not asked again
    resumed = list(resume_experiment(tmp_path / "run"))
    assert [e.epoch for e in resumed if isinstance(e, EpochEnd)] == [2, 3]
    assert _executor(settings, ALONE, {"executor": "compile"}) == "compile"
    assert _executor(settings, ALONE, {}) == "auto"


def test_several_processes_carry_out_their_steps_eagerly(tmp_path):
    assert _executor(config(executor="auto"), World(0, 2, launched=True), {}) == "eager"
    _check_processes(tmp_path, config(executor="auto"), World(0, 2, launched=True))
    with pytest.raises(RunError, match="executor = compile"):
        _check_processes(tmp_path, config(executor="compile"), World(0, 2, launched=True))
