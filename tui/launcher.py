"""The processes of a run on several devices of this machine: started, watched and, when one of them
dies, ended together by torch's elastic agent, as torchrun does it.

All that they say to each other stays on the loopback device.
"""

import os
import signal
import socket
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from torch._C._distributed_c10d import TCPStore
from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.elastic.rendezvous import RendezvousParameters, rendezvous_handler_registry
from torch.distributed.elastic.rendezvous.c10d_rendezvous_backend import C10dRendezvousBackend
from torch.distributed.elastic.rendezvous.dynamic_rendezvous import (
    DynamicRendezvousHandler,
    create_handler,
)
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from core.crash import exit_words
from core.errors import NNLabError, RunError
from core.mailbox import RemoteControl
from core.runs import UNDER_WAY, note_end, read_info

LOOPBACK = "127.0.0.1"


class Loopback(C10dRendezvousBackend):
    """torchrun's own way for processes to find each other, where other machines do not reach it."""

    name = "loopback"


def launch(run: Path, words: list[str], count: int) -> int:
    """Start `count` processes of tui.rank with `words`, for the run in the folder `run`, and wait.

    SIGTERM and SIGINT ask the run to stop, and before its first step end it at once; SIGUSR1 asks
    for a checkpoint. Returns the exit code. Raises NNLabError saying which process ended it, and
    how; that is noted in the folder too.
    """
    # gloo and nccl would listen on whatever address the name of this machine leads to.
    interface = "lo0" if sys.platform == "darwin" else "lo"
    for library in ("GLOO", "NCCL"):
        os.environ.setdefault(f"{library}_SOCKET_IFNAME", interface)
    # torch warns of more threads than processors if nobody says how many; each sets its own.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    asked = _steer(run)
    config = LaunchConfig(
        *(1, 1, count),
        run_id=run.name,
        rdzv_backend=_loopback_rendezvous(),
        rdzv_endpoint=LOOPBACK,
        local_addr=LOOPBACK,
        max_restarts=0,
        signals_to_handle="SIGQUIT",  # the others are ours
    )
    try:
        elastic_launch(config, sys.executable)("-P", "-m", "tui.rank", *words)
    except SignalException as ended:
        return 128 + ended.sigval
    except ChildFailedError as error:
        raise _explain(run, error.failures) from None
    finally:
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            signal.signal(signum, signal.SIG_IGN)  # there is nothing left to steer
    return 128 + asked[0] if asked else 0


def _steer(run: Path) -> list[int]:
    """From now on signals are requests to the run. Returns those that asked for its end."""
    asked: list[int] = []

    def stop(signum: int, frame: FrameType | None) -> None:
        begun = read_info(run).state in UNDER_WAY
        if asked or not begun:  # who asks again means it
            raise SignalException(f"signal {signum}", signal.Signals(signum))
        asked.append(signum)
        RemoteControl(run).send("stop")

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGUSR1, lambda *_: RemoteControl(run).send("checkpoint") and None)
    return asked


def _loopback_rendezvous() -> str:
    """The name of `Loopback`, which torch knows from here on."""

    def create(parameters: RendezvousParameters) -> DynamicRendezvousHandler:
        listener = socket.create_server((LOOPBACK, 0))
        store = TCPStore(
            LOOPBACK,
            listener.getsockname()[1],
            is_master=True,
            wait_for_workers=False,
            master_listen_fd=listener.detach(),
        )
        return create_handler(store, Loopback(store, parameters.run_id), parameters)

    rendezvous_handler_registry.register(Loopback.name, create)
    return Loopback.name


def _explain(run: Path, failures: dict[int, ProcessFailure]) -> NNLabError:
    """Why the run ended, from how its processes did; what its folder does not tell is noted."""
    rank = culprit(failures)
    failure = failures[rank]
    told = failure.error_file_data
    who = f"Rank {rank} (process {failure.pid} on {socket.gethostname()})"
    if "problem" not in told:
        problem = f"{who} {exit_words(failure.exitcode)}."
        fix = f"Go on from the last checkpoint: nnlab resume {run.name}"
        note_end(run, problem)
        return RunError(problem, fix)
    error = NNLabError(told["problem"], told["fix"])
    error.exit_code = told["exit_code"]
    if rank:  # rank 0 has said it itself
        error = NNLabError(f"{who}: {error.problem}", error.fix)
        note_end(run, error.problem)
    return error


def culprit(failures: dict[int, ProcessFailure]) -> int:
    """The rank that failed by itself, not because it lost another one; of several the first."""

    def order(rank: int) -> tuple[Any, ...]:
        failure = failures[rank]
        return failure.error_file_data.get("lost", False), failure.timestamp, rank

    return min(failures, key=order)
