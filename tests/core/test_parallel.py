"""Several processes against one: the same weights, the same figures, obeying at the same step."""

import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.distributed import FileStore, HashStore

from core.batches import Batches, normalisation
from core.control import Control
from core.device import Device
from core.errors import ModelError
from core.events import ControlApplied, EpochEnd, StepReport
from core.layers.norm import BatchNorm
from core.parallel import Plan, Team, gathering
from core.schedules import SCHEDULES
from core.train import train
from core.training import Position, Training
from core.world import ALONE, World

FORK = multiprocessing.get_context("fork")  # torch is imported already, which takes seconds
CPU = Device("cpu", "a CPU")


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 3))


def normalised() -> nn.Module:
    """Every kind of batch normalisation, also of values far from 0."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.Tanh(),
        BatchNorm(4),
        nn.Flatten(),
        nn.Linear(144, 8),
        nn.BatchNorm1d(8, momentum=None),
        nn.Tanh(),
        nn.BatchNorm1d(8, affine=False),
        nn.Linear(8, 3),
    )
    with torch.no_grad():
        model[0].bias += 100.0
    return model


def make_training(dataset, world: World, network: Callable[[], nn.Module] = network) -> Training:
    model = network()
    common = {"device": "cpu", "input_size": 8, "scale": normalisation("unit", dataset.train)}
    return Training(
        model,
        torch.optim.SGD(model.parameters(), 0.1, momentum=0.9),
        # 48 images: two batches of 22, and a tail of 4, which three processes cannot share.
        Batches(
            dataset.train,
            batch_size=22,
            seed=1,
            shuffle=True,
            augmentations=("flip",),
            world=world,
            **common,
        ),
        Batches(dataset.test, batch_size=23, world=world, **common),  # of 24: a tail of 1
        schedule=SCHEDULES["constant"],
        position=Position(epochs=3, lr=0.1),
        report_interval=0.0,
        evaluated_train=Batches(dataset.train, batch_size=23, world=world, **common),
    )


def in_processes(size: int, folder: Path, work: Callable[[World, FileStore], object]) -> list:
    """What `work` returns in each of `size` processes, by rank."""
    answers = [FORK.Pipe(duplex=False) for _ in range(size)]

    def run(rank: int) -> None:
        store = FileStore(str(folder / "store"), size)
        answers[rank][1].send(work(World(rank, size, rank, size), store))

    processes = [FORK.Process(target=run, args=(rank,), daemon=True) for rank in range(size)]
    for process in processes:
        process.start()
    try:
        for receiver, _ in answers:
            assert receiver.poll(60), "a process gave no answer"
        return [receiver.recv() for receiver, _ in answers]
    finally:
        for process in processes:
            process.kill()
            process.join()


@pytest.mark.parametrize("size", [2, 3])
def test_several_processes_train_as_one_does(tmp_path, tiny_dataset, size):
    alone = make_training(tiny_dataset, ALONE)
    expected = list(train(alone))

    def work(world: World, store: FileStore) -> tuple:
        training = make_training(tiny_dataset, world)
        team = Team(world, store, training, CPU, seed=1)
        events = list(train(training))
        team.close()
        weights = {name: value.tolist() for name, value in training.model.state_dict().items()}
        return events, weights, training.position

    for events, weights, position in in_processes(size, tmp_path, work):
        assert [type(e) for e in events] == [type(e) for e in expected]
        for event, one in zip(events, expected, strict=True):
            if isinstance(event, StepReport):
                assert event.step == one.step
                assert event.loss == pytest.approx(one.loss, rel=1e-5)
                assert event.score == pytest.approx(one.score)
            if isinstance(event, EpochEnd):
                assert event.train_loss == pytest.approx(one.train_loss, rel=1e-5)
                assert event.train_score == one.train_score
                assert event.test_loss == pytest.approx(one.test_loss, rel=1e-5)
                assert event.test_score == one.test_score
        for name, value in alone.model.state_dict().items():
            torch.testing.assert_close(torch.tensor(weights[name]), value, rtol=1e-5, atol=1e-6)
        assert position.seen == alone.position.seen == 0
        assert position.best_test_score == alone.position.best_test_score


@pytest.mark.parametrize("size", [2, 3])
def test_batch_normalisation_over_all_processes_is_that_of_one(tmp_path, tiny_dataset, size):
    alone = make_training(tiny_dataset, ALONE, normalised)
    expected = [e for e in train(alone) if isinstance(e, StepReport)]

    def work(world: World, store: FileStore) -> tuple:
        training = make_training(tiny_dataset, world, normalised)
        team = Team(world, store, training, CPU, seed=1, sync_batchnorm=True)
        assert team.synchronised == 4
        losses = [e.loss for e in train(training) if isinstance(e, StepReport)]
        team.close()
        return losses, {n: value.tolist() for n, value in training.model.state_dict().items()}

    plain = alone.model.state_dict()
    for losses, state in in_processes(size, tmp_path, work):
        assert losses == pytest.approx([e.loss for e in expected], rel=1e-4)
        assert state.keys() == plain.keys()  # a checkpoint fits with and without
        for name, value in plain.items():
            found = torch.tensor(state[name])
            torch.testing.assert_close(found, value, rtol=1e-4, atol=1e-4, msg=name)


class Sometimes(nn.Linear):
    """Left out in every second step, as stochastic depth does."""

    left_out = True

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.left_out = not self.left_out
        return x if self.left_out else super().forward(x)


def test_parameters_that_a_step_leaves_out_are_named(tmp_path, tiny_dataset):
    def with_sometimes() -> nn.Module:
        frozen = nn.Linear(3, 3).requires_grad_(False)
        return network().append(Sometimes(3, 3)).append(frozen)

    def work(world: World, store: FileStore) -> list:
        training = make_training(tiny_dataset, world, with_sometimes)
        team = Team(world, store, training, CPU, seed=1)
        with pytest.raises(ModelError) as caught:
            list(train(training))
        team.close()
        return [caught.value.problem, training.position.step]

    assert in_processes(2, tmp_path, work) == [
        ["No gradient came to 4.weight, 4.bias: several processes have to use every parameter in "
         "every step.", 1]
    ] * 2  # fmt: skip


def test_what_one_process_is_asked_all_do_at_the_same_step(tmp_path, tiny_dataset):
    def work(world: World, store: FileStore) -> list:
        training = make_training(tiny_dataset, world)
        training.control = control = Control()
        Team(world, store, training, CPU, seed=1)
        applied = []
        for event in train(training):
            if isinstance(event, ControlApplied):
                applied.append(event)
            if isinstance(event, StepReport) and event.step == 2 and world.rank == 0:
                control.send("pause")
                control.send("lr", 0.01, id="a")
                control.send("resume")
            if isinstance(event, StepReport) and event.step == 5 and world.rank == 1:
                control.send("stop")  # as a signal to the machine of that rank asks
        return [applied, training.position.step, training.position.lr]

    first, second = in_processes(2, tmp_path, work)
    assert first == second
    applied, step, lr = first
    assert [(e.request, e.id) for e in applied[:3]] == [("pause", ""), ("lr", "a"), ("resume", "")]
    assert (applied[-1].request, lr) == ("stop", 0.01)
    assert step < 9


def test_what_was_announced_before_a_restart_is_not_heard_after_it(monkeypatch):
    store = HashStore()  # as torchrun's, which outlives the processes
    monkeypatch.setattr("core.parallel.rendezvous", lambda *_: iter([(store, 0, 2)]))
    plan = Plan("run", {}, "digest")
    with gathering(World(0, 2)) as others:
        others.announce(plan)
        assert others.hear(Control()) == plan
    control = Control()
    control.send("stop")
    with gathering(World(1, 2, restarts=1)) as others:
        assert others.hear(control) is None
