"""How long an epoch of training takes, against a plain loop and the textbook's.

    python benchmarks/loop.py [--models softmax,mlp,lenet] [--rounds 5] [--json]

Three loops train the same network on the same images of fashion-mini, in turn (A B C, A B C, …),
so that what else the machine does hits all three. Printed are medians and the ratio to the plain
loop within each round: on a shared machine only the ratios mean much.

    nnlab      core.train.train with its reports and sums, evaluation left out
    plain      forward, backward, step over batches that are in memory already scaled
    textbook   torchvision's ToTensor per image in a DataLoader, metrics by .item() at every step
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

from core.batches import Batches, normalisation
from core.build import build_model
from core.datasets import Dataset, Images, Where, load
from core.schedules import SCHEDULES
from core.train import Position, Training, train

BATCH = 256
EPOCHS = 2  # in one round


class TensorImages(MNIST):
    """Images in memory, decoded the way torchvision's MNIST does it: one PIL image at a time."""

    def __init__(self, images: Images) -> None:
        self.data, self.targets = images.pixels[:, 0], images.labels
        self.transform, self.target_transform = ToTensor(), None


def fashion_mini() -> Dataset:
    loading = load("fashion-mini", Where())
    while True:
        try:
            next(loading)
        except StopIteration as end:
            return end.value


def fresh(model_name: str) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = build_model(model_name, 1, 10)
    return model, torch.optim.SGD(model.parameters(), 0.1, fused=True)


def nnlab_loop(model_name: str, data: Dataset) -> None:
    model, optimizer = fresh(model_name)
    scale = normalisation("unit", data.train)
    place = {"device": "cpu", "input_size": 28, "scale": scale}
    nothing = Images(data.test.pixels[:1], data.test.labels[:1])
    training = Training(
        model,
        optimizer,
        Batches(data.train, batch_size=BATCH, shuffle=True, **place),
        Batches(nothing, batch_size=1, **place),
        schedule=SCHEDULES["constant"],
        position=Position(epochs=EPOCHS, lr=0.1),
    )
    for _ in train(training):
        pass


def plain_loop(model_name: str, data: Dataset) -> None:
    model, optimizer = fresh(model_name)
    images, labels = data.train.pixels.float() / 255, data.train.labels
    for _ in range(EPOCHS):
        for batch, answers in zip(images.split(BATCH), labels.split(BATCH), strict=True):
            loss = F.cross_entropy(model(batch), answers)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def textbook_loop(model_name: str, data: Dataset) -> None:
    model, optimizer = fresh(model_name)
    loader = DataLoader(TensorImages(data.train), BATCH, shuffle=True)
    for _ in range(EPOCHS):
        total_loss = correct = 0.0
        for images, labels in loader:
            logits = model(images)
            loss = F.cross_entropy(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total_loss += loss.item() * len(labels)
            correct += (logits.argmax(1) == labels).sum().item()


LOOPS: dict[str, Callable[[str, Dataset], None]] = {
    "nnlab": nnlab_loop,
    "plain": plain_loop,
    "textbook": textbook_loop,
}


def measure(model_name: str, data: Dataset, rounds: int) -> dict[str, dict[str, float]]:
    """Medians over `rounds` of images per second and of the time relative to the plain loop."""
    seconds: dict[str, list[float]] = {name: [] for name in LOOPS}
    for round_number in range(rounds + 1):
        for name, loop in LOOPS.items():
            started = time.perf_counter()
            loop(model_name, data)
            if round_number:  # the first one warms up
                seconds[name].append(time.perf_counter() - started)
    images = EPOCHS * len(data.train)
    return {
        name: {
            "images_per_second": images / statistics.median(times),
            "times_plain": statistics.median(
                t / p for t, p in zip(times, seconds["plain"], strict=True)
            ),
        }
        for name, times in seconds.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default="softmax,mlp,lenet")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # the steadiest on a shared machine, and the same for all three
    data = fashion_mini()
    results = {
        model: measure(model, data, arguments.rounds) for model in arguments.models.split(",")
    }
    if arguments.json:
        print(json.dumps(results, indent=1))
        return
    print(f"batch {BATCH}, {EPOCHS} epochs of {len(data.train):,} images a round, 1 thread")
    print(f"{'network':<10} {'loop':<10} {'images/s':>10} {'time / plain':>13}")
    for model, loops in results.items():
        for name, figures in loops.items():
            rate, ratio = figures["images_per_second"], figures["times_plain"]
            print(f"{model:<10} {name:<10} {rate:>10,.0f} {ratio:>13.2f}")


if __name__ == "__main__":
    main()
