"""Losses and scores of many batches, added up on the device."""

import torch
from torch import Tensor

from core.task import Score

HELD = 16  # batches that are scored at once, at most

# Since the last report: summed loss and score, images, seconds that batches were waited for.
Taken = tuple[float, float, int, float]


class Sums:
    """Loss and score since the last report, summed on the device: reading a value back would wait
    for the device to finish all the work it was given.

    Batches of one size are scored several at a time: one by one, that takes a tenth of a small
    network's step.
    """

    def __init__(self, device: torch.device, score: Score) -> None:
        self._loss = zeros(device)
        self._score_sum = zeros(device)
        self._score = score
        self._held: list[tuple[Tensor, Tensor, Tensor]] = []  # mean loss, outputs, labels
        self._size = 0  # of each of these batches
        self.seen = 0
        self.waited = 0.0  # seconds

    def add(self, mean_loss: Tensor, outputs: Tensor, labels: Tensor) -> None:
        count = len(labels)
        if self._held and (len(self._held) == HELD or count != self._size):
            self._sum_up()
        self._held.append((mean_loss, outputs, labels))
        self._size = count
        self.seen += count

    def _sum_up(self) -> None:
        losses, outputs, labels = zip(*self._held, strict=True)
        self._held = []
        exact = self._loss.dtype
        self._loss.add_(torch.stack(losses).sum(dtype=exact), alpha=self._size)
        self._score_sum.add_(self._score(torch.cat(outputs), torch.cat(labels)).sum(dtype=exact))

    def take(self) -> Taken:
        """All of it, and begin anew. Waits for the device."""
        if self._held:
            self._sum_up()
        taken = (self._loss.item(), self._score_sum.item(), self.seen, self.waited)
        self._loss.zero_()
        self._score_sum.zero_()
        self.seen, self.waited = 0, 0.0
        return taken


def zeros(device: torch.device, *size: int) -> Tensor:
    """Sums of losses or scores to begin with: one, or of this size.

    In float64 the sum of an epoch's float32 losses is exact, so that it does not depend on when a
    report came in between; a resumed run has the same figures to the last digit.
    """
    exact = device.type != "mps"  # which has no float64
    return torch.zeros(size, dtype=torch.float64 if exact else torch.float32, device=device)
