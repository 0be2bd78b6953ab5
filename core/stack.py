"""Several networks of one architecture as one: their parameters stacked, their step taken together.

Each parameter is a tensor (K, ...), of which the K networks' own parameters are views: whoever has
one of the networks, to save it or to look inside, finds it as if it were alone. `torch.func.vmap`
runs the K forward passes as one, each on a batch of its own. As no network touches another, the
gradient of the sum of their losses holds the gradient of each, and one that has become NaN leaves
the others alone.

Learning rates and weight decays differ from network to network, and an optimizer of torch has one
for all. So it moves zeros, with a learning rate of 1 and no weight decay: then they are the change
that each network is to make, times its own learning rate. Its state is that of a separate run.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from core.batches import Batches, stacked_batch
from core.losses import Loss
from core.optimizers import OPTIMIZERS
from core.sums import zeros
from core.task import Score
from core.training import BatchSource, Training

# Images of all networks together that are evaluated at once: without gradients, but K times.
EVALUATED_AT_ONCE = 16_000

Parameters = dict[str, Tensor]  # name -> (K, ...)


class Stack:
    """The networks of `trainings`, which from now on are trained through this.

    All have the same architecture, optimizer and momentum. An optimizer that has a past goes on
    from it, so that some of the networks of one stack can go on in a new one.
    """

    def __init__(self, trainings: Sequence[Training], optimizer: str, momentum: float) -> None:
        self.trainings = list(trainings)
        first = self.trainings[0]
        self._model, self._loss, self._score = first.model, first.loss, first.score
        self._label_smoothing = first.label_smoothing
        self._decoupled = bool(OPTIMIZERS.declared[optimizer].facts.get("decoupled"))
        self._parameters = _stack_parameters([t.model for t in self.trainings])
        self._weights = [w for w in self._parameters.values() if w.requires_grad]
        self._owns = [_trained(t.model) for t in self.trainings]
        self._gradients: Sequence[Tensor] = ()
        self._changes = [nn.Parameter(torch.zeros_like(w)) for w in self._weights]
        self._optimizer = OPTIMIZERS[optimizer]([{"params": self._changes}], 1.0, momentum, 0.0)
        self._take_up_past()
        settings = [_settings(t) for t in self.trainings]
        self._decays = self._by_weight(settings, "weight_decay")
        self._l1s = self._by_weight(settings, "l1")
        self._lrs: list[float] = []
        self._lr = zeros(self.device, len(self.trainings))

    @property
    def device(self) -> torch.device:
        return self._weights[0].device

    def batch(self, epoch: int, index: int) -> tuple[Tensor, Tensor]:
        """The next training batch of each network: images (K, B, ...) and labels (K, B)."""
        return stacked_batch([_batches(t) for t in self.trainings], epoch, index)

    def step(self, images: Tensor, labels: Tensor, lrs: list[float]) -> tuple[Tensor, Tensor]:
        """One update of each network with its learning rate.

        Returns the mean loss and the summed score of each batch before it, (K,) both.
        """
        losses, logits = _forward(self._model, self._loss, self._label_smoothing)(
            self._parameters, images, labels
        )
        gradients = torch.autograd.grad(losses.sum(), self._weights)
        # In the order of the weights in memory, as the fused optimizers take for granted.
        self._gradients = [g.contiguous() for g in gradients]
        with torch.no_grad():
            self._update(lrs)
            return losses.detach(), vmap(self._score)(logits.detach(), labels).sum(1)

    def test(self, batches: BatchSource, score: Score, index: int) -> tuple[Tensor, Tensor, int]:
        """What each network makes of a batch that all have in common: mean losses and summed
        scores, (K,) both, and how many images there were."""
        self._model.eval()
        # Left before anything is yielded: a consumer must not find itself in inference mode.
        with torch.inference_mode():
            images, labels = batches.batch(0, index)
            losses, scores = vmap(
                _tested(self._model, self._loss, score),
                in_dims=(0, None, None),
                chunk_size=max(1, EVALUATED_AT_ONCE // len(labels)),
            )(self._parameters, images, labels)
        self._model.train()
        return losses, scores, len(labels)

    def hand_out(self, place: int) -> None:
        """Bring the optimizer and the gradients of one network up to date, as views of these; its
        parameters always are."""
        optimizer = self.trainings[place].optimizer
        for own, change in zip(self._owns[place], self._changes, strict=True):
            if (past := self._optimizer.state.get(change)) is not None:
                optimizer.state[own] = {
                    name: value[place] if _is_of_each(name, value) else _copy(value)
                    for name, value in past.items()
                }
        for own, gradient in zip(self._owns[place], self._gradients, strict=False):
            own.grad = gradient[place]
        for group in optimizer.param_groups:
            group["lr"] = self._lrs[place] if self._lrs else group["lr"]

    def _update(self, lrs: list[float]) -> None:
        if lrs != self._lrs:
            self._lrs = lrs
            self._lr = torch.tensor(lrs, device=self.device)
        for weight, change, gradient, decay, l1 in zip(
            self._weights, self._changes, self._gradients, self._decays, self._l1s, strict=True
        ):
            if l1 is not None:
                gradient.addcmul_(weight.sign(), l1)
            if decay is not None and not self._decoupled:
                gradient.addcmul_(weight, decay)
            change.zero_()
            change.grad = gradient
        self._optimizer.step()
        for weight, change, decay in zip(self._weights, self._changes, self._decays, strict=True):
            lr = _of_each(self._lr, weight)
            if decay is not None and self._decoupled:
                weight.mul_(1 - lr * decay)
            weight.addcmul_(change, lr)

    def _take_up_past(self) -> None:
        for place, change in enumerate(self._changes):
            pasts = [
                training.optimizer.state.get(owns[place])
                for training, owns in zip(self.trainings, self._owns, strict=True)
            ]
            if all(pasts):
                self._optimizer.state[change] = {
                    name: torch.stack([past[name] for past in pasts if past]).contiguous()
                    if _is_of_each(name, value)
                    else _copy(value)
                    for name, value in (pasts[0] or {}).items()
                }

    def _by_weight(
        self, settings: Sequence[dict[nn.Parameter, dict[str, Any]]], name: str
    ) -> list[Tensor | None]:
        """For each weight what its networks have as `name`, (K, 1, ...); None where all have 0."""
        found: list[Tensor | None] = []
        for place, weight in enumerate(self._weights):
            values = [of[owns[place]][name] for of, owns in zip(settings, self._owns, strict=True)]
            tensor = torch.tensor(values, device=self.device)
            found.append(_of_each(tensor, weight) if any(values) else None)
        return found


def why_not_stacked(model: nn.Module, loss: Loss, images: Tensor, labels: Tensor) -> str | None:
    """Why networks like `model` cannot be trained as one, in a line; None if they can.

    It is tried on a batch, (B, C, H, W) and (B,), and on whatever device that is; may be "meta".
    """
    if kept := next((name for name, _ in model.named_buffers()), None):
        return f"it keeps figures of its own beside its weights ({kept})"
    parameters = {n: p.detach().unsqueeze(0) for n, p in model.named_parameters()}
    parameters = {n: p.clone().requires_grad_() for n, p in parameters.items()}
    try:
        losses, _ = _forward(model, loss, 0.0)(parameters, images[None], labels[None])
        torch.autograd.grad(losses.sum(), list(parameters.values()), allow_unused=True)
    except Exception as error:  # anything can go wrong in a user's forward()
        reason = str(error).strip().partition("\n")[0]
        if "randomness" in reason or "random" in reason:
            return "it draws random numbers (dropout), and would draw others than alone"
        return f"it cannot be computed for several at once: {reason or type(error).__name__}"
    return None


def _forward(model: nn.Module, loss: Loss, label_smoothing: float) -> Callable[..., Any]:
    """Of stacked parameters, images and labels: losses (K,) and logits (K, B, ...)."""

    def one(parameters: Parameters, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        logits = functional_call(model, parameters, (images,))
        return loss(logits, labels, label_smoothing), logits

    return vmap(one)


def _tested(model: nn.Module, loss: Loss, score: Score) -> Callable[..., tuple[Tensor, Tensor]]:
    def one(parameters: Parameters, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        logits = functional_call(model, parameters, (images,))
        return loss(logits, labels), score(logits, labels).sum()

    return one


def _stack_parameters(models: Sequence[nn.Module]) -> Parameters:
    """The parameters of all `models` in new tensors; the models' own become views of them."""
    named = [dict(model.named_parameters()) for model in models]
    stacked: Parameters = {}
    for name, first in named[0].items():
        owns = [parameters[name] for parameters in named]
        # Contiguous: alone, the weights of convolutions may have their channels last.
        together = torch.stack([own.detach() for own in owns]).contiguous()
        for own, view in zip(owns, together, strict=True):
            own.data = view
        stacked[name] = together.requires_grad_(first.requires_grad)
    return stacked


def _trained(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def _settings(training: Training) -> dict[nn.Parameter, dict[str, Any]]:
    """The group of the optimizer that each parameter is in."""
    groups = training.optimizer.param_groups
    return {parameter: group for group in groups for parameter in group["params"]}


def _batches(training: Training) -> Batches:
    assert isinstance(training.train_batches, Batches)
    return training.train_batches


def _of_each(values: Tensor, weight: Tensor) -> Tensor:
    """(K,) -> (K, 1, ...), to be broadcast over `weight`."""
    return values.view(-1, *[1] * (weight.dim() - 1))


def _is_of_each(name: str, value: Any) -> bool:
    """Whether this part of an optimizer's state has a value for each weight."""
    return isinstance(value, Tensor) and name != "step"


def _copy(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value
