"""On a CPU, capturing is faked. What the real one gives is compared with eager steps on a GPU."""

import random
import warnings
from dataclasses import asdict

import pytest
import torch
from run_again import run_again
from tiny_runs import config, finished, load_only
from torch import nn

from core import graphed
from core.augmentations import AUGMENTATIONS
from core.batches import Batches, normalisation
from core.control import Control
from core.device import Device
from core.errors import DeviceError
from core.events import EpochEnd, LayerFigures, Notice, StepReport
from core.experiment import run_experiment
from core.graphed import CannotCapture, capture_step, check_executor
from core.optimizers import OPTIMIZERS, make_optimizer
from core.prepare import set_executor
from core.schedules import SCHEDULES
from core.train import train
from core.training import Position, Training

BATCH = 10  # of 48 images: the last batch has 8
TIMES = ("time", "seconds", "samples_per_second", "data_wait")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(4 * 6 * 6, 3)
        self.unused = nn.Linear(2, 2)  # has no gradient
        self.conv.bias.requires_grad_(False)

    def forward(self, x):
        return self.out(self.drop(self.norm(self.conv(x)).relu().flatten(1)))


def make_training(dataset, *, model=None, optimizer="sgd", device="cpu", l1=0.0, **others):
    torch.manual_seed(1)
    model = (model or Net()).to(device)
    common = {
        "device": device, "input_size": 8, "scale": normalisation("unit", dataset.train),
        "batch_size": BATCH,
    }  # fmt: skip
    return Training(
        model,
        make_optimizer(optimizer, model, 0.05, l1=l1, weight_decay=0.001),
        Batches(dataset.train, seed=1, shuffle=True, augmentations=list(AUGMENTATIONS), **common),
        Batches(dataset.test, **common),
        schedule=SCHEDULES["one_cycle"],
        position=Position(epochs=3, lr=0.05),
        report_interval=0.0,
        **others,
    )


@pytest.fixture
def faked(monkeypatch):
    monkeypatch.setattr(graphed, "capture", run_again)


def outcome(training, control=None, requests=(), kinds=StepReport | EpochEnd):
    """What a run tells but for its times, the weights and the optimizer's state after it."""
    torch.manual_seed(3)
    told = []
    for event in train(training):
        if isinstance(event, kinds):
            told.append({k: v for k, v in asdict(event).items() if k not in TIMES})
        if isinstance(event, StepReport):
            for at, kind, value in requests:
                if at == event.step:
                    control.send(kind, value)
    return told, training.model.state_dict(), training.optimizer.state_dict()["state"]


def assert_same(found, wanted):
    assert found[0] == wanted[0]
    torch.testing.assert_close(found[1:], wanted[1:], rtol=0, atol=0)


def test_a_gpu_is_needed():
    for executor, device in (("graph", "cuda:3"), ("eager", "cpu"), ("compile", "mps")):
        check_executor(executor, Device(device, "something"))
    with pytest.raises(DeviceError, match=r"executor = graph: cpu \(a CPU\) has no CUDA graphs"):
        check_executor("graph", Device("cpu", "a CPU"))


def test_nothing_is_left_of_a_run_by_a_graph_on_a_cpu(tiny_dataset, monkeypatch, tmp_path):
    load_only(tiny_dataset, monkeypatch)
    with pytest.raises(DeviceError, match="has no CUDA graphs"):
        list(run_experiment(config(executor="graph"), runs_dir=tmp_path))
    assert not list(tmp_path.iterdir())


def test_capturing_leaves_everything_as_it_was(tiny_dataset, faked):
    training = make_training(tiny_dataset)
    before = {k: v.clone() for k, v in training.model.state_dict().items()}
    generator = torch.get_rng_state()
    assert capture_step(training) >= 0
    for name, value in training.model.state_dict().items():
        assert torch.equal(value, before[name]), name  # the running statistics among them
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(p.grad is None for p in training.model.parameters())
    assert not training.optimizer.state


@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
def test_steps_by_a_graph_give_the_bits_of_eager_ones(tiny_dataset, faked, optimizer):
    eager = make_training(tiny_dataset, optimizer=optimizer, l1=0.001)
    by_graph = make_training(tiny_dataset, optimizer=optimizer, l1=0.001)
    capture_step(by_graph)
    assert_same(outcome(by_graph), outcome(eager))


def test_layers_are_measured_by_the_gradients_of_the_step_before(tiny_dataset, faked, monkeypatch):
    monkeypatch.setattr("core.layer_watch.SECONDS", 0.0)
    monkeypatch.setattr("core.layer_watch.SHARE", 1e9)
    eager, by_graph = make_training(tiny_dataset), make_training(tiny_dataset)
    capture_step(by_graph)
    found, wanted = (outcome(training, kinds=LayerFigures) for training in (by_graph, eager))
    assert_same(found, wanted)
    # Also after the smaller batch, the fifth; the first of an epoch is never measured.
    assert [told["step"] for told in found[0]] == [step for step in range(1, 16) if step % 5 != 1]


def test_only_full_batches_are_replayed(tiny_dataset, monkeypatch):
    replayed = []

    def count(work, device):
        outputs, replay = run_again(work, device)
        return outputs, lambda: (replayed.append(1), replay())

    monkeypatch.setattr(graphed, "capture", count)
    training = make_training(tiny_dataset)
    capture_step(training)
    assert len(replayed) == 1  # compared with an eager step
    list(train(training))
    assert len(replayed) == 1 + 3 * 4


def test_what_is_asked_for_is_done_between_two_replays(tiny_dataset, faked):
    requests = [(2, "pause", None), (2, "lr", 0.01), (2, "resume", None), (8, "stop", None)]
    outcomes = []
    for executor in ("eager", "graph"):
        control = Control()
        training = make_training(tiny_dataset, control=control)
        if executor == "graph":
            capture_step(training)
        outcomes.append(outcome(training, control, requests))
    assert_same(*outcomes)
    told = outcomes[0][0]
    assert max(report["lr"] for report in told if report["step"] > 2) <= 0.01
    assert told[-1]["step"] == 8


class DrawsInPython(Net):
    def forward(self, x):
        return super().forward(x * random.uniform(0.9, 1.1))


class ReplacesABuffer(Net):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, x):
        self.mean = 0.9 * self.mean + 0.1 * x.mean()
        return super().forward(x)


class AnotherEachTime(Net):
    calls = 0

    def forward(self, x):
        self.calls += 1
        return super().forward(x) * self.calls


class Fails(Net):
    def forward(self, x):
        raise RuntimeError("operation not permitted when stream is capturing\nSearch for ...")


@pytest.mark.parametrize(
    ("network", "why"),
    [
        (DrawsInPython, "it draws numbers of Python's or NumPy's"),
        (ReplacesABuffer, "it replaces its buffers"),
        (AnotherEachTime, "the graph gives another loss"),
        (Fails, "operation not permitted when stream is capturing"),
    ],
)
def test_a_network_that_a_graph_would_not_repeat_runs_eagerly(tiny_dataset, faked, network, why):
    training = make_training(tiny_dataset, model=network())
    before = {k: v.clone() for k, v in training.model.state_dict().items()}
    executor, told = finished(set_executor("graph", training))
    assert executor == "eager"
    (line,) = [e.text for e in told if isinstance(e, Notice)]
    assert line.startswith(f"steps run eagerly, for they cannot be captured: {why}")
    assert "\n" not in line
    assert training.step == training.eager_step
    for name, value in training.model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_what_ended_a_capture_is_told_and_not_that_it_ended(tiny_dataset, monkeypatch):
    def ends_in_an_error(work, device):
        try:
            raise RuntimeError("dependency created on uncaptured work")
        finally:
            raise RuntimeError("operation failed due to a previous error during capture")

    monkeypatch.setattr(graphed, "capture", ends_in_an_error)
    with pytest.raises(CannotCapture, match=r"^dependency created on uncaptured work$"):
        capture_step(make_training(tiny_dataset))


def test_the_line_that_waits_for_the_gpu_is_named_before_anything_is_captured(monkeypatch):
    modes = [0]
    monkeypatch.setattr(torch.cuda, "get_sync_debug_mode", lambda: modes[-1])
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", modes.append)

    def reads_back():
        warnings.warn(f"{graphed.WAITING} (at c10/cuda)", stacklevel=1)  # as torch does then

    with pytest.raises(CannotCapture, match=r"waits for the GPU .* \(test_graphed.py, line \d+\)"):
        graphed._check_never_waits(reads_back)
    graphed._check_never_waits(lambda: warnings.warn("lr_scheduler.step() too early", stacklevel=1))
    assert modes == [0, "warn", 0, "warn", 0]


@pytest.mark.cuda
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adadelta"])
def test_on_a_gpu_steps_by_a_graph_give_what_eager_ones_give(tiny_dataset, optimizer):
    """But for the order of sums; dropout masks are the same ones."""
    outcomes = []
    for executor in ("eager", "graph"):
        training = make_training(tiny_dataset, optimizer=optimizer, device="cuda")
        if executor == "graph":
            capture_step(training)
        outcomes.append(outcome(training))
    (wanted, weights, _), (found, found_weights, _) = outcomes
    for name in ("loss", "score", "gradient_norm"):
        torch.testing.assert_close(
            torch.tensor([told[name] for told in found if name in told]),
            torch.tensor([told[name] for told in wanted if name in told]),
            rtol=1e-3,
            atol=1e-5,
        )
    torch.testing.assert_close(found_weights, weights, rtol=1e-2, atol=1e-3)


class ReadsBack(Net):
    def forward(self, x):
        return super().forward(x * 2 if x.mean().item() > 0 else x)


@pytest.mark.cuda
def test_on_a_gpu_a_network_that_reads_a_value_back_is_named_and_goes_on(tiny_dataset):
    training = make_training(tiny_dataset, model=ReadsBack(), device="cuda")
    with pytest.raises(CannotCapture, match=r"^it waits for the GPU .* \(test_graphed.py, line"):
        capture_step(training)
    assert outcome(training)[0]
    other = make_training(tiny_dataset, device="cuda")
    capture_step(other)  # and nothing is left that keeps another one from it
    assert outcome(other)[0]
