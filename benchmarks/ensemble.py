"""Several networks trained as one: what a step takes, over one network alone and all in turn.

    python benchmarks/ensemble.py [--device cuda] [--models mlp,lenet] [--count 8]
        [--batch-size 64] [--rounds 15] [--json]

Updates on fashion-mini with batches of 64, gathered as `nnlab train --repeat` does.
Each round times some steps of one network, of all one after the other, and of all as one; the
figures are medians over the rounds, of the processor on the CPU, of the clock on a GPU.
"""

import argparse
import json
import time
from collections.abc import Callable
from statistics import median

import torch

from core.config import make_config
from core.datasets import Where, load
from core.device import choose_device
from core.prepare import prepare, settle
from core.stack import Stack
from core.training import Training

STEPS = 5  # in a row, for each figure


def measure(
    model: str, count: int, batch_size: int, device_name: str, rounds: int
) -> dict[str, float]:
    """Seconds a step of one, of `count` in turn, and of `count` as one."""
    device = choose_device(device_name)
    config = make_config(
        {"model": model, "batch_size": batch_size, "device": device_name, "data": "fashion-mini"}
    )
    loading = load(config.data, Where())
    while True:
        try:
            next(loading)
        except StopIteration as end:
            dataset = end.value
            break
    configs = [settle(config.model_copy(update={"seed": n}), dataset) for n in range(count)]
    apart = [prepare(config, dataset, device) for config in configs]
    stack = Stack([prepare(c, dataset, device) for c in configs], config.optimizer, config.momentum)
    lrs = [config.lr] * count

    def alone(trainings: list[Training]) -> Callable[[], None]:
        def steps() -> None:
            for training in trainings:
                for index in range(STEPS):
                    training.step(*training.train_batches.batch(1, index), config.lr)

        return steps

    def as_one() -> None:
        for index in range(STEPS):
            stack.step(*stack.batch(1, index), lrs)

    ways = {"one": alone(apart[:1]), "in_turn": alone(apart), "as_one": as_one}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(rounds + 1):
        for way, steps in ways.items():
            taken = _seconds(steps, device.torch_name)
            if number:  # the first allocates
                seconds[way].append(taken / STEPS)
    return {way: median(taken) for way, taken in seconds.items()}


def _seconds(steps: Callable[[], None], device: str) -> float:
    if device == "cpu":
        began = time.process_time()
        steps()
        return time.process_time() - began
    torch.cuda.synchronize()
    began = time.perf_counter()
    steps()
    torch.cuda.synchronize()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description="Networks trained as one against each by itself.")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--models", default="softmax,mlp,lenet")
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for model in asked.models.split(","):
        found = measure(model, asked.count, asked.batch_size, asked.device, asked.rounds)
        row = {"model": model, "count": asked.count, "batch_size": asked.batch_size} | found
        if asked.json:
            print(json.dumps(row))
            continue
        print(
            f"{model:<8} {asked.count} as one: {found['as_one'] * 1e3:8.2f} ms a step, "
            f"{found['as_one'] / found['one']:5.2f} times one alone, "
            f"{found['as_one'] / found['in_turn']:5.2f} times all in turn"
        )


if __name__ == "__main__":
    main()
