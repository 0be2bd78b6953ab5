"""`--executor graph`: network, loss and their gradients as one CUDA graph.

On a GPU, a small network waits for its launches: each of the many kernels of a step takes longer to
be started, one after the other, than to be computed. A graph starts all of them at once.

Captured are the forward and the backward pass, which are nearly all of them. The update is not: it
is one to three launches where it is fused, so that every optimizer can be chosen, its state and
with it a checkpoint are what they are without a graph, and the learning rate is a number that may
change at any step. Nor are the batches, whose augmentation draws from generators on the CPU. A
smaller last batch and the evaluation run eagerly.

A graph repeats the very kernels, on the very memory, that it was captured with. So batches are
copied to where the first one was, and each replay computes the loss and the gradients anew where
they were then. Dropout draws on: torch keeps the place of the device's generator for each replay.
"""

import gc
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from core.compiled import what_puts_back
from core.device import Device
from core.errors import DeviceError
from core.random_state import random_state
from core.training import Training

WARM_UPS = 3  # before a capture, as torch advises: libraries set themselves up in the first ones
TOLERANCE = 0.01  # of a replay against an eager step, whose sums may come in another order
WAITING = "called a synchronizing CUDA operation"  # torch's words

# What is captured: loss, outputs and gradients of a batch that always lies in the same memory.
Work = Callable[[], list[Tensor]]


class CannotCapture(Exception):
    """Why the steps of this network can only run eagerly; in one line."""


def check_executor(executor: str, device: Device) -> None:
    """Raises DeviceError if there are no such steps on `device`."""
    if executor == "graph" and not device.torch_name.startswith("cuda"):
        raise DeviceError(
            f"executor = graph: {device.torch_name} ({device.name}) has no CUDA graphs.",
            "Leave out --executor, or give compile; a graph needs a CUDA GPU.",
        )


def capture_step(training: Training) -> float:
    """Have `training` compute its full batches by a CUDA graph. Returns the seconds it took.

    Weights, buffers and generators are as before, the gradients are none. Raises CannotCapture.
    """
    began = time.perf_counter()
    model, optimizer = training.model, training.optimizer
    batch = training.train_batches.batch(1, 0)
    static_images, static_labels = (part.clone() for part in batch)
    device, full = static_labels.device, len(static_labels)
    buffers = list(model.buffers())
    put_back = what_puts_back(training)

    def work() -> list[Tensor]:
        optimizer.zero_grad()
        loss, logits = training.eager_forward(static_images, static_labels)
        loss.backward()
        gradients = [w.grad for w in model.parameters() if w.grad is not None]
        return [loss.detach(), logits.detach(), *gradients]

    try:
        model.train()
        expected = work()
        put_back()
        drawn = _drawn_in_python(device)
        outputs, replay = capture(work, device)
        weights = [w for w in model.parameters() if w.grad is not None]
        if drawn != _drawn_in_python(device):
            raise CannotCapture("it draws numbers of Python's or NumPy's, and those would stay")
        if any(now is not before for now, before in zip(model.buffers(), buffers, strict=True)):
            raise CannotCapture("it replaces its buffers where it should change them in place")
        put_back()
        replay()
        if not _close(outputs, expected):
            raise CannotCapture("the graph gives another loss, or other gradients")
    except CannotCapture:
        raise
    except Exception as error:  # whatever CUDA may raise; what the network raises, it repeats
        # That a capture has ended in an error is told in place of the error.
        first = error.__context__ or error
        line = (str(first).strip().splitlines() or [type(first).__name__])[0][:200]
        raise CannotCapture(line) from error
    finally:
        put_back()
    loss, logits, *gradients = outputs

    def step(images: Tensor, labels: Tensor, lr: float) -> tuple[Tensor, Tensor]:
        if len(labels) != full:
            return training.eager_step(images, labels, lr)
        for group in optimizer.param_groups:
            group["lr"] = lr
        static_images.copy_(images)
        static_labels.copy_(labels)
        replay()
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient  # an eager step before this one has left its own
        optimizer.step()
        return loss.clone(), logits.clone()  # the next replay overwrites them

    training.step = step
    return time.perf_counter() - began


def capture(work: Work, device: torch.device) -> tuple[list[Tensor], Callable[[], None]]:
    """What `work` returned while it was captured, and a function that computes that anew, in the
    same memory. Raises CannotCapture, or what CUDA raises."""
    with torch.cuda.device(device):
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                work()
            _check_never_waits(work)
        torch.cuda.current_stream().wait_stream(stream)
        gc.collect()  # a graph of an earlier run must not be freed in the middle of this capture
        graph = torch.cuda.CUDAGraph()
        # Other threads may meanwhile allocate or copy: that is nothing to this graph.
        with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            outputs = work()
        return outputs, graph.replay


def _check_never_waits(work: Work) -> None:
    """Raises CannotCapture, naming the line, if `work` reads a value back from the device.

    A capture would fail there too, but without a line, and leaves torch's allocator and generator
    in doubt.
    """
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            work()
        finally:
            torch.cuda.set_sync_debug_mode(before)
    for warning in told:
        if WAITING in str(warning.message):
            place = f"{Path(warning.filename).name}, line {warning.lineno}"
            raise CannotCapture(f"it waits for the GPU in the middle of a step ({place})")


def _drawn_in_python(device: torch.device) -> tuple[object, object]:
    """Where the generators stand that no graph knows of."""
    state = random_state(device)
    return state["python"], state["numpy"]


def _close(outputs: list[Tensor], expected: list[Tensor]) -> bool:
    """Whether loss and gradients are the same but for rounding; all together, for one alone may be
    nothing but rounding."""
    found, wanted = (
        torch.cat([part.flatten().float() for part in (loss, *gradients)])
        for loss, _, *gradients in (outputs, expected)
    )
    far = torch.linalg.vector_norm(found - wanted) > TOLERANCE * torch.linalg.vector_norm(wanted)
    return not far.item()  # what is no number, as in a network that diverges at once, is not far
