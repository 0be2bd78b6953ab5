"""Whether a run that is resumed goes on bit for bit, and if not, why not.

Weights, optimizer, schedule, batches and generators are put back exactly. What no checkpoint can
put back is the machine: another device, another number of threads or another version of torch adds
the same numbers in another order, and the last bits differ from there on.
"""

import hashlib
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from core.device import Device


def conditions(
    model: str,
    device: Device,
    threads: int,
    executor: str = "eager",
    processes: int = 1,
    precision: str = "float32",
) -> dict[str, Any]:
    """What the bits of a training depend on, beside its settings and its images; as JSON.

    `model` is RunConfig's: for a network of a user's own, the file counts that it is defined in,
    though not what that file imports.
    """
    file, colon, _ = model.rpartition(":")
    return {
        "device": device.torch_name.partition(":")[0],  # cuda:1 may be what cuda:0 was
        "device name": device.name,
        "CPU threads": threads,
        "executor": executor,
        "precision": precision,
        "processes": processes,
        "python": platform.python_version(),
        **{name: version(name) for name in ("nnlab", "torch", "numpy")},
        "network's file": hashlib.sha256(Path(file).read_bytes()).hexdigest() if colon else None,
    }


def why_not_exact(then: dict[str, Any], now: dict[str, Any]) -> str | None:
    """In one line what has changed between two `conditions`; None if nothing has."""
    changed = []
    for name, value in now.items():
        before = then.get(name, value)  # what an older nnlab did not tell is not known to differ
        if before == value:
            continue
        told = name == "network's file"  # its SHA-256 says nothing to anybody
        changed.append("the network's file" if told else f"{name} {value}, was {before}")
    if not changed:
        return None
    return f"not bit for bit the run it would have been: {'; '.join(changed)}"
