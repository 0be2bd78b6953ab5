import pytest
import torch
from torch import nn

from core.batches import Batches, normalisation
from core.compiled import CannotCompile, compile_forward
from core.control import Control
from core.events import ControlApplied, EpochEnd, StepReport
from core.schedules import SCHEDULES
from core.train import train
from core.training import Position, Training

BATCH = 10  # of 48 images: the last batch has 8


def make_training(dataset, device="cpu", **others):
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(),
        nn.Dropout(0.3), nn.Linear(4 * 6 * 6, 3),
    ).to(device)  # fmt: skip
    scale = normalisation("unit", dataset.train)
    common = {"device": device, "input_size": 8, "scale": scale, "batch_size": BATCH}
    return Training(
        model,
        torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, fused=True),
        Batches(dataset.train, seed=1, shuffle=True, **common),
        Batches(dataset.test, **common),
        schedule=SCHEDULES["one_cycle"],
        position=Position(epochs=3, lr=0.1),
        report_interval=0.0,
        **others,
    )


@pytest.fixture
def traced(monkeypatch):
    """The sizes of the batches that torch.compile's code is given; here it only calls through."""
    sizes = []

    def compile_nothing(forward, **_):
        def call(images, labels):
            sizes.append(len(labels))
            return forward(images, labels)

        return call

    monkeypatch.setattr(torch, "compile", compile_nothing)
    return sizes


def test_compiling_leaves_everything_as_it_was(tiny_dataset, traced):
    training = make_training(tiny_dataset)
    before = {k: v.clone() for k, v in training.model.state_dict().items()}
    generator = torch.get_rng_state()
    compile_forward(training)
    assert traced == [BATCH] * 2
    for name, value in training.model.state_dict().items():
        assert torch.equal(value, before[name]), name  # the running statistics among them
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(p.grad is None for p in training.model.parameters())


def test_a_smaller_last_batch_is_not_compiled(tiny_dataset, traced):
    training = make_training(tiny_dataset)
    compile_forward(training)
    list(train(training))
    assert traced == [BATCH] * (2 + 3 * 4)  # two to compile, then four full ones an epoch


def test_why_it_cannot_be_compiled_is_one_line(tiny_dataset, monkeypatch):
    training = make_training(tiny_dataset)

    def no_compiler(forward, **_):
        def call(images, labels):
            forward(images, labels)
            raise RuntimeError("No working C++ compiler found\nin torch._inductor.config")

        return call

    monkeypatch.setattr(torch, "compile", no_compiler)
    before = training.model[1].running_mean.clone()
    with pytest.raises(CannotCompile, match=r"^No working C\+\+ compiler found$"):
        compile_forward(training)
    assert training.forward == training.eager_forward
    assert torch.equal(training.model[1].running_mean, before)


@pytest.mark.parametrize(
    "device",
    [pytest.param("cpu", marks=pytest.mark.slow), pytest.param("cuda", marks=pytest.mark.cuda)],
)
def test_compiled_steps_give_what_eager_ones_give(tiny_dataset, device):
    """But for the order of sums; dropout masks are the same ones."""
    outcomes = []
    for executor in ("eager", "compile"):
        training = make_training(tiny_dataset, device)
        if executor == "compile":
            compile_forward(training)
        torch.manual_seed(3)
        rows = [(e.loss, e.score) for e in train(training) if isinstance(e, StepReport)]
        outcomes.append((rows, training.model.state_dict()))
    (rows, weights), (compiled_rows, compiled_weights) = outcomes
    torch.testing.assert_close(
        torch.tensor(compiled_rows), torch.tensor(rows), rtol=1e-4, atol=1e-6
    )
    torch.testing.assert_close(compiled_weights, weights, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_compiled_run_obeys_between_its_steps(tiny_dataset):
    control = Control()
    training = make_training(tiny_dataset, control=control)
    compile_forward(training)
    told = []
    for event in train(training):
        told.append(event)
        if isinstance(event, StepReport) and event.step == 2:
            for kind, value in (("pause", None), ("lr", 0.01), ("resume", None)):
                control.send(kind, value)
        if isinstance(event, StepReport) and event.step == 7:
            control.send("stop")
    assert [(e.step, e.request) for e in told if isinstance(e, ControlApplied)] == [
        (2, "pause"), (2, "lr"), (2, "resume"), (7, "stop"),
    ]  # fmt: skip
    assert sum(isinstance(e, EpochEnd) for e in told) == 1
    assert max(e.lr for e in told if isinstance(e, StepReport) and e.step > 2) <= 0.01


def test_a_file_of_an_interrupted_compilation_is_named_with_what_to_do(tiny_dataset, monkeypatch):
    def damaged(forward, **_):
        def call(images, labels):
            raise ImportError("/tmp/torchinductor/main.so: file too short")

        return call

    monkeypatch.setattr(torch, "compile", damaged)
    with pytest.raises(CannotCompile, match=r"^/tmp/\S+main.so: file too short .*delete that file"):
        compile_forward(make_training(tiny_dataset))
