"""Who is silent among several processes, and how rank 0 tells of it."""

import multiprocessing
import os
import signal

from torch.distributed import FileStore

from core.heartbeat import SILENT_BEATS, Heartbeat, Silence

FORK = multiprocessing.get_context("fork")  # torch is imported already, which takes seconds


def look(silence: Silence, *beats: int, times: int = 1, now: float = 0.0) -> list[str]:
    """What it tells when it sees the same beats so often."""
    seen = [silence.look([str(beat).encode() for beat in beats], now) for _ in range(times)]
    return [text for text in seen if text is not None]


def test_who_gives_no_sign_for_half_a_minute_is_named_once():
    silence = Silence(["rank 0", "rank 1 (process 7 on there)"])
    assert not look(silence, 1, 1)
    assert not [t for beat in range(2, 1 + SILENT_BEATS) for t in look(silence, beat, 1)]
    (told,) = look(silence, 100, 1)
    assert told.startswith("Waiting for rank 1 (process 7 on there), silent since ")
    assert not look(silence, 101, 1)


def test_that_all_are_heard_again_is_told():
    silence = Silence(["rank 0", "rank 1"])
    look(silence, 1, 1)
    assert not [t for beat in range(2, 1 + SILENT_BEATS) for t in look(silence, beat, 1)]
    assert look(silence, 100, 1)
    assert look(silence, 101, 2) == [""]


def test_of_a_whole_machine_that_is_silent_not_every_rank_is_named():
    silence = Silence([f"rank {rank}" for rank in range(8)])
    look(silence, *[1] * 8)
    (told,) = look(silence, 1, 1, 1, *[2] * 5, times=SILENT_BEATS)
    assert "for rank 0 and rank 1 and rank 2, silent" in told
    silence = Silence([f"rank {rank}" for rank in range(8)])
    look(silence, *[1] * 8)
    (told,) = look(silence, *[1] * 8, times=SILENT_BEATS)
    assert "for rank 0 and rank 1 and rank 2 and 5 more, silent" in told


def test_a_stopped_process_is_named_and_heard_again(tmp_path, monkeypatch):
    monkeypatch.setattr("core.heartbeat.BEAT_SECONDS", 0.05)
    said, over = FORK.Queue(), FORK.Event()

    def work(rank: int) -> None:
        store = FileStore(str(tmp_path / "store"), 2)
        heartbeat = Heartbeat(store, rank, ["rank 0", "rank 1"])
        if rank == 1:
            store.get("ready")
            os.kill(os.getpid(), signal.SIGSTOP)
            over.wait(60)
        with heartbeat.heard(said.put):
            store.set("ready", "")
            over.wait(60)
        heartbeat.stop()

    processes = [FORK.Process(target=work, args=(rank,), daemon=True) for rank in range(2)]
    for process in processes:
        process.start()
    try:
        assert said.get(timeout=60).startswith("Waiting for rank 1, silent since ")
        os.kill(processes[1].pid, signal.SIGCONT)
        assert said.get(timeout=60) == ""
        over.set()
        assert [process.join(60) or process.exitcode for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
            process.join()
