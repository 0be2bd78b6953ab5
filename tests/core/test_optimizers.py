import inspect
from collections.abc import Iterable

import pytest
import torch
from torch import nn, optim

from core.checkpoint import Circumstances, load_checkpoint, take_snapshot, write_snapshot
from core.layers.loss import l1_penalty, l2_penalty
from core.models import MODELS
from core.optimizers import OPTIMIZERS, has_momentum, make_optimizer
from core.training import Position

NOWHERE = Circumstances({}, {}, "")
TWINS = {  # every scratch optimizer and torch's, for a learning rate, momentum and weight decay
    "sgd_scratch": lambda p, lr, m, wd: optim.SGD(p, lr, m, weight_decay=wd),
    "nesterov_scratch": lambda p, lr, m, wd: optim.SGD(
        p, lr, m or 0.9, weight_decay=wd, nesterov=True
    ),
    "adagrad_scratch": lambda p, lr, m, wd: optim.Adagrad(p, lr, weight_decay=wd),
    "adadelta_scratch": lambda p, lr, m, wd: optim.Adadelta(p, lr, weight_decay=wd),
    "rmsprop_scratch": lambda p, lr, m, wd: optim.RMSprop(p, lr, momentum=m, weight_decay=wd),
    "adam_scratch": lambda p, lr, m, wd: optim.Adam(p, lr, (m or 0.9, 0.999), weight_decay=wd),
}
TWINS |= {name.removesuffix("_scratch"): twin for name, twin in TWINS.items()}
TWINS["adamw"] = lambda p, lr, m, wd: optim.AdamW(p, lr, (m or 0.9, 0.999), weight_decay=wd)
WITHOUT_MOMENTUM = {"adagrad", "adadelta", "adagrad_scratch", "adadelta_scratch"}


def with_and_without_momentum(names: Iterable[str]) -> list[tuple[str, float]]:
    return [(n, m) for n in names for m in (0.0, 0.6) if not m or n not in WITHOUT_MOMENTUM]


def weights() -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [
        nn.Parameter(torch.randn(*shape, generator=generator, dtype=torch.float64))
        for shape in [(3, 4), (4,)]
    ]


def loss_of(parameters: list[nn.Parameter]) -> torch.Tensor:
    """A valley that is steep in some directions and flat in others."""
    matrix, vector = parameters
    steepness = torch.logspace(-2, 1, 4, dtype=torch.float64)
    return (steepness * (matrix - vector) ** 2).sum() + (vector - 1).pow(4).sum() + matrix.sum()


def walk(optimizer: optim.Optimizer, parameters: list[nn.Parameter], steps: int) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(parameters).backward()
        optimizer.step()


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3))


@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_every_optimizer_takes_a_step_downhill_at_its_own_default_learning_rate(name):
    weight = nn.Parameter(torch.tensor([3.0]))
    lr = OPTIMIZERS.declared[name].facts["lr"]
    optimizer = OPTIMIZERS[name]([weight], lr, 0.0, 0.0)
    (weight**2).backward()
    optimizer.step()
    assert 0 < weight.item() < 3


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize(("name", "momentum"), with_and_without_momentum(OPTIMIZERS))
def test_every_optimizer_goes_where_torch_goes_for_many_steps(name, momentum, weight_decay):
    ours, theirs = weights(), weights()
    walk(OPTIMIZERS[name](ours, 0.004, momentum, weight_decay), ours, steps=200)
    walk(TWINS[name](theirs, 0.004, momentum, weight_decay), theirs, steps=200)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)
    assert loss_of(ours) < loss_of(weights())


def test_sgd_with_momentum_and_weight_decay_follows_its_formula():
    weight = nn.Parameter(torch.tensor([3.0]))
    optimizer = OPTIMIZERS["sgd"]([weight], 0.1, 0.9, 0.01)
    velocity, expected = 0.0, 3.0
    for _ in range(3):
        optimizer.zero_grad()
        (weight**2).backward()
        optimizer.step()
        velocity = 0.9 * velocity + 2 * expected + 0.01 * expected
        expected -= 0.1 * velocity
    assert weight.item() == pytest.approx(expected)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_momentum_is_beta1_of_adam(name):
    optimizer = OPTIMIZERS[name]([nn.Parameter(torch.ones(1))], 0.001, 0.5, 0.0)
    assert optimizer.param_groups[0]["betas"] == (0.5, 0.999)


def test_which_optimizers_have_a_momentum_is_a_fact_about_them():
    assert {name for name in OPTIMIZERS if not has_momentum(name)} == WITHOUT_MOMENTUM


@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_a_momentum_makes_a_difference_where_there_is_one(name):
    with_it, without = weights(), weights()
    walk(OPTIMIZERS[name](with_it, 0.004, 0.5, 0.0), with_it, steps=5)
    walk(OPTIMIZERS[name](without, 0.004, 0.0, 0.0), without, steps=5)
    assert has_momentum(name) != torch.equal(with_it[0], without[0])


@pytest.mark.parametrize("name", list(TWINS))
def test_weights_that_the_loss_does_not_reach_stay(name):
    used, unused = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    optimizer = OPTIMIZERS[name]([used, unused], 0.1, 0.0, 0.1)
    used.sum().backward()
    optimizer.step()
    assert used[0] < 1
    assert torch.equal(unused, torch.ones(2))


@pytest.mark.parametrize(
    ("name", "momentum"), with_and_without_momentum(n for n in TWINS if n.endswith("_scratch"))
)
def test_a_scratch_optimizer_continues_from_a_checkpoint_as_if_never_stopped(
    name, momentum, tmp_path
):
    straight, first = weights(), weights()
    walk(OPTIMIZERS[name](straight, 0.004, momentum, 0.1), straight, steps=20)
    optimizer = OPTIMIZERS[name](first, 0.004, momentum, 0.1)
    walk(optimizer, first, steps=8)
    snapshot = take_snapshot(nn.ParameterList(first), optimizer, Position(), NOWHERE)

    checkpoint = load_checkpoint(write_snapshot(tmp_path, snapshot))
    second = weights()
    nn.ParameterList(second).load_state_dict(checkpoint.model)
    optimizer = OPTIMIZERS[name](second, 0.004, momentum, 0.1)
    optimizer.load_state_dict(checkpoint.optimizer)
    walk(optimizer, second, steps=12)
    torch.testing.assert_close(second, straight, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["sgd", "sgd_scratch", "adam", "adam_scratch"])
def test_weight_decay_and_l1_are_the_gradients_of_their_penalties(name):
    ours, theirs = network(), network()
    images = torch.randn(5, 1, 4, 4)
    decayed = make_optimizer(name, ours, 0.01, weight_decay=0.1, l1=0.03)
    plain = OPTIMIZERS[name](theirs.parameters(), 0.01, 0.0, 0.0)
    for _ in range(20):
        for model, optimizer in ((ours, decayed), (theirs, plain)):
            loss = model(images).square().mean()
            if model is theirs:
                parameters = list(model.parameters())
                loss = loss + 0.1 * l2_penalty(parameters) + 0.03 * l1_penalty(parameters)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    torch.testing.assert_close(list(ours.parameters()), list(theirs.parameters()))


@pytest.mark.parametrize("name", ["sgd", "sgd_scratch", "adamw"])
def test_decay_can_be_kept_from_biases_and_from_the_scales_of_normalisations(name):
    model = network()
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    optimizer = make_optimizer(name, model, 0.1, weight_decay=0.1, l1=0.01, decay_biases=False)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    moved = [n for n, p in model.named_parameters() if not torch.equal(p, before[n])]
    assert moved == ["0.weight", "3.weight"]
    assert model[3].weight.abs().sum() < before["3.weight"].abs().sum()


def test_what_is_decayed_is_part_of_what_a_checkpoint_keeps(tmp_path):
    model = network()
    optimizer = make_optimizer("sgd_scratch", model, 0.1, l1=0.01, decay_biases=False)
    saved = write_snapshot(tmp_path, take_snapshot(model, optimizer, Position(), NOWHERE))
    fresh = make_optimizer("sgd_scratch", model, 0.1, l1=0.01, decay_biases=False)
    fresh.load_state_dict(load_checkpoint(saved).optimizer)
    assert [group["l1"] for group in fresh.param_groups] == [0.01, 0.0]


@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_every_optimizer_is_made_of_the_same_settings_for_every_network(name):
    assert list(inspect.signature(OPTIMIZERS[name]).parameters) == [
        "params",
        "lr",
        "momentum",
        "weight_decay",
    ]
    model = MODELS["softmax"](1, 3, input_size=2)
    assert isinstance(make_optimizer(name, model, 0.1), optim.Optimizer)
