import pytest
import torch
from run_again import run_again

from core.batches import Batches, normalisation
from core.build import build_model
from core.datasets import Images
from core.events import Progress
from core.graphed import capture_step
from core.optimizers import make_optimizer
from core.schedules import SCHEDULES
from core.speed import ROUNDS, measure_speed
from core.training import Position, Training


@pytest.fixture
def training():
    torch.manual_seed(0)
    images = Images(
        torch.randint(0, 256, (200, 1, 28, 28), dtype=torch.uint8), torch.randint(0, 10, (200,))
    )
    place = {"device": "cpu", "input_size": 28, "scale": normalisation("unit", images)}
    model = build_model("softmax", 1, 10)
    return Training(
        model,
        make_optimizer("sgd", model, 0.01),
        Batches(images, batch_size=32, shuffle=True, **place),
        Batches(images, batch_size=100, **place),
        schedule=SCHEDULES["constant"],
        position=Position(epochs=1, lr=0.01),
        report_interval=0.01,
    )


def measured(training, seconds=0.6):
    work, news = measure_speed(training, seconds), []
    while True:
        try:
            news.append(next(work))
        except StopIteration as end:
            return end.value, news


def test_the_loop_is_compared_with_the_bare_step_and_a_step_taken_apart(training):
    speed, news = measured(training)
    assert list(speed.parts) == ["batch", "forward", "backward", "optimizer"]
    assert all(seconds > 0 for seconds in speed.parts.values())
    assert 0 < speed.share < 3
    assert speed.samples_per_second == pytest.approx(
        speed.share * speed.bare_samples_per_second, rel=0.9
    )
    assert speed.test_samples_per_second > 0
    done = [n.done for n in news]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, ROUNDS + 1)
    assert all(isinstance(n, Progress) and n.total == ROUNDS + 2 for n in news)


def test_epochs_go_by_while_the_loop_is_timed(training):
    speed, _ = measured(training)
    assert training.position.step >= speed.steps > 200 // 32
    assert training.position.epoch > 1


def test_a_step_that_is_taken_whole_is_timed_whole(training, monkeypatch):
    monkeypatch.setattr("core.graphed.capture", run_again)
    capture_step(training)
    speed, _ = measured(training)
    assert list(speed.parts) == ["batch", "step"]
    assert 0 < speed.share < 3
