"""Every generator that a training may draw from: torch's, Python's and NumPy's.

Batch order and augmentation need none, being functions of (seed, epoch, index); dropout draws from
torch's, and a network of a user's own may draw from any.
"""

import base64
import random
from typing import Any

import numpy as np
import torch

RandomState = dict[str, Any]  # as JSON: "torch", "python", "numpy" and, on such a device, "cuda"...


def seed_all(seed: int) -> None:
    """Begin all of them from `seed`, 0 to 2^63 - 1."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(np.random.SeedSequence(seed).generate_state(4))


def random_state(device: torch.device) -> RandomState:
    """Where the generators stand, those of the CPU and that of `device`."""
    version, words, gauss = random.getstate()
    name, keys, at, has_gauss, cached = np.random.get_state(legacy=True)
    state = {
        "torch": _to_text(torch.get_rng_state().numpy()),
        "python": [version, _to_text(np.array(words, "<u8")), gauss],
        "numpy": [name, _to_text(np.asarray(keys, "<u4")), at, has_gauss, cached],
    }
    if device.type == "cuda":
        state["cuda"] = _to_text(torch.cuda.get_rng_state(device).numpy())
    elif device.type == "mps":
        state["mps"] = _to_text(torch.mps.get_rng_state().numpy())
    return state


def restore_random_state(state: RandomState, device: torch.device) -> None:
    """Put the generators back to where `random_state` found them.

    That of another kind of device than it was taken on stays as it is.
    """
    torch.set_rng_state(_tensor(state["torch"]))
    version, words, gauss = state["python"]
    random.setstate((version, tuple(_array(words, "<u8").tolist()), gauss))
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, _array(keys, "<u4"), *rest))
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(_tensor(state["cuda"]), device)
    elif device.type == "mps" and "mps" in state:
        torch.mps.set_rng_state(_tensor(state["mps"]))


def _to_text(values: np.ndarray) -> str:
    return base64.b64encode(values.tobytes()).decode()


def _array(text: str, dtype: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype)


def _tensor(text: str) -> torch.Tensor:
    return torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.uint8)
