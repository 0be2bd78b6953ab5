"""A run in a real control group that allows too little memory, killed by the kernel."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.runs import read_info

GROUPS = {  # the folder of groups, and the file of a group that holds its limit
    Path("/sys/fs/cgroup/memory"): "memory.limit_in_bytes",  # version 1
    Path("/sys/fs/cgroup"): "memory.max",
}
ENOUGH_TO_START = 1600 << 20  # bytes; torch alone takes 500 MiB
TRAIN = ("vgg11", "--input-size", "64", "--batch-size", "512", "--threads", "1", "--name", "r")


@pytest.fixture
def small_group():
    """A control group with little memory."""
    for parent, limit in GROUPS.items():
        group = parent / f"nnlab-test-{os.getpid()}"
        try:
            group.mkdir()
            (group / limit).write_text(str(ENOUGH_TO_START))
        except OSError:
            if group.exists():
                group.rmdir()
            continue
        yield group
        group.rmdir()
        return
    pytest.skip("control groups cannot be made here")


@pytest.mark.slow
def test_a_run_that_the_kernel_killed_for_memory_is_named_so(small_group, tmp_path):
    command = (sys.executable, "-c", "from tui.cli import main; main()", "train", *TRAIN)
    process = subprocess.run(
        command,
        env={**os.environ, "NNLAB_RUNS": str(tmp_path)},
        preexec_fn=lambda: (small_group / "cgroup.procs").write_text(str(os.getpid())),
        capture_output=True,
        check=False,
    )
    assert process.returncode == -9, process.stderr.decode()
    info = read_info(tmp_path / "r")
    assert info.state == "crashed"
    assert "killed for lack of memory: 1 oom kill" in (info.problem or "")
