"""A program that reads somebody's file of weights, so that whatever the file does, it does here.

    python -m core.read_weights FILE

It writes the tensors in FILE to the standard output as safetensors and ends with 0, or says there
in a line what is wrong and ends with REFUSED. Only tensors are unpickled (`weights_only`), and
memory, time and output are limited by what the file's size lets expect. core.foreign_weights runs
it.
"""

import pickle
import re
import resource
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

REFUSED = 3
# torch.load holds the file's content, and so do the copies of its tensors and what is written.
MEMORY_BYTES, MEMORY_PER_BYTE = 512 * 2**20, 4
CPU_SECONDS = 120
INSIDE = ("state_dict", "model_state_dict", "model")  # where training scripts keep the weights


class Refused(Exception):
    """Why the file is not taken, as the end of a sentence."""


def main() -> int:
    """Read the file named on the command line. Returns the exit code."""
    # Before the limits: torch maps gigabytes of libraries that it may never touch.
    import torch
    from safetensors.torch import save

    path = Path(sys.argv[1])
    try:
        size = path.stat().st_size
        torch.set_num_threads(1)
        limit_resources(MEMORY_BYTES + MEMORY_PER_BYTE * size)
        found = tensors_in(load(path))
        needed = sum(t.numel() * t.element_size() for t in found.values())
        if needed > MEMORY_PER_BYTE * size:
            raise Refused(
                f"its tensors would take {needed:,} bytes, and the file has only {size:,}"
            )
        content = save({name: t.detach().contiguous().clone() for name, t in found.items()})
    except (Refused, MemoryError) as error:
        print(str(error) or "it needs more memory than a file of its size should")
        return REFUSED
    sys.stdout.buffer.write(content)
    return 0


def limit_resources(memory_bytes: int) -> None:
    """From here on, so much more memory, some time, and no larger output than that."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (memory_bytes, memory_bytes))
    if sys.platform == "linux":  # macOS knows the limit and does not keep it
        import psutil

        most = psutil.Process().memory_info().vms + memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def load(path: Path) -> Any:
    """What the file holds, tensors on the CPU. Raises Refused."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except pickle.UnpicklingError as error:
        raise Refused(unpickling_problem(error)) from None
    except SafetensorError as error:
        raise Refused(f"it is no safetensors file, or damaged ({error})") from None
    except OSError as error:
        raise Refused(f"it cannot be read ({error.strerror or error})") from None
    except Exception as error:  # of a damaged file, torch.load raises nearly everything
        if "allocate" in str(error):
            raise MemoryError from None
        damaged = "it is damaged, or no file of weights"
        if zipfile.is_zipfile(path):
            damaged += f" ({type(error).__name__})"
        raise Refused(damaged) from None


def unpickling_problem(error: pickle.UnpicklingError) -> str:
    """torch explains in a paragraph how to run the file's code: say what it asked for instead."""
    asked = re.search(r"GLOBAL ([\w.]+)|[Cc]lass ([\w.]+)", str(error))
    if asked:
        return f"it asks for {asked[1] or asked[2]}, and only tensors are read from it"
    return "it is damaged, or holds more than tensors"


def tensors_in(loaded: Any) -> dict[str, Any]:
    """The tensors by their names, also from a training script's checkpoint. Raises Refused."""
    from torch import Tensor, strided

    for key in INSIDE:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
            break
    if not isinstance(loaded, Mapping) or not loaded:
        raise Refused(f"it holds {kind_of(loaded)}, not a state_dict")
    for name, value in loaded.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise Refused(f"its state_dict has {kind_of(value)} under {name!r:.80}, not a tensor")
        if value.layout is not strided or value.is_quantized or value.is_complex():
            raise Refused(f"{name!r:.80} is not a plain tensor")
    return dict(loaded)


def kind_of(value: Any) -> str:
    return "nothing" if isinstance(value, Mapping) and not value else type(value).__name__


if __name__ == "__main__":
    sys.exit(main())
