"""Checkpoints: a folder each, written so that it is either whole or not there.

    checkpoints/step-00000500/
      model.safetensors       weights and buffers
      optimizer.safetensors   the optimizer's tensors, such as momentum
      state.json              position, optimizer settings, random state, settings of the run, and
                              under what conditions it was trained
      manifest.json           length and SHA-256 of the three

No pickle: loading runs nobody's code. The usual formats do not notice a flipped bit, so every byte
is checked against the manifest before it is used.

Only the process that trains a run writes here. A folder whose name begins with a dot is not a
checkpoint: what a killed process left, which `tidy` mends.
"""

import errno
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn
from torch.optim import Optimizer

from core.durable import sync_folder, write_file
from core.errors import RunError, TrainingDiverged
from core.permissions import make_folder_below
from core.random_state import RandomState, random_state
from core.training import Position

FORMAT = 2
NAME = re.compile(r"step-\d{8,}")


@dataclass(frozen=True)
class Circumstances:
    """What a checkpoint says of its run beside where the run is."""

    config: dict[str, Any]  # the RunConfig as JSON
    conditions: dict[str, Any]  # see core.exactness
    data_digest: str
    rows: int = 0  # the last row that belongs to it; see core.record


@dataclass(frozen=True)
class Snapshot:
    """A checkpoint in memory, ready to be written; training may go on meanwhile.

    A copy and no more, since the best epochs of a fast run are all remembered, and few written.
    """

    step: int
    epoch: int  # that it was taken in or after
    model: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    state: dict[str, Any]

    @property
    def size(self) -> int:
        """Bytes of its tensors, which is nearly all."""
        return sum(t.nbytes for t in (*self.model.values(), *self.optimizer.values()))


@dataclass(frozen=True)
class Checkpoint:
    """What was read back from a checkpoint folder, verified."""

    path: Path
    position: Position
    model: dict[str, Tensor]
    optimizer: dict[str, Any]  # as Optimizer.load_state_dict takes it
    random: RandomState
    circumstances: Circumstances


def take_snapshot(
    model: nn.Module, optimizer: Optimizer, position: Position, circumstances: Circumstances
) -> Snapshot:
    """Everything that continuing from `position` needs.

    Raises TrainingDiverged if a parameter is not finite: that is nothing to continue from.
    """
    weights = _own_storage(model.state_dict())
    for name, parameter in model.named_parameters():
        # The sum has to be finite: that reads them once and makes no copy. Buffers may hold
        # infinities on purpose, as masks do.
        if not weights.get(name, parameter).sum().isfinite():
            raise TrainingDiverged(
                f"{name} is no longer finite at step {position.step}, with lr {position.lr:g}.",
                f"Try --lr {min(position.lr / 10, 0.1):g}; the checkpoints before it are good.",
            )
    tensors, rest = split_optimizer(optimizer.state_dict())
    state = {
        "format": FORMAT,
        "position": asdict(position),
        "optimizer": rest,
        "random": random_state(next(model.parameters()).device),
        "circumstances": asdict(circumstances),
    }
    # After an epoch the position is already in the next one.
    epoch = position.epoch if position.batch else position.epoch - 1
    return Snapshot(position.step, epoch, weights, _own_storage(tensors), state)


def write_snapshot(folder: Path, snapshot: Snapshot) -> Path:
    """Write `snapshot` into the folder `folder` of checkpoints, all of it or nothing.

    Another one of the same step is replaced. Raises OSError; what was there before is then whole.
    """
    if not folder.is_dir():
        # Without parents: the folder of a run that is gone is not made anew.
        make_folder_below(folder)
        sync_folder(folder.parent)
    files = {
        "model.safetensors": save_tensors(snapshot.model),
        "optimizer.safetensors": save_tensors(snapshot.optimizer),
        "state.json": json.dumps(snapshot.state).encode(),
    }
    manifest = {
        name: {"length": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
    }
    files["manifest.json"] = json.dumps(manifest, indent=1).encode()
    path = folder / f"step-{snapshot.step:08d}"
    temporary = folder / f".{path.name}.tmp"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        make_folder_below(temporary)
        for name, content in files.items():
            write_file(temporary / name, content)
        sync_folder(temporary)
        _read_back(temporary, files)
        if path.exists():  # saved again: after an evaluation, or a new learning rate
            path.rename(folder / f".{path.name}.old")
        temporary.rename(path)
        sync_folder(folder)
    finally:
        tidy(folder)
    return path


def prune(
    folder: Path, written: int, best: int | None, keep_multiples_of: int | None = None
) -> None:
    """Drop what is no longer needed now that the checkpoint of step `written` is there.

    The last two stay, the one of step `best` and those of every `keep_multiples_of` steps. What
    cannot be removed now is removed the next time.
    """
    found = {int(path.name[5:]): path for path in checkpoints(folder)}
    last_two = [step for step in found if step <= written][-2:]
    for step, path in found.items():
        kept = step in (*last_two, best) or (keep_multiples_of and step % keep_multiples_of == 0)
        if step < written and not kept:
            shutil.rmtree(path, ignore_errors=True)


def tidy(folder: Path) -> None:
    """Remove what writing a checkpoint left, and put back what it was about to replace.

    Only for the process that trains the run: another one may be writing. Raises OSError.
    """
    for path in folder.glob(".step-*"):
        whole = folder / path.name.removeprefix(".").removesuffix(".old")
        if path.name.endswith(".old") and not whole.exists():
            path.rename(whole)
        else:
            shutil.rmtree(path, ignore_errors=True)


def set_newer_aside(folder: Path, step: int) -> None:
    """Rename the checkpoints after `step`, for a run that goes on from there: to "….superseded".

    They are damaged, or else the run would go on from them. Raises OSError.
    """
    for path in checkpoints(folder):
        if int(path.name[5:]) > step:
            aside = path.with_name(f"{path.name}.superseded")
            shutil.rmtree(aside, ignore_errors=True)
            path.rename(aside)


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
    try:
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
            join_optimizer(load_tensors(files["optimizer.safetensors"]), state["optimizer"]),
            state["random"],
            Circumstances(**state["circumstances"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise _damaged(path, error) from None  # with a manifest to match: made by somebody


def _own_storage(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    # safetensors refuses tensors that share memory, as tied weights do.
    return {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}


def split_optimizer(state: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of an optimizer's state_dict, named "0.momentum_buffer", and the rest as JSON."""
    tensors: dict[str, Tensor] = {}
    values: dict[str, Any] = {}
    for index, entries in state["state"].items():
        for name, value in entries.items():
            (tensors if isinstance(value, Tensor) else values)[f"{index}.{name}"] = value
    return tensors, {"values": values, "param_groups": state["param_groups"]}


def join_optimizer(tensors: dict[str, Tensor], rest: dict[str, Any]) -> dict[str, Any]:
    """What `split_optimizer` took apart, as Optimizer.load_state_dict takes it."""
    state: dict[int, dict[str, Any]] = {}
    for key, value in [*tensors.items(), *rest["values"].items()]:
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    return {"state": state, "param_groups": rest["param_groups"]}


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
        raise _damaged(path, error) from None
    return files


def _damaged(path: Path, error: Exception) -> RunError:
    return RunError(f"The checkpoint {path} is damaged: {error}.", "Resume from an older one.")


def _read_back(path: Path, files: dict[str, bytes]) -> None:
    """Raises OSError if the files in `path` do not hold this."""
    for name, content in files.items():
        if (path / name).read_bytes() != content:
            raise OSError(errno.EIO, f"{name} does not come back as it was written")


def _expected(manifest: dict[str, Any]) -> Iterator[str]:
    # Fixed names: a manifest must not lead to files elsewhere.
    for name in ("model.safetensors", "optimizer.safetensors", "state.json"):
        if name not in manifest:
            raise ValueError(f"manifest.json does not list {name}")
        yield name
