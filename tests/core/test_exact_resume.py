"""A run that was interrupted, however and wherever, ends as the one that never was: the same rows,
but for times, and the same weights, bit for bit."""

import random
from dataclasses import asdict
from itertools import product

import pytest
import torch
from fake_link import FakeLink
from run_again import run_again

from core.checkpoint import load_newest
from core.compiled import CannotCompile
from core.config import make_config
from core.control import Control
from core.events import ControlApplied, EpochEnd, Notice, Progress, RunEnd, StepReport
from core.experiment import resume_experiment, run_experiment
from core.optimizers import OPTIMIZERS
from core.record import read_events
from core.runs import read_facts
from core.schedules import SCHEDULES

STEPS = 5  # in an epoch
TIMES = ("time", "seconds", "samples_per_second", "data_wait")

NETWORK = """
import random
import numpy as np
from torch import nn

class Net(nn.Module):
    '''Everything that has a state or draws at random, from whatever generator.'''

    def __init__(self, in_channels, num_classes):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 4, 3)
        self.second = nn.Conv2d(4, 4, 3, padding=1)  # its kernels have their channels last
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(4 * 6 * 6, num_classes)

    def forward(self, x):
        x = self.norm(self.second(self.conv(x))).relu()
        if self.training:
            x = x * random.uniform(0.9, 1.1) + 0.01 * np.random.randn()
        return self.out(self.drop(x.flatten(1)))
"""


@pytest.fixture
def lab(tmp_path, monkeypatch, tiny_dataset):
    return Lab(tmp_path, monkeypatch, tiny_dataset)


class Lab:
    """Runs of NETWORK on the tiny data set, straight and interrupted."""

    def __init__(self, tmp_path, monkeypatch, dataset):
        def tiny(name, where):
            yield Progress("decoding", 1, 1)
            return dataset

        monkeypatch.setattr("core.prepare.load", tiny)
        # Three batches in an evaluation, each told of, so that it can be left in the middle.
        monkeypatch.setattr("core.train.EVALUATION_NEWS", 0.0)
        monkeypatch.setattr("core.prepare.EVALUATION_BATCH", 10)
        self.runs = tmp_path / "runs"
        self.net = tmp_path / "net.py"
        self.net.write_text(NETWORK)

    def config(self, **values):
        return make_config(
            {
                "model": f"{self.net}:Net", "input_size": 8, "epochs": 3, "batch_size": 10,
                "threads": 1, "device": "cpu", "report_interval": 0, "checkpoint_seconds": 0,
            } | values
        )  # fmt: skip

    def straight(self, config, requests=(), name="straight"):
        """The run without interruption; `requests` are (step, kind, value)."""
        self.begin(config, None, requests, name)
        return self.outcome(name)

    def begin(self, config, way, requests=(), name="parts"):
        """A new run, until it ends or `way` interrupts it; all its events."""

        def start(control):
            return run_experiment(config, runs_dir=self.runs, name=name, control=control)

        return self._follow(start, requests, way)

    def interrupted(self, config, ways, requests=(), name="parts"):
        """The same, interrupted in each of `ways` in turn, and resumed."""
        path = self.runs / name
        for way in [*ways, None]:
            if path.exists():
                told = self._follow(lambda c: resume_experiment(path, control=c), requests, way)
            else:
                told = self.begin(config, way, requests, name)
            if isinstance(told[-1], RunEnd) and told[-1].state == "finished":
                break
        assert not [e for e in told if isinstance(e, Notice) and "bit for bit" in e.text]
        return self.outcome(name)

    def _follow(self, start, requests, way):
        """All events, until `way` interrupts: (step, "stop" or "kill" or "evaluating")."""
        control = Control()
        told = []
        events = start(control)
        step = 0
        for event in events:
            told.append(event)
            if isinstance(event, Progress) and event.doing == "evaluating":
                if way and way[1] == "evaluating" and step >= way[0]:
                    control.send("stop")
                continue
            if not isinstance(event, StepReport):
                continue
            step = event.step
            for at, kind, value in requests:
                if at == step:
                    control.send(kind, value)
            if way and step >= way[0] and way[1] == "stop":
                control.send("stop")
            if way and step >= way[0] and way[1] == "kill":
                break
        if way and way[1] == "kill":
            events.close()  # leaves the folder as a kill does, but for what run.json says
        return told

    def executor(self, name):
        return read_facts(self.runs / name)["executor"]

    def outcome(self, name):
        """Rows without times, and all that the last checkpoint holds of the training."""
        rows = [
            {k: v for k, v in asdict(e).items() if k not in TIMES}
            for e in read_events(self.runs / name)
            if isinstance(e, StepReport | EpochEnd)
            or (isinstance(e, ControlApplied) and e.request in ("lr", "epochs"))
        ]
        found, damaged = load_newest(self.runs / name / "checkpoints")
        assert not damaged
        position = {k: v for k, v in asdict(found.position).items() if "seconds" not in k}
        tensors = found.model | {
            f"{index}.{key}": value
            for index, entries in found.optimizer["state"].items()
            for key, value in entries.items()
        }
        return rows, position, found.random, tensors


def assert_same(one, other):
    assert one[0] == other[0]  # rows
    assert one[1] == other[1]  # position
    assert one[2] == other[2]  # generators
    assert one[3].keys() == other[3].keys()
    for name, value in one[3].items():
        assert torch.equal(torch.as_tensor(value), torch.as_tensor(other[3][name])), name


FULL = {"augmentation": "crop,cutout", "momentum": 0.9, "warmup": 1.3, "schedule": "one_cycle"}


@pytest.mark.parametrize("seed", range(3))
def test_however_often_and_in_whatever_way_a_run_is_interrupted(lab, seed):
    choose = random.Random(seed)
    config = lab.config(
        optimizer=choose.choice(["sgd", "adam", "rmsprop", "nesterov"]),
        schedule=choose.choice(list(SCHEDULES)), lr=0.01, seed=seed,
        momentum=choose.choice([0.0, 0.9]), warmup=choose.choice([0, 0.7, 2]),
        augmentation=choose.choice(["", "crop", "flip,cutout"]),
        checkpoint_seconds=choose.choice([0, 1e-9]), evaluate_train=bool(seed % 2),
    )  # fmt: skip
    ways = sorted(
        (choose.randint(1, 3 * STEPS - 1), choose.choice(["stop", "kill", "evaluating"]))
        for _ in range(3)
    )
    assert_same(lab.interrupted(config, ways), lab.straight(config))


@pytest.mark.parametrize("way", ["stop", "kill", "evaluating"])
def test_requests_before_the_interruption_stay_in_force(lab, way):
    config = lab.config(**FULL, lr=0.05)
    requests = [(2, "lr", 0.02), (6, "epochs", 4), (13, "lr", 0.001)]
    parts = lab.interrupted(config, [(8, way)], requests)
    assert_same(parts, lab.straight(config, requests))
    assert parts[1]["epochs"] == 4


def test_a_checkpoint_between_an_epochs_last_step_and_its_end_does_not_double_it(lab):
    """Saved at the last step, killed after the evaluation: the epoch's row is set aside."""
    config = lab.config(checkpoint_seconds=3600)
    control = Control()
    events = run_experiment(config, runs_dir=lab.runs, name="parts", control=control)
    for event in events:
        if isinstance(event, StepReport) and event.step == STEPS:
            control.send("stop")
    for event in (again := resume_experiment(lab.runs / "parts")):
        if isinstance(event, EpochEnd):
            break
    again.close()
    assert_same(lab.interrupted(config, []), lab.straight(config))


def test_what_makes_it_inexact_is_told_once(lab):
    config = lab.config()
    lab.begin(config, (7, "stop"))
    lab.net.write_text(NETWORK + "\n# changed\n")
    told = list(resume_experiment(lab.runs / "parts"))
    lines = [e.text for e in told if isinstance(e, Notice) and "bit for bit" in e.text]
    assert lines == ["not bit for bit the run it would have been: the network's file"]


def test_a_run_of_another_thread_count_says_so(lab, monkeypatch):
    config = lab.config()
    lab.begin(config, (7, "stop"))
    before = torch.get_num_threads()
    monkeypatch.setattr("core.experiment.set_threads", lambda *_: (3, "3 threads"))
    told = list(resume_experiment(lab.runs / "parts"))
    assert torch.get_num_threads() == before
    lines = [e.text for e in told if isinstance(e, Notice) and "bit for bit" in e.text]
    assert lines == ["not bit for bit the run it would have been: CPU threads 3, was 1"]


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
@pytest.mark.parametrize("schedule", list(SCHEDULES))
def test_every_optimizer_and_schedule_at_every_step(lab, optimizer, schedule):
    config = lab.config(**FULL | {"schedule": schedule, "optimizer": optimizer, "lr": 0.01} | (
        {"momentum": 0.0} if optimizer.startswith(("adagrad", "adadelta")) else {}
    ))  # fmt: skip
    straight = lab.straight(config)
    for number, (step, way) in enumerate(product(range(1, 3 * STEPS), ["stop", "kill"])):
        name = f"parts{number}"
        assert_same(lab.interrupted(config, [(step, way)], name=name), straight)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_requests_and_interruptions_at_random(lab, seed):
    choose = random.Random(100 + seed)
    config = lab.config(**FULL, lr=0.03, seed=seed)
    requests = [
        (choose.randint(1, 12), "lr", choose.choice([0.01, 0.02])),
        (choose.randint(1, 12), "epochs", choose.choice([3, 4, 5])),
    ]
    straight = lab.straight(config, requests)
    ways = sorted(
        (choose.randint(13, 3 * STEPS - 1), choose.choice(["stop", "kill", "evaluating"]))
        for _ in range(4)
    )
    assert_same(lab.interrupted(config, ways, requests), straight)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["stop", "kill"])
def test_a_compiled_run_is_resumed_exactly(lab, way):
    lab.net.write_text(NETWORK.replace("if self.training", "if False"))  # see the next test
    config = lab.config(**FULL, lr=0.05, executor="compile")
    straight = lab.straight(config)
    assert lab.executor("straight") == "compile"
    assert_same(lab.interrupted(config, [(3, way), (8, way)]), straight)


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_a_run_by_a_graph_is_resumed_exactly_and_is_the_eager_run(lab, way, monkeypatch):
    monkeypatch.setattr("core.graphed.capture", run_again)
    monkeypatch.setattr("core.experiment.check_executor", lambda executor, device: None)
    lab.net.write_text(NETWORK.replace("if self.training", "if False"))
    config = lab.config(**FULL, lr=0.05, executor="graph")
    parts = lab.interrupted(config, [(3, way), (8, way)])
    assert lab.executor("parts") == "graph"
    assert_same(parts, lab.straight(lab.config(**FULL, lr=0.05)))


@pytest.mark.cuda
@pytest.mark.parametrize("executor", ["eager", "graph"])
def test_on_a_gpu_a_reproducible_run_is_resumed_exactly(lab, executor):
    lab.net.write_text(NETWORK.replace("if self.training", "if False"))
    given = {"device": "cuda", "executor": executor, "reproducible": True, "threads": None}
    config = lab.config(**FULL, lr=0.05, **given)
    straight = lab.straight(config)
    assert lab.executor("straight") == executor
    assert_same(lab.interrupted(config, [(3, "stop"), (8, "kill"), (10, "evaluating")]), straight)


@pytest.mark.parametrize("way", ["stop", "kill", "evaluating"])
def test_a_run_whose_images_stay_on_the_host_is_resumed_exactly_and_is_the_same(
    lab, way, monkeypatch
):
    config = lab.config(**FULL, lr=0.05)
    straight = lab.straight(config)
    monkeypatch.setattr("core.batches.Link", FakeLink)
    for module in ("core.prepare", "core.experiment"):
        monkeypatch.setattr(f"{module}.why_on_host", lambda parts, device: "no room on the GPU")
    assert_same(lab.interrupted(config, [(3, way), (8, way)]), straight)
    told = [e.text for e in read_events(lab.runs / "parts") if isinstance(e, Notice)]
    assert told.count("no room on the GPU") == 3  # each time that it starts


@pytest.mark.slow
def test_a_network_that_would_be_compiled_anew_at_each_step_runs_eagerly(lab):
    told = lab.begin(lab.config(executor="compile"), None)
    (line,) = [e.text for e in told if isinstance(e, Notice) and "cannot be compiled" in e.text]
    assert len(line) < 300
    assert lab.executor("parts") == "eager"


def test_a_run_that_can_no_longer_be_compiled_goes_on_eagerly_and_says_so(lab, monkeypatch):
    def compile_nothing(training):
        return 1.0

    def fail(training):
        raise CannotCompile("No working C++ compiler found")

    config = lab.config(executor="compile")
    monkeypatch.setattr("core.prepare.compile_forward", compile_nothing)
    lab.begin(config, (7, "stop"))
    assert lab.executor("parts") == "compile"
    monkeypatch.setattr("core.prepare.compile_forward", fail)
    told = [e.text for e in resume_experiment(lab.runs / "parts") if isinstance(e, Notice)]
    assert "steps run eagerly, for they cannot be compiled: No working C++ compiler found" in told
    assert "not bit for bit the run it would have been: executor eager, was compile" in told
    assert lab.executor("parts") == "eager"
