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
            total_loss = torch.zeros((), device=work.device)
            correct = torch.zeros((), dtype=torch.int64, device=work.device)
            order = torch.randperm(len(labels), device=work.device)
            for chosen in order.split(work.batch_size):
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
            correct.item()  # waits for a GPU

    return fit
