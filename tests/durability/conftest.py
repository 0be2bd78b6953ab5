"""A server that forks small trainings."""

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

Fork = Callable[..., tuple[ForkServerProcess, Connection]]


@pytest.fixture
def memory_folder(tmp_path: Path) -> Iterator[Path]:
    """An empty folder in memory where there is one: what a process wrote outlives it there too,
    and a thousand runs need not wait for a disk."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="nnlab-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def fork() -> Iterator[Fork]:
    """A function that runs `call(*arguments, tell)` in a forked process. Returns the process and
    the other end of `tell`."""
    context = multiprocessing.get_context("forkserver")
    here = Path(__file__).parent
    # The server looks for what it imports beforehand only where every Python would.
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(here), str(here.parents[1]), before])
    context.set_forkserver_preload(["warm_server"])
    processes = []

    def start(call: Callable, *arguments: object) -> tuple[ForkServerProcess, Connection]:
        heard, tell = context.Pipe(duplex=False)
        process = context.Process(target=call, args=(*arguments, tell), daemon=True)
        process.start()
        tell.close()  # so that its end is heard
        processes.append(process)
        return process, heard

    yield start
    for process in processes:
        process.kill()
        process.join()
    os.environ["PYTHONPATH"] = before
