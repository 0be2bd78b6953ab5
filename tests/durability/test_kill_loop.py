"""kill -9 at random instants, again and again: the run ends as if nobody had killed it."""

import json
import random
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
import torch
from trainee import STEPS, train

from core.checkpoint import load_newest
from core.runs import read_info

LONGEST = 0.8  # seconds that a process lives at most when no checkpoint is aimed at
MOST_KILLS = 40  # of one run, which is then let finish


@dataclass
class Loop:
    """One run that is killed and resumed, and what its readers have seen of it."""

    run: Path
    rows: list[dict[str, Any]] = field(default_factory=list)  # acknowledged: a reader saw them
    kills: int = 0
    while_saving: int = 0  # of those, with a checkpoint half written
    save_seconds: float = 0.01  # that the last checkpoint took

    def attempt(self, fork, chance: random.Random | None) -> None:
        """Start or resume the run, and kill it, at once or when it saves, unless it ends."""
        process, heard = fork(train, self.run)
        aim = chance and chance.random() < 0.5
        deadline = time.monotonic() + chance.uniform(0, LONGEST) if chance and not aim else None
        saves = chance.randint(1, 6) if chance else 0
        saving = began = None
        while (news := hear(heard, deadline)) is not None:
            saving = news.get("saving", saving)
            if saving and "saving" in news:
                began = time.monotonic()
                saves -= 1
                if aim and not saves:
                    deadline = began + chance.uniform(0, self.save_seconds)
            elif "saving" in news:
                self.save_seconds = time.monotonic() - began
            self.see(news)
        process.kill()
        while (news := hear(heard, None)) is not None:  # what it said before it died
            saving = news.get("saving", saving)
            self.see(news)
        process.join()
        if process.exitcode == 0:
            return
        assert process.exitcode == -9, "the training failed by itself"
        self.kills += 1
        self.while_saving += bool(saving)

    def see(self, news: dict[str, Any]) -> None:
        row = news.get("row")
        if "anew" in news:
            self.rows.clear()
        if row and row["event"] in ("StepReport", "EpochEnd"):
            self.rows.append(row)

    def check_rows(self) -> None:
        """Every row that was seen is there, as it was seen; none has the place of another."""
        written = {
            content_of(row)
            for name in ("metrics.jsonl", "metrics.jsonl.superseded")
            for row in rows_of(self.run / name)
        }
        lost = [row for row in self.rows if content_of(row) not in written]
        assert not lost
        places = [
            row["seq"]
            for name in ("metrics.jsonl", "events.jsonl")
            for row in rows_of(self.run / name)
        ]
        assert len(places) == len(set(places))


def hear(heard: Connection, deadline: float | None) -> dict[str, Any] | None:
    """The next news, or None when the time has come or the process is gone."""
    try:
        left = None if deadline is None else max(deadline - time.monotonic(), 0)
        return heard.recv() if heard.poll(left) else None
    except (EOFError, OSError):  # also in the middle of a word
        return None


def rows_of(file: Path) -> list[dict[str, Any]]:
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text().splitlines()]


def content_of(row: dict[str, Any]) -> str:
    """What the training computed; how long it took differs from process to process."""
    names = "event epoch step loss score train_loss train_score test_loss test_score lr".split()
    return json.dumps({name: row.get(name) for name in names})


def figures_of(run: Path) -> list[str]:
    rows = rows_of(run / "metrics.jsonl")
    return [content_of(row) for row in rows]


def kill_and_resume(fork, folder: Path, kills: int, seed: int) -> Loop:
    """Runs that are killed and resumed until there were so many kills; each must end as one that
    was never killed. Returns the sum."""
    chance = random.Random(seed)
    never_killed = Loop(folder / "never-killed")
    never_killed.attempt(fork, None)
    expected = load_newest(never_killed.run / "checkpoints")[0]
    assert expected.position.step == STEPS
    total, number, save_seconds = Loop(folder), 0, never_killed.save_seconds
    while total.kills < kills:
        number += 1
        loop = Loop(folder / f"run-{number}", save_seconds=save_seconds)
        while not (loop.run / "run.json").exists() or read_info(loop.run).state != "finished":
            enough = loop.kills >= MOST_KILLS or total.kills + loop.kills >= kills
            loop.attempt(fork, None if enough else chance)
            if loop.run.exists():
                loop.check_rows()
                assert read_info(loop.run).state in ("crashed", "finished")
        found, damaged = load_newest(loop.run / "checkpoints")
        assert not damaged
        assert found.position.step == STEPS
        assert all(torch.equal(found.model[name], w) for name, w in expected.model.items())
        assert figures_of(loop.run) == figures_of(never_killed.run)
        total.kills += loop.kills
        total.while_saving += loop.while_saving
        save_seconds = loop.save_seconds
        print(f"{total.kills} kills of {number} runs, {total.while_saving} during a checkpoint")
    return total


def test_a_killed_run_ends_as_if_it_had_never_been_killed(fork, memory_folder):
    assert kill_and_resume(fork, memory_folder, kills=10, seed=1).kills >= 10


@pytest.mark.slow
def test_a_thousand_kills_leave_no_trace(fork, memory_folder):
    total = kill_and_resume(fork, memory_folder, kills=1000, seed=2)
    assert total.kills >= 1000
    assert total.while_saving >= 100
