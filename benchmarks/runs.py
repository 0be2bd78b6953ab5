"""How long 10,000 runs take to be listed, and to be filtered while somebody types.

    python -m benchmarks.runs [--runs 10000] [--folder DIR]

Writes so many run folders, as a training writes them, and measures on them what the screen of runs
does: the first look (and when its first rows are there), looking again, a filter, a sort. The
files were just written: "cold" is a new process, not a cold disk.
"""

import argparse
import json
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.config import make_config
from core.query import parse
from core.run_fields import FIELDS, sort_runs
from core.run_index import RunIndex
from core.runs import process_facts

MODELS = ("softmax", "mlp", "lenet", "alexnet", "vgg11", "resnet18", "densenet")
STATES = ("finished",) * 7 + ("stopped", "failed", "crashed")
QUERY = "model:res* lr<0.1 acc>0.5 -state:failed"


def write_runs(folder: Path, count: int) -> None:
    """`count` run folders; their figures are made up, always the same ones."""
    draw = random.Random(0)
    process = process_facts()
    settings = [
        json.dumps(make_config({"model": model, "lr": lr, "seed": seed}).model_dump(mode="json"))
        for model in MODELS
        for lr in (0.01, 0.05, 0.1, 0.5)
        for seed in range(5)
    ]
    for number in range(count):
        run = folder / f"run-{number:05d}"
        run.mkdir(parents=True)
        config = draw.choice(settings)
        epoch, best = draw.randint(1, 20), draw.uniform(0.1, 0.99)
        facts: dict[str, Any] = process | {
            "started": time.time() - draw.uniform(0, 90 * 86400),
            "state": draw.choice(STATES),
            "problem": "",
            "model": json.loads(config)["model"],
            "data": "fashion-mini",
            "device": "cpu",
            "device_name": "CPU",
            "threads": 1,
            "epoch": epoch,
            "epochs": 20,
            "step": epoch * 94,
            "best_epoch": draw.randint(1, epoch),
            "best_test_score": best,
            "seconds": epoch * draw.uniform(0.5, 50),
        }
        (run / "config.json").write_text(config)
        (run / "run.json").write_text(json.dumps(facts, indent=1))


def timed(name: str, work: Callable[[], Any]) -> Any:
    """What `work` returns; prints how long it took."""
    began, cpu = time.perf_counter(), time.process_time()
    found = work()
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(f"{name:<28} {wall * 1000:9.1f} ms, {cpu * 1000:9.1f} ms of the processor")
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--runs", type=int, default=10_000)
    options.add_argument("--folder", type=Path, help="a new folder to keep them in")
    given = options.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="nnlab-runs-")) / "runs"
    try:
        timed(f"write {given.runs} runs", lambda: write_runs(folder, given.runs))
        index = RunIndex(folder)
        parts = index.refresh()
        timed("first rows", lambda: (next(parts), next(parts)))
        timed("the others", lambda: list(parts))
        assert len(index.runs) == given.runs
        timed("look again", lambda: list(index.refresh()))
        found = timed(f"filter {QUERY!r}"[:27] + "…", lambda: parse(QUERY).select(index.runs))
        timed("sort by score", lambda: sort_runs(index.runs, FIELDS["score"], reverse=True))
        print(f"{len(found)} of {len(index.runs)} runs fit {QUERY}")
    finally:
        if not given.folder:
            shutil.rmtree(folder.parent, ignore_errors=True)


if __name__ == "__main__":
    main()
