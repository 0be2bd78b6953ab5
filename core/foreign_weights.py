"""Weights that somebody else saved, as a state_dict in a .pt, .pth or .safetensors file.

Such a file may be anything: it is read by another process with limits (core.read_weights), comes
back as safetensors, and has to fit the network, name by name and shape by shape.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

from safetensors.torch import load as load_tensors
from torch import Tensor

from core.errors import ModelError
from core.read_weights import CPU_SECONDS, REFUSED

PREFIXES = ("module.", "_orig_mod.")  # of DistributedDataParallel and of torch.compile
# A training script's checkpoint has the weights several times over: momentum, an average of them.
LARGEST_FILE, LARGEST_FACTOR = 64 * 2**20, 16
SECONDS = 300  # on the clock, for what CPU_SECONDS does not count
NAMED = 3  # of the names that do not fit


def read_foreign_weights(file: Path, network: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights in `file` that `network` (a state_dict) takes, under its names.

    Raises ModelError if the file cannot be read safely, or does not fit.
    """
    try:
        size = file.stat().st_size
    except OSError as error:
        raise ModelError(f"{file} cannot be read: {error.strerror}.", "Check the path.") from None
    if not file.is_file():
        raise ModelError(f"{file} is not a file.", "Give a .pt, .pth or .safetensors file.")
    needed = sum(tensor.nbytes for tensor in network.values())
    if size > LARGEST_FILE + LARGEST_FACTOR * needed:
        raise ModelError(
            f"{file} has {size:,} bytes, and the weights of this network only {needed:,}.",
            "Give a file that holds the state_dict of this network.",
        )
    found = without_prefix(_read_elsewhere(file), network)
    check_fit(file, found, network)
    return found


def without_prefix(found: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
    """`found` without what wrappers put before every name."""
    for prefix in PREFIXES:
        own = any(name.startswith(prefix) for name in wanted)
        if not own and all(name.startswith(prefix) for name in found):
            found = {name.removeprefix(prefix): tensor for name, tensor in found.items()}
    return dict(found)


def check_fit(file: Path, found: Mapping[str, Tensor], network: Mapping[str, Tensor]) -> None:
    """Raises ModelError naming what is missing, unexpected or of another shape."""
    other = [
        f"{name} is {_shape(found[name])} and not {_shape(network[name])}"
        for name in network
        if name in found
        and (
            found[name].shape != network[name].shape
            or found[name].is_floating_point() != network[name].is_floating_point()
        )
    ]
    problems = [
        _some("missing", [name for name in network if name not in found]),
        _some("unexpected", [name for name in found if name not in network]),
        _some("other shapes", other),
    ]
    if any(problems):
        raise ModelError(
            f"The weights in {file} are not those of this network: "
            f"{'; '.join(filter(None, problems))}.",
            "Choose the --model, --model-options, --data and --input-size that they were made for.",
        )
    broken = [name for name, tensor in found.items() if not tensor.isfinite().all()]
    if broken:
        raise ModelError(
            f"The weights in {file} are damaged: {_some('not finite', broken)}.",
            "Get the file again from where it came from.",
        )


def _read_elsewhere(file: Path) -> dict[str, Tensor]:
    """The tensors in `file`, read by another process. Raises ModelError."""
    advice = "Give a state_dict, as `torch.save(model.state_dict(), file)` writes it."
    with tempfile.TemporaryFile() as out:  # without a name: nobody can put another in its place
        try:
            done = subprocess.run(
                # -P: no module from the folder that the user is in.
                [sys.executable, "-P", "-m", "core.read_weights", str(file.absolute())],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": _import_path()},
                timeout=SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise ModelError(f"{file} was not read within {SECONDS} s.", advice) from None
        out.seek(0)
        if done.returncode == REFUSED:
            why = out.read(1000).decode(errors="replace").strip()
            raise ModelError(f"{file} is not taken: {why}.", advice)
        if done.returncode == -signal.SIGXCPU:
            raise ModelError(f"{file} was not read within {CPU_SECONDS} s of work.", advice)
        if done.returncode:
            raise ModelError(
                f"{file} is not taken: reading it ended with {_ending(done.returncode)}.", advice
            )
        return load_tensors(out.read())


def _import_path() -> str:
    """Where this process found `core`, for the other one to find the same."""
    return os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])


def _ending(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"code {code}"


def _some(what: str, names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{what}: {', '.join(names[:NAMED])}{more}" if names else ""


def _shape(tensor: Tensor) -> str:
    kind = "" if tensor.is_floating_point() else f" of {str(tensor.dtype).removeprefix('torch.')}"
    return ("x".join(map(str, tensor.shape)) or "a number") + kind
