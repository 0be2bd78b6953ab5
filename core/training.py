"""What a training is made of: batches, a step, a position, and those who take part in it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from torch import Tensor, nn
from torch.optim import Optimizer

from core.clock import Stopwatch
from core.control import Control
from core.events import Event
from core.layer_watch import LayerWatch
from core.losses import Loss
from core.losses.classification import cross_entropy
from core.precision import Precision, outputs
from core.schedules import Schedule, warm_up
from core.task import Score, hits


class BatchSource(Protocol):
    """The batches of one part of a data set; see core.batches."""

    def __len__(self) -> int:
        """Batches in one epoch."""

    def batch(self, epoch: int, index: int) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W) and labels (B,), a pure function of its arguments."""

    @property
    def held_back(self) -> float:
        """Seconds of the last `batch` in which it waited for the device and not for data."""


# Images and labels of a batch -> the mean loss to minimise, and the logits.
Forward = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class Step(Protocol):
    """One update of the network, however it is carried out."""

    def __call__(self, images: Tensor, labels: Tensor, lr: float) -> tuple[Tensor, Tensor]:
        """The mean loss and the outputs of this batch before the update, on the device."""


class Team(Protocol):
    """The other processes that train the same run; see core.parallel."""

    orders: Control  # what all have agreed to do

    def counts(self, batches: BatchSource) -> bool:
        """Whether this process adds up what it computed of the last batch."""

    def meets(self, step: int) -> bool:
        """Whether all meet after so many steps; the same for all, and cheap."""

    def meet(self, step: int, sums: Sequence[float]) -> list[float]:
        """`sums` added up over all processes, once they have come to this step."""

    def agree(self) -> None:
        """Meet without a step, only for the orders."""

    def listen(self, seconds: float) -> None:
        """Wait until somebody is asked for something, at most `seconds`; then all agree."""

    def total(self, values: Sequence[float]) -> list[float]:
        """The sums of `values` over all processes."""


class Saving(Protocol):
    """Keeps a run as checkpoints; see core.saving."""

    def due(self) -> bool:
        """Whether it is time for one in the middle of an epoch; cheap enough for every step."""

    def save(self, reason: str) -> Iterator[Event]:
        """Save the position that the training is at now."""

    def end_epoch(self) -> Iterator[Event]:
        """Take note of an epoch's end, and save it if it is worth that."""


@dataclass(frozen=True)
class Position:
    """Where a run is, and what it has summed up on the way: with the weights, the optimizer and
    the random state, all that continuing needs."""

    epoch: int = 1  # in progress; one more than planned once all is done
    batch: int = 0  # batches of this epoch done
    step: int = 0  # updates since the start of the run
    loss_sum: float = 0.0  # over this epoch's training images so far
    score_sum: float = 0.0  # see core.task.Score
    seen: int = 0
    seconds: float = 0.0  # this epoch, training alone, without pauses
    total_seconds: float = 0.0  # epochs completed
    best_epoch: int | None = None
    best_step: int | None = None
    best_test_score: float | None = None
    epochs: int = 0  # planned
    lr: float = 0.0  # peak learning rate


class Training:
    """A run in progress: what `train()` changes step by step, and what a checkpoint reads."""

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        train_batches: BatchSource,
        test_batches: BatchSource,
        *,
        schedule: Schedule,
        position: Position,
        warmup: float = 0.0,
        loss: Loss = cross_entropy,
        score: Score = hits,
        test_score: Score = hits,
        label_smoothing: float = 0.0,
        precision: Precision = "float32",
        report_interval: float = 0.1,
        control: Control | None = None,
        saving: Saving | None = None,
        evaluated_train: BatchSource | None = None,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.train_batches = train_batches
        self.test_batches = test_batches
        # The training images as they are evaluated after each epoch; None: its own sums will do.
        self.evaluated_train = evaluated_train
        self.schedule = schedule
        self.position = position
        self.warmup = warmup  # epochs
        self.loss = loss
        self.score = score
        self.test_score = test_score
        self.label_smoothing = label_smoothing
        self.precision: Precision = precision
        self.report_interval = report_interval
        self.control = control or Control()
        self.saving = saving
        # What an executor puts its own in place of: `forward` alone, or the whole step.
        self.forward: Forward = self.eager_forward
        self.step: Step = self.eager_step
        self.layers = LayerWatch(model)
        self.team: Team | None = None  # None: alone
        self.stopping = False
        self.paused = False
        self.last_epoch_wanted = False
        self.watch = Stopwatch(position.seconds)

    @property
    def orders(self) -> Control:
        """What is to be done now: what `control` was asked for, in a team what all agreed on."""
        return self.team.orders if self.team else self.control

    def move(self, **changes: Any) -> None:
        """Change the position in these fields."""
        self.position = replace(self.position, **changes)

    def eager_forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The mean loss and the logits, as the network and the loss compute them."""
        logits = outputs(self.model, images, self.precision)
        return self.loss(logits, labels, self.label_smoothing), logits

    def eager_step(self, images: Tensor, labels: Tensor, lr: float) -> tuple[Tensor, Tensor]:
        """`forward`, backward and the optimizer's update, one after the other."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr
            for parameter in group["params"]:  # zero_grad() does no more, in 6 % of the least step
                parameter.grad = None
        loss, logits = self.forward(images, labels)
        loss.backward()
        self.optimizer.step()
        return loss.detach(), logits.detach()

    def lr_at(self, step: int) -> float:
        """The learning rate of the update after `step` updates."""
        steps = len(self.train_batches)
        factor = self.schedule(min(step / (self.position.epochs * steps), 1.0))
        # One step ahead: the first update of a warm-up is small, but not lost.
        return self.position.lr * factor * warm_up((step + 1) / steps, self.warmup)
