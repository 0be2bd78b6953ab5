import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from core import allocator
from core.device import Device
from core.precision import computing

ROOT = Path(__file__).parents[2]
SIZE = 20 * 2**20
BLOCKS = f"""
import resource
from core.allocator import give_back_freed_memory, keep_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def use_blocks():
    before = faults()
    for _ in range(20):
        block = b"x" * {SIZE}
        del block
    return faults() - before

print(use_blocks())
keep_freed_memory()
use_blocks()
print(use_blocks())
give_back_freed_memory()
print(use_blocks())
"""

needs_glibc = pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"),
    reason="another C library than glibc",
)


@needs_glibc
def test_freed_blocks_are_used_again_without_a_page_fault_until_they_are_given_back():
    said = subprocess.run(
        [sys.executable, "-c", BLOCKS], cwd=ROOT, capture_output=True, text=True, check=True
    )
    before, kept, after_giving_back = map(int, said.stdout.split())
    assert 10 * kept < before  # however large the system's pages are
    assert kept < after_giving_back < before / 2  # those of the first block, once


def test_another_c_library_is_left_as_it_is(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    allocator.keep_freed_memory()
    allocator.give_back_freed_memory()

    def none(name: None) -> None:
        raise TypeError("no such library")

    monkeypatch.setattr(ctypes, "CDLL", none)
    allocator.keep_freed_memory()
    allocator.give_back_freed_memory()


@pytest.mark.parametrize(("device", "kept"), [("cpu", ["keep"]), ("cuda:0", [])])
def test_a_run_on_a_processor_keeps_memory_while_it_computes(monkeypatch, device, kept):
    done = []
    monkeypatch.setattr("core.precision.keep_freed_memory", lambda: done.append("keep"))
    monkeypatch.setattr("core.precision.give_back_freed_memory", lambda: done.append("give back"))
    with computing("float32", False, Device(device, "a device")):
        assert done == kept
    assert done == [*kept, "give back"]
