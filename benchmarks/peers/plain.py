"""A plain loop over tensors that lie in memory, already scaled; hits are counted in the loop."""

from collections.abc import Callable

import torch
import torch.nn.functional as F

from benchmarks.peers import LR, Work


def prepare(work: Work) -> Callable[[], None]:
    images, labels = work.tensors(work.dataset.train)
    test_images, test_labels = work.tensors(work.dataset.test)

    def fit() -> None:
        model = work.fresh_model()
        optimizer = torch.optim.SGD(model.parameters(), LR)
        for _ in range(work.epochs):
            model.train()
            total_loss, correct = torch.zeros(()), torch.zeros((), dtype=torch.int64)
            for chosen in torch.randperm(len(labels)).split(work.batch_size):
                answers = labels[chosen]
                logits = model(images[chosen])
                loss = F.cross_entropy(logits, answers)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total_loss += loss.detach()
                correct += (logits.argmax(1) == answers).sum()
            model.eval()
            with torch.inference_mode():
                for some, answers in zip(
                    test_images.split(1000), test_labels.split(1000), strict=True
                ):
                    correct += (model(some).argmax(1) == answers).sum()

    return fit
