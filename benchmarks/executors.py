"""What a training step takes compiled, or in shorter numbers, over an eager one in float32.

    python -m benchmarks.executors [--models lenet,mlp] [--device cuda] [--batch-size 256]
        [--rounds 9] [--seconds 1] [--threads 1]
        [--save FILE.json] [--compare FILE.json] [--picture FILE.png] [--json]

All ways of carrying a step out take turns in one process: eager, compiled, by a CUDA graph and in
bfloat16 and TF32 where the device has them. Figures are medians of the ratio to the eager turn of
the same round, of the processor's seconds on a CPU, of the clock's on a GPU; and the seconds that
compiling and capturing took.
"""

import argparse
import time
from contextlib import suppress
from functools import partial
from itertools import cycle
from statistics import median

import torch

from benchmarks.results import Results, options
from core.compiled import compile_forward
from core.config import RunConfig, make_config
from core.datasets import Dataset, Where, load
from core.device import Device, choose_device
from core.errors import DeviceError
from core.graphed import capture_step, check_executor
from core.precision import check_precision, computing
from core.prepare import prepare, settle
from core.training import Training


def configs_for(model: str, batch_size: int, device: Device) -> dict[str, RunConfig]:
    """The ways of training `model` that `device` has."""
    ways = {}
    for way in ("eager", "compile", "graph", "bfloat16", "tf32"):
        setting = "precision" if way in ("bfloat16", "tf32") else "executor"
        config = make_config({"model": model, "batch_size": batch_size, setting: way})
        with suppress(DeviceError):
            check_precision(config.precision, device)
            check_executor(config.executor, device)
            ways[way] = config
    return ways


def measure(results: Results, model: str, device: Device, given: argparse.Namespace) -> None:
    """Add what was found for one network."""
    dataset, trainings = _images(), {}
    configs = configs_for(model, given.batch_size, device)
    for way, config in configs.items():
        trainings[way] = prepare(settle(config, dataset), dataset, device)
        with computing(config.precision, False, device):  # a graph keeps what it was captured with
            if way == "compile":
                results.add(f"{model}: compiling", "s", compile_forward(trainings[way]))
            elif way == "graph":
                results.add(f"{model}: capturing", "s", capture_step(trainings[way]))
    turns = {way: partial(_turn, training, device) for way, training in trainings.items()}
    ratios: dict[str, list[float]] = {way: [] for way in trainings}
    for number in range(given.rounds + 1):
        taken = {}
        for way, turn in turns.items():
            with computing(configs[way].precision, False, device):
                taken[way] = turn(given.seconds)
        for way in taken if number else ():  # the first round allocates
            ratios[way].append(taken[way] / taken["eager"])
    for way in list(ratios)[1:]:
        results.add(f"{model}: {way}", "/ eager", median(ratios[way]))


def _turn(training: Training, device: Device, seconds: float) -> float:
    """Seconds a step, of about so many seconds of steps on gathered batches."""
    on_cpu = device.torch_name == "cpu"
    now = time.process_time if on_cpu else time.perf_counter
    began, steps, lr = now(), 0, training.position.lr
    # Full batches: a smaller last one runs eagerly anyway.
    for index in cycle(range(len(training.train_batches) - 1)):
        images, labels = training.train_batches.batch(1, index)
        loss, _ = training.step(images, labels, lr)
        steps += 1
        if not on_cpu and steps % 8 == 0:
            loss.item()  # waits, so that the queue does not grow past the end of the turn
        if now() - began > seconds:
            break
    loss.item()
    return (now() - began) / steps


def _images() -> Dataset:
    loading = load("fashion-mini", Where())
    while True:
        try:
            next(loading)
        except StopIteration as end:
            return end.value


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--models", default="lenet,mlp")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each turn")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    results, device = Results(), choose_device(given.device)
    for model in given.models.split(","):
        measure(results, model, device, given)
    results.tell(given)


if __name__ == "__main__":
    main()
