"""The limit: forward, backward and optimizer step over batches that are ready, and nothing else."""

from collections.abc import Callable

import torch
import torch.nn.functional as F

from benchmarks.peers import LR, Work

EVALUATES = False


def prepare(work: Work) -> Callable[[], None]:
    images, labels = work.tensors(work.dataset.train)
    batches = list(zip(images.split(work.batch_size), labels.split(work.batch_size), strict=True))

    def fit() -> None:
        model = work.fresh_model()
        optimizer = torch.optim.SGD(model.parameters(), LR, fused=True)
        model.train()
        for _ in range(work.epochs):
            for some, answers in batches:
                loss = F.cross_entropy(model(some), answers)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        loss.item()  # waits for a GPU

    return fit
