"""In what numbers a run computes, and whether each operation gives the same bits every time.

torch keeps most of this for the whole process, and a screen trains several runs in one: what a run
changes is put back when it ends.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from core.allocator import give_back_freed_memory, keep_freed_memory
from core.device import Device
from core.errors import DeviceError

Precision = Literal["float32", "bfloat16", "tf32"]

AMPERE = (8, 0)  # the first compute capability with bfloat16 and TF32
# Of torch.cpu.get_capabilities(): x86 and ARM. With AVX2 or plain AVX-512 alone each number would
# be converted and computed in float32, slower than that.
CPU_FLAGS = ("amx_bf16", "avx512_bf16", "bf16", "sve_bf16")


def check_precision(precision: Precision, device: Device) -> None:
    """Raises DeviceError if `device` has no such numbers in its hardware."""
    if precision == "float32" or _has(precision, device):
        return
    needs = "a CUDA GPU of compute capability 8.0 or newer (Ampere)"
    if precision == "bfloat16":
        needs += ", or a processor with AMX or AVX512_BF16"
    raise DeviceError(
        f"precision = {precision}: {device.torch_name} ({device.name}) has no hardware for it.",
        f"Leave out --precision; {precision} needs {needs}.",
    )


def _has(precision: Precision, device: Device) -> bool:
    if device.torch_name.startswith("cuda"):
        return torch.cuda.get_device_capability(device.torch_name) >= AMPERE
    if precision == "bfloat16" and device.torch_name == "cpu":
        found = torch.cpu.get_capabilities()
        return any(found.get(flag) for flag in CPU_FLAGS)
    return False


def outputs(model: nn.Module, images: Tensor, precision: Precision) -> Tensor:
    """What `model` makes of a batch, in float32: losses are never computed in less.

    With bfloat16, products of matrices and convolutions are (autocast); the weights stay float32.
    """
    if precision != "bfloat16":
        return model(images)
    with torch.autocast(images.device.type, torch.bfloat16):
        return model(images).float()


@contextmanager
def computing(precision: Precision, reproducible: bool, device: Device) -> Iterator[None]:
    """While it lasts, torch computes as a run with these settings wants it to on `device`.

    With TF32, an NVIDIA GPU rounds what it multiplies in matrices and convolutions to 10 bits;
    without, it does not, though torch's own default has it for convolutions. Where the run is
    `reproducible`, an operation without a deterministic form raises RuntimeError. On a CPU, memory
    that is freed is kept for the next step.
    """
    matmul = torch.backends.cuda.matmul
    conv = torch.backends.cudnn.conv  # type: ignore[attr-defined]  # of a module made at run time
    rounding = matmul.fp32_precision, conv.fp32_precision
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark = torch.backends.cudnn.benchmark
    workspace = os.environ.get("CUBLAS_WORKSPACE_CONFIG")
    try:
        if device.torch_name == "cpu":
            keep_freed_memory()
        if device.torch_name.startswith("cuda"):
            matmul.fp32_precision = conv.fp32_precision = "tf32" if precision == "tf32" else "ieee"
        if reproducible:
            # cuBLAS reads it at its first product; torch asks that it be set.
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
            torch.backends.cudnn.benchmark = False
            torch.use_deterministic_algorithms(True)
        yield
    finally:
        give_back_freed_memory()
        matmul.fp32_precision, conv.fp32_precision = rounding
        torch.backends.cudnn.benchmark = benchmark
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        if workspace is None:
            os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)
