"""Checkpoints: a folder each, written so that it is either whole or not there.

    checkpoints/step-00000500/
      model.safetensors       weights and buffers
      optimizer.safetensors   the optimizer's tensors, such as momentum
      state.json              position, optimizer settings, random state
      manifest.json           length and SHA-256 of the three; written last

No pickle: loading runs nobody's code. The usual formats do not notice a flipped bit, so every byte
is checked against the manifest before it is used.
"""

import base64
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn
from torch.optim import Optimizer

from core.errors import RunError
from core.events import CheckpointSaved
from core.permissions import make_folder_below, open_private
from core.train import Position

FORMAT = 1
NAME = re.compile(r"step-\d{8,}")


@dataclass(frozen=True)
class Checkpoint:
    """What was read back from a checkpoint folder, verified."""

    path: Path
    position: Position
    model: dict[str, Tensor]
    optimizer: dict[str, Any]  # as Optimizer.load_state_dict takes it
    random: dict[str, Tensor]  # generator states: "cpu", "cuda:0"


def save_checkpoint(
    folder: Path, model: nn.Module, optimizer: Optimizer, position: Position, reason: str
) -> CheckpointSaved:
    """Write a checkpoint of this position into `folder`, then drop those no longer needed.

    The last two and the best stay. Raises OSError if it cannot be written; what
    was there before is then still whole.
    """
    started = time.perf_counter()
    path = folder / f"step-{position.step:08d}"
    tensors, rest = _split_optimizer(optimizer.state_dict())
    state = {
        "format": FORMAT,
        "position": asdict(position),
        "optimizer": rest,
        "random": {k: _to_text(v) for k, v in _random_state().items()},
    }
    size = _write_folder(
        path,
        {
            "model.safetensors": save_tensors(_own_storage(model.state_dict())),
            "optimizer.safetensors": save_tensors(_own_storage(tensors)),
            "state.json": json.dumps(state, indent=1).encode(),
        },
    )
    _prune(folder, path, position.best_step)
    # When saved right after an epoch, the position is already in the next one.
    epoch = position.epoch if position.batch else position.epoch - 1
    seconds = time.perf_counter() - started
    return CheckpointSaved(epoch, position.step, str(path), reason, seconds, size)


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in `folder`, oldest first; whether they are whole is not looked at."""
    if not folder.is_dir():
        return []
    return sorted(
        (p for p in folder.iterdir() if NAME.fullmatch(p.name)), key=lambda p: int(p.name[5:])
    )


def load_newest(folder: Path) -> tuple[Checkpoint, list[str]]:
    """The newest checkpoint that is whole, and a line for each newer one that is damaged.

    Raises RunError if there is none.
    """
    damaged: list[str] = []
    for path in reversed(checkpoints(folder)):
        try:
            return load_checkpoint(path), damaged
        except RunError as error:
            damaged.append(error.problem)
    raise RunError(
        " ".join([f"There is no usable checkpoint in {folder}.", *damaged]),
        "Start the run again with `nnlab train --config` and its config.json.",
    )


def load_checkpoint(path: Path) -> Checkpoint:
    """Read one checkpoint, every byte checked first. Raises RunError naming what is damaged."""
    files = _read_folder(path)
    state = json.loads(files["state.json"])
    if state["format"] != FORMAT:
        raise RunError(
            f"{path} was written by another version of nnlab (format {state['format']}).",
            "Use that version to resume it.",
        )
    return Checkpoint(
        path,
        Position(**state["position"]),
        load_tensors(files["model.safetensors"]),
        _join_optimizer(load_tensors(files["optimizer.safetensors"]), state["optimizer"]),
        {name: _from_text(text) for name, text in state["random"].items()},
    )


def restore_random_state(states: dict[str, Tensor]) -> None:
    """Put torch's generators back to where a checkpoint found them."""
    torch.set_rng_state(states["cpu"])
    for name, state in states.items():
        if name.startswith("cuda") and torch.cuda.is_available():
            torch.cuda.set_rng_state(state, name)


def _random_state() -> dict[str, Tensor]:
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_initialized():
        index = torch.cuda.current_device()
        states[f"cuda:{index}"] = torch.cuda.get_rng_state(index)
    return states


def _own_storage(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    # safetensors refuses tensors that share memory, as tied weights do.
    return {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}


def _split_optimizer(state: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of an optimizer's state_dict, named "0.momentum_buffer", and the rest as JSON."""
    tensors: dict[str, Tensor] = {}
    values: dict[str, Any] = {}
    for index, entries in state["state"].items():
        for name, value in entries.items():
            (tensors if isinstance(value, Tensor) else values)[f"{index}.{name}"] = value
    return tensors, {"values": values, "param_groups": state["param_groups"]}


def _join_optimizer(tensors: dict[str, Tensor], rest: dict[str, Any]) -> dict[str, Any]:
    state: dict[int, dict[str, Any]] = {}
    for key, value in [*tensors.items(), *rest["values"].items()]:
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    return {"state": state, "param_groups": rest["param_groups"]}


def _to_text(state: Tensor) -> str:
    return base64.b64encode(state.numpy().tobytes()).decode()


def _from_text(text: str) -> Tensor:
    return torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.uint8)


def _write_folder(path: Path, files: dict[str, bytes]) -> int:
    """Write `files` and their manifest as the folder `path`, all or nothing. Returns the bytes."""
    make_folder_below(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    manifest = {
        name: {"length": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
    }
    files = {**files, "manifest.json": json.dumps(manifest, indent=1).encode()}
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        make_folder_below(temporary)
        for name, content in files.items():
            with open_private(temporary / name, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        _sync_folder(temporary)
        if path.exists():  # the same step, saved again: after an evaluation, or a new learning rate
            replaced = path.with_name(f".{path.name}.old")
            shutil.rmtree(replaced, ignore_errors=True)
            path.rename(replaced)
            temporary.rename(path)
            shutil.rmtree(replaced)
        else:
            temporary.rename(path)
        _sync_folder(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return sum(map(len, files.values()))


def _read_folder(path: Path) -> dict[str, bytes]:
    """The files of a checkpoint, checked against its manifest. Raises RunError."""
    try:
        manifest = json.loads((path / "manifest.json").read_bytes())
        files = {name: (path / name).read_bytes() for name in _expected(manifest)}
        for name, content in files.items():
            wanted = manifest[name]
            found = {"length": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            if wanted != found:
                raise ValueError(f"{name} is not what was written")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"The checkpoint {path} is damaged: {error}.", "Resume from an older one."
        ) from None
    return files


def _expected(manifest: dict[str, Any]) -> Iterator[str]:
    # Fixed names: a manifest must not lead to files elsewhere.
    for name in ("model.safetensors", "optimizer.safetensors", "state.json"):
        if name not in manifest:
            raise ValueError(f"manifest.json does not list {name}")
        yield name


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _prune(folder: Path, written: Path, best_step: int | None) -> None:
    """Drop all but the last two and the best, once what was just written is known to be whole."""
    _read_folder(written)
    found = checkpoints(folder)
    wanted = {written, *found[-2:], folder / f"step-{best_step or 0:08d}"}
    for path in found:
        if path not in wanted:
            shutil.rmtree(path)
