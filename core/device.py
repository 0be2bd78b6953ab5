"""Choosing where a run computes, and what to say when that place is missing or full.

Importing this module does not import torch.
"""

import os
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import psutil

from core.errors import DeviceError, NNLabError, OutOfMemory
from core.gpu import read_gpus
from core.host import cpu_name
from core.readings import GpuReading, GpuReadings, bare_uuid, find_gpu
from core.world import World


@dataclass(frozen=True)
class Device:
    """A place that torch can compute on."""

    torch_name: str  # "cuda:0", "mps", "cpu"
    name: str  # for people: "NVIDIA H100 80GB HBM3", or the processor's
    memory_free_bytes: int | None = None  # when it was chosen
    uuid: str | None = None  # of a GPU, as torch writes it; `find_gpu` takes it
    note: str | None = None  # why it is not the GPU that this machine has
    why: str | None = None  # why it is this one of several GPUs


def choose_device(name: str) -> Device:
    """The device called `name`: "auto", "cpu", "mps", "cuda" or "cuda:N".

    "auto" is the CUDA GPU with the most free memory, else mps, else cpu; "cuda" is any CUDA GPU.
    Raises DeviceError if what was asked for is not there: nothing else is taken in its place.
    """
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", name):
        raise DeviceError(
            f"There is no device called {name!r}.", "Use auto, cpu, mps, cuda or cuda:N."
        )
    if name == "cpu":
        return _cpu()
    if name == "mps":
        return _mps()
    readings = read_gpus()
    gpus = _cuda_gpus(readings)
    if name == "auto" and not gpus:
        return _without_cuda(readings)
    if not gpus:
        why, fix = _why_no_cuda(readings)
        raise DeviceError(
            f"There is no {name} here: {why}.", f"{fix}. Or compute on the CPU: --device cpu."
        )
    if name in ("auto", "cuda"):
        return _most_free(gpus)
    for gpu in gpus:
        if gpu.torch_name == name:
            return _most_free([gpu])
    seen = ", ".join(f"{gpu.torch_name} ({gpu.name})" for gpu in gpus)
    seen = f"{_count(len(gpus))}, {seen}{_hidden(gpus, readings)}"
    raise DeviceError(
        f"There is no {name} here: torch sees {seen}.",
        f"Use {' or '.join(gpu.torch_name for gpu in gpus)}, or --device auto.",
    )


def device_of(world: World, name: str) -> Device:
    """The device of one of several processes, where the run's is called `name`: auto, cuda or cpu.

    Each has a GPU of its own on its machine, or all compute on the CPU. Raises DeviceError.
    """
    chosen = choose_device(name)
    if world.size == 1:
        return chosen
    if chosen.torch_name.startswith("cuda"):
        return choose_device(f"cuda:{world.local_rank}")
    return replace(_cpu(), note=chosen.note)


def count_devices(name: str, count: str) -> int:
    """How many processes `--device name --devices count` asks for. Raises DeviceError."""
    if count != "all":
        return int(count)
    chosen = choose_device(name)
    if not chosen.torch_name.startswith("cuda"):
        raise DeviceError(
            "There are no GPUs here to take all of.",
            "Say how many processes are to share the CPU: --devices 2.",
        )
    return len(_cuda_gpus(read_gpus()))


def devices_for(name: str) -> list[Device]:
    """Every device that would do for `name`, `choose_device`'s choice first. Raises DeviceError."""
    chosen = choose_device(name)
    if name not in ("auto", "cuda") or not chosen.torch_name.startswith("cuda"):
        return [chosen]
    others = [gpu for gpu in _cuda_gpus(read_gpus()) if gpu.torch_name != chosen.torch_name]
    return [chosen, *sorted(others, key=lambda gpu: -(gpu.memory_free_bytes or 0))]


def device_problem(
    error: Exception, device: Device, batch_size: int, resume: str = ""
) -> NNLabError:
    """The error as one that its reader can act on; `resume` says how to go on in a new process.

    Raises `error` again if it is a bug.
    """
    if isinstance(error, NNLabError):
        return error
    if is_out_of_memory(error):
        return out_of_memory(error, device, batch_size)
    if "does not have a deterministic implementation" in str(error):
        return DeviceError(
            f"{str(error).partition(' ')[0]} has no deterministic form on {device.torch_name}.",
            "Leave out --reproducible, use --device cpu, or choose a network without it.",
        )
    if not has_failed(error):
        raise error
    return DeviceError(
        f"{device.torch_name} ({device.name}) failed: {_first_line(error)}.",
        f"Look at `nnlab devices`, then try again in a new process{resume}.",
    )


def out_of_memory(error: Exception, device: Device, batch_size: int) -> OutOfMemory:
    """One line about memory that ran out: batch size, memory asked for and free, what to try."""
    text = str(error)
    asked = _size_in(r"tried to allocate ([\d.]+) ?(\w+)", text)
    free = _size_in(r"of which ([\d.]+) (\w+) is free", text)
    used = _size_in(r"this process has ([\d.]+) (\w+) memory in use", text)
    if device.torch_name == "cpu":
        free = psutil.virtual_memory().available
        used = psutil.Process().memory_info().rss
    problem = f"{device.torch_name} ({device.name}) is out of memory at batch size {batch_size}"
    if asked is not None:
        problem += f": {_size(asked)} asked for"
    if free is not None:
        problem += f", {_size(free)} free"
    fits = _batch_that_fits(batch_size, asked, used, free)
    advice = f"--batch-size {fits}" if fits else "a smaller network"
    if asked and used and (other := _roomier(device, asked + used)):
        advice += f", or --device {other.torch_name} ({_size(other.memory_free_bytes or 0)} free)"
    return OutOfMemory(f"{problem}.", f"Try {advice}.")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` means that memory ran out; there is no one class for it in torch."""
    import torch

    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError)
        # In turn: mps and CUDA's own, cuBLAS and cuDNN, the CPU.
        and bool(re.search("out of memory|ALLOC_FAILED|DefaultCPUAllocator", str(error)))
    )


def has_failed(error: BaseException) -> bool:
    """Whether `error` means that a device broke off: its memory cannot be trusted any more, and
    this process cannot use it again. Memory that ran out is not meant."""
    import torch

    return not is_out_of_memory(error) and (
        isinstance(error, torch.AcceleratorError)
        or (
            isinstance(error, RuntimeError)
            # Of CUDA and ROCm, their libraries, and Apple's command buffers.
            and bool(re.search(r"(CUDA|HIP|cuDNN|MPS backend) error|CU\w+_STATUS_", str(error)))
        )
    )


def _cpu() -> Device:
    return Device("cpu", cpu_name(), psutil.virtual_memory().available)


def _mps() -> Device:
    import torch

    if torch.backends.mps.is_available():
        free = torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
        return Device("mps", f"{cpu_name()} GPU", free)
    why = "it needs macOS 14 and an Apple GPU"
    if not torch.backends.mps.is_built():
        why = f"torch {torch.__version__} was built without it"
    raise DeviceError(f"There is no mps here: {why}.", "Use --device auto or --device cpu.")


def _without_cuda(readings: GpuReadings) -> Device:
    """What "auto" is where torch has no CUDA GPU."""
    import torch

    if torch.backends.mps.is_available():
        return _mps()
    if not readings.gpus:
        return _cpu()
    why, fix = _why_no_cuda(readings)
    return replace(_cpu(), note=f"computing on the CPU, because {why}. {fix}.")


def _cuda_gpus(readings: GpuReadings) -> list[Device]:
    """All GPUs that torch can use, in its order; free memory as far as NVML knows it.

    torch could tell of free memory too, but would first take half a gigabyte of each GPU for it.
    Raises DeviceError if CUDA does not start although there is a GPU.
    """
    import torch

    with warnings.catch_warnings():  # the reason is told by _why_no_cuda
        warnings.simplefilter("ignore")
        if not torch.cuda.is_available():
            return []
    try:
        found = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    except RuntimeError as error:
        raise DeviceError(
            f"CUDA does not start: {_first_line(error)}.",
            "Look at `nnlab devices` and `nvidia-smi`, or use --device cpu.",
        ) from error
    return [
        Device(f"cuda:{i}", gpu.name, _free_memory(str(gpu.uuid), readings.gpus), str(gpu.uuid))
        for i, gpu in enumerate(found)
    ]


def _free_memory(uuid: str, gpus: Sequence[GpuReading]) -> int | None:
    """Bytes free on the GPU or the MIG instance with this UUID, as NVML sees it."""
    gpu = find_gpu(uuid, gpus)
    if gpu is None:
        return None
    for instance in gpu.mig:
        if instance.uuid and bare_uuid(instance.uuid) == bare_uuid(uuid):
            return instance.memory_free_bytes
    return gpu.memory_free_bytes


def _most_free(gpus: Sequence[Device]) -> Device:
    """The one with most free memory, the first of several; asks torch what NVML could not tell."""
    import torch

    known = [
        replace(gpu, memory_free_bytes=torch.cuda.mem_get_info(gpu.torch_name)[0])
        if gpu.memory_free_bytes is None
        else gpu
        for gpu in gpus
    ]
    found = max(known, key=lambda gpu: gpu.memory_free_bytes or 0)
    return replace(found, why=f"the most of {_count(len(gpus))}") if len(gpus) > 1 else found


def _why_no_cuda(readings: GpuReadings) -> tuple[str, str]:
    """Why torch can use no GPU, as part of a sentence, and what to do."""
    import torch

    there = ""
    if readings.gpus:
        names = ", ".join(gpu.name or "without a name" for gpu in readings.gpus)
        there = f"there {'is' if len(readings.gpus) == 1 else 'are'} "
        there += f"{_count(len(readings.gpus))} ({names}), but "
    if not torch.backends.cuda.is_built():
        fix = "Install a torch built for CUDA (https://pytorch.org/get-started)"
        return f"{there}torch {torch.__version__} was built without CUDA", fix
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        why = _first_line(error)
    else:  # it has come up in the meantime
        return f"{there}torch found no GPU", "Try again"
    built, offered = torch.version.cuda, readings.cuda
    if "driver on your system is too old" in why:
        driver = f"driver {readings.driver} (CUDA {offered})" if offered else "driver"
        return (
            f"{there}the NVIDIA {driver} is too old for torch {torch.__version__} (CUDA {built})",
            "Update the driver, or install a torch built for an older CUDA",
        )
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if readings.gpus and visible is not None and "No CUDA GPUs" in why:
        return (
            f"{there}CUDA_VISIBLE_DEVICES={visible!r} hides every one",
            "Unset CUDA_VISIBLE_DEVICES, or name a GPU of `nvidia-smi -L` in it",
        )
    if not readings.gpus and readings.problem and readings.fix:
        return readings.problem.removeprefix("No GPU: ").rstrip("."), readings.fix.rstrip(".")
    return f"{there}torch says: {why}", "Look at `nnlab devices` and `nvidia-smi`"


def _hidden(gpus: Sequence[Device], readings: GpuReadings) -> str:
    """Which part of the GPUs CUDA_VISIBLE_DEVICES keeps from torch, if any."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    hidden = len(readings.gpus) - len(gpus)
    if visible is None or hidden <= 0:
        return ""
    return f"; CUDA_VISIBLE_DEVICES={visible!r} hides {hidden} of {len(readings.gpus)}"


def _roomier(device: Device, needed: int) -> Device | None:
    """Another GPU with more than `needed` bytes free, which must be known."""
    if not device.torch_name.startswith("cuda"):
        return None
    others = [g for g in _cuda_gpus(read_gpus()) if g.torch_name != device.torch_name]
    best = max(others, key=lambda g: g.memory_free_bytes or 0, default=None)
    return best if best and (best.memory_free_bytes or 0) > needed else None


def _batch_that_fits(batch_size: int, asked: int | None, used: int | None, free: int | None) -> int:
    """Half of `batch_size`, or as many times less as memory was short of; 0 if not one sample fits.

    What a step needs grows with the batch, and it needed at least what was in use and what was
    asked for.
    """
    share = 0.5
    if asked and used is not None and free is not None:
        share = min(share, (used + free) / (used + asked))
    fits = batch_size // 2
    while fits > share * batch_size:
        fits //= 2
    return fits


def _size_in(pattern: str, text: str) -> int | None:
    """The size that the two groups of `pattern` find in `text`, in bytes."""
    found = re.search(pattern, text, re.IGNORECASE)
    units = {"bytes": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30}  # torch means powers of 1024
    units |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
    if found is None or found[2] not in units:
        return None
    return int(float(found[1].rstrip(".")) * units[found[2]])


def _size(number: int) -> str:
    return f"{number / 2**30:.1f} GiB" if number >= 2**29 else f"{number / 2**20:.1f} MiB"


def _count(gpus: int) -> str:
    return f"{gpus} GPU{'s' * (gpus != 1)}"


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:300].rstrip(". ")
