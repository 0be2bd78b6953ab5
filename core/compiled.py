"""`--executor compile`: network, loss and their gradients as torch.compile makes them.

The update needs no compiling, for the optimizers have fused kernels. A smaller last batch and the
evaluation run eagerly: each would be compiled anew. What is drawn at random is what eager drawing
gives, and all is compiled in this process, for none may be started under a screen.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from core.random_state import random_state, restore_random_state
from core.training import Training

OPTIONS: dict[str, Any] = {"fallback_random": True, "compile_threads": 1}


class CannotCompile(Exception):
    """Why this network, or any network here, can only run eagerly; in one line."""


def compile_forward(training: Training) -> float:
    """Have `training` compute its full batches by compiled code. Returns the seconds it took.

    Weights, buffers and generators are as before, the gradients are none. Threads must be chosen
    before: their number is compiled in. Raises CannotCompile.
    """
    # It warns of a missing CUDA in the middle of a screen.
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    torch.compiler.reset()  # runs before this one would count towards torch's limit of variants
    # As one graph: in pieces, some of them eager, it gains little and may not be resumed exactly.
    compiled = torch.compile(training.eager_forward, fullgraph=True, dynamic=False, options=OPTIONS)
    images, labels = training.train_batches.batch(1, 0)
    full = len(labels)
    put_back = what_puts_back(training)
    began = time.perf_counter()
    try:
        training.model.train()
        compiled(images, labels)[0].backward()  # only calling them compiles the two
        with torch.compiler.set_stance("fail_on_recompile"):
            compiled(images, labels)  # a network that draws numbers of Python's is new each time
    except Exception as error:  # whatever a compiler may raise; what the network raises, it repeats
        line = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        if isinstance(error, ImportError) or "ImportError" in line:
            # Torch finds such a file by its name and loads it again each time.
            line += " (left by a compilation that was interrupted? Then delete that file)"
        raise CannotCompile(line) from error
    finally:
        put_back()

    def forward(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        if len(labels) == full:
            return compiled(images, labels)
        return training.eager_forward(images, labels)

    training.forward = forward
    return time.perf_counter() - began


def what_puts_back(training: Training) -> Callable[[], None]:
    """A function that undoes what forward and backward passes from now on change: buffers and
    generators are then as they are now, and gradients none."""
    model = training.model
    device = next(model.parameters()).device
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    generators = random_state(device)

    def put_back() -> None:
        training.optimizer.zero_grad()
        restore_random_state(generators, device)
        with torch.no_grad():
            for name, before in buffers.items():
                model.get_buffer(name).copy_(before)

    return put_back
