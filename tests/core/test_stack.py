"""Networks as one against the same networks, each with its own optimizer of torch."""

import pytest
import torch

from core.build import build_model
from core.config import make_config
from core.device import choose_device
from core.losses import LOSSES
from core.models import MODELS
from core.optimizers import OPTIMIZERS
from core.prepare import prepare
from core.stack import Stack, why_not_stacked
from core.task import hits

RATES = ((0.01, 0.0), (0.003, 0.01), (0.001, 0.1))  # lr and weight decay of each


def trainings(dataset, **values):
    fixed = {
        "model": "mlp", "input_size": 8, "model_options": {"hidden": 8}, "batch_size": 10,
        "device": "cpu", "loss": "cross_entropy",
    }  # fmt: skip
    return [
        prepare(
            make_config(fixed | {"seed": seed, "lr": lr, "weight_decay": decay} | values),
            dataset,
            choose_device("cpu"),
        )
        for seed, (lr, decay) in enumerate(RATES)
    ]


def train_alone(some, epoch):
    for training in some:
        for index in range(len(training.train_batches)):
            images, labels = training.train_batches.batch(epoch, index)
            training.step(images, labels, training.position.lr)


def train_stacked(stack, epoch):
    for index in range(len(stack.trainings[0].train_batches)):
        stack.step(*stack.batch(epoch, index), [t.position.lr for t in stack.trainings])
    for place in range(len(stack.trainings)):
        stack.hand_out(place)


def assert_same(some, others):
    """Weights, and what the optimizers remember, under the same names."""
    for one, other in zip(some, others, strict=True):
        torch.testing.assert_close(
            one.model.state_dict(), other.model.state_dict(), rtol=1e-4, atol=1e-5
        )
        torch.testing.assert_close(
            one.optimizer.state_dict(), other.optimizer.state_dict(), rtol=1e-2, atol=1e-4
        )


MOMENTA = [
    (name, momentum)
    for name in OPTIMIZERS
    for momentum in (0.0, 0.8)
    if not momentum or OPTIMIZERS.declared[name].facts.get("momentum", True)
]


@pytest.mark.parametrize(("optimizer", "momentum"), MOMENTA)
def test_every_optimizer_moves_stacked_networks_as_it_moves_each(tiny_dataset, optimizer, momentum):
    chosen = {"optimizer": optimizer, "momentum": momentum, "l1": 1e-3}
    alone, together = trainings(tiny_dataset, **chosen), trainings(tiny_dataset, **chosen)
    stack = Stack(together, optimizer, momentum)
    train_alone(alone, 1)
    train_stacked(stack, 1)
    assert_same(together, alone)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adagrad_scratch"])
def test_some_of_the_networks_go_on_in_a_new_stack_as_if_nothing_was(tiny_dataset, optimizer):
    chosen = {"optimizer": optimizer, "decay": "weights"}
    alone, together = trainings(tiny_dataset, **chosen), trainings(tiny_dataset, **chosen)
    train_stacked(Stack(together, optimizer, 0.0), 1)
    train_stacked(Stack(together[1:], optimizer, 0.0), 2)
    train_alone(alone, 1)
    train_alone(alone[1:], 2)
    assert_same(together, alone)


def test_networks_stacked_are_tested_as_each_is(tiny_dataset):
    some = trainings(tiny_dataset, optimizer="sgd")
    losses, scores, count = Stack(some, "sgd", 0.0).test(some[0].test_batches, hits, 0)
    images, labels = some[0].test_batches.batch(0, 0)
    assert count == len(labels)
    for place, training in enumerate(some):
        logits = training.model(images)
        torch.testing.assert_close(losses[place], training.loss(logits, labels))
        assert scores[place] == (logits.argmax(1) == labels).sum()


def test_a_network_that_has_lost_its_numbers_leaves_the_others_alone(tiny_dataset):
    alone, together = (trainings(tiny_dataset, optimizer="sgd") for _ in range(2))
    stack = Stack(together, "sgd", 0.0)
    with torch.no_grad():
        next(together[0].model.parameters()).fill_(torch.nan)
    train_stacked(stack, 1)
    train_alone(alone, 1)
    assert next(together[0].model.parameters()).isnan().all()
    assert_same(together[1:], alone[1:])


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("model", [m for m in MODELS if MODELS.declared[m].facts.get("rows")])
def test_networks_for_rows_can_be_stacked_or_draw_random_numbers(model, loss):
    with torch.device("meta"):
        why = why_not_stacked(
            build_model(model, 1, 10, input_size=8, options={}),
            LOSSES[loss],
            torch.zeros(2, 1, 8, 8),
            torch.zeros(2, dtype=torch.int64),
        )
    assert ("random numbers" in why) if "dropout" in model else why is None
