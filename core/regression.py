"""Linear regression on made-up data, whose true parameters it must find: note 000, sections 2.1
(from scratch) and 2.2 (with torch.nn).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.initializers import initialize
from core.layers.loss import squared_loss
from core.models import MODELS
from core.optimizers import OPTIMIZERS

TRUE_WEIGHTS = (2.0, -3.4)
TRUE_BIAS = 4.2
EXAMPLES = 1000
NOISE = 0.01  # standard deviation


@dataclass(frozen=True)
class Version:
    """How the note fits the line. A step of both shrinks the error of w by about the same: the
    second has half of the steps, and a loss without the 1/2, whose gradient is twice as large."""

    loss: Callable[[Tensor, Tensor], Tensor]
    optimizer: str
    batch_size: int
    published: tuple[float, float, float]  # loss over all examples after each epoch
    lr: float = 0.01


VERSIONS = {
    "linear_scratch": Version(squared_loss, "sgd_scratch", 5, (0.292531, 0.005235, 0.000142)),
    "linear": Version(nn.MSELoss(), "sgd", 10, (0.552002, 0.009066, 0.000246)),
}


@dataclass(frozen=True)
class Fit:
    """What a regression found."""

    losses: tuple[float, ...]  # over all examples, after each epoch
    weights: tuple[float, ...]
    bias: float


def synthetic_data(seed: int) -> tuple[Tensor, Tensor]:
    """Features (N, 2), standard normal, and targets (N, 1): w x + b and a little noise."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(EXAMPLES, len(TRUE_WEIGHTS), generator=generator)
    noise = NOISE * torch.randn(EXAMPLES, 1, generator=generator)
    return features, features @ torch.tensor(TRUE_WEIGHTS)[:, None] + TRUE_BIAS + noise


def fit(name: str, seed: int, epochs: int = 3) -> Fit:
    """Fit a line as the version called `name`; `seed` gives the data, the start and the batches.

    Sets torch's random state.
    """
    version = VERSIONS[name]
    features, targets = synthetic_data(seed)
    torch.manual_seed(seed)
    model = MODELS[name](in_channels=features.shape[1])
    initialize(model, "normal", {"std": 0.01})
    weight, bias = model.parameters()
    nn.init.zeros_(bias)
    optimizer = OPTIMIZERS[version.optimizer](model.parameters(), version.lr, 0.0, 0.0)
    losses = []
    for _ in range(epochs):
        for batch in torch.randperm(len(features)).split(version.batch_size):
            loss = version.loss(model(features[batch]), targets[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            losses.append(version.loss(model(features), targets).item())
    return Fit(tuple(losses), tuple(weight.flatten().tolist()), bias.item())
