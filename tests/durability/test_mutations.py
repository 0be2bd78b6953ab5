"""Damaged files: refused with one line or recovered, never a wrong result.

Each suite knows the truth and compares with it. A sample runs with the fast tests, 1,000 mutations
of each kind of file with `make durability`.
"""

import gzip
import hashlib
import json
import random
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mutation import mutated
from PIL import Image

from core.checkpoint import Checkpoint, checkpoints, load_checkpoint
from core.control import Control
from core.datasets import Where
from core.datasets.idx import IdxDataset, IdxFile, read_idx_dataset
from core.datasets.image_folder import load_folder
from core.errors import DataError, NNLabError, RunError
from core.events import EpochEnd, Notice, RunEnd, StepReport
from core.experiment import resume_experiment, run_experiment
from core.record import RowWriter, damaged_rows, read_events, set_aside
from core.runs import read_info
from core.trained import load_trained

MANY = [pytest.param(40, id="sample"), pytest.param(1000, id="full", marks=pytest.mark.slow)]
FEW = [pytest.param(4, id="sample"), pytest.param(100, id="full", marks=pytest.mark.slow)]


@pytest.fixture
def run(tiny_run):
    """A finished run of three epochs with all its checkpoints."""
    return tiny_run(checkpoint_seconds=0, keep_every=1)


def damage(path: Path, choose: random.Random) -> None:
    """Mutate or remove the file."""
    if choose.random() < 0.05:
        path.unlink()
    else:
        path.write_bytes(mutated(path.read_bytes(), choose))


def same(one: Checkpoint, other: Checkpoint) -> bool:
    return (
        asdict(one.position) == asdict(other.position)
        and one.random == other.random
        and one.circumstances == other.circumstances
        and one.model.keys() == other.model.keys()
        and all(torch.equal(one.model[name], other.model[name]) for name in one.model)
        and str(one.optimizer) == str(other.optimizer)
    )


@pytest.mark.parametrize("count", MANY)
def test_checkpoints(run, tmp_path, count):
    good = checkpoints(run / "checkpoints")[-1]
    truth = load_checkpoint(good)
    bad = tmp_path / "step-00000001"
    choose = random.Random(1)
    files = sorted(path.name for path in good.iterdir())
    refused = 0
    for _ in range(count):
        shutil.copytree(good, bad)
        damage(bad / choose.choice(files), choose)
        try:
            assert same(load_checkpoint(bad), truth)
        except RunError as error:
            assert "step-00000001 is damaged" in error.problem
            refused += 1
        shutil.rmtree(bad)
    assert refused > 0.9 * count  # what goes unnoticed is white space in the manifest


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("count", MANY)
def test_image_files_in_the_idx_format(tmp_path, count, packed):
    def write(name: str, array: np.ndarray) -> IdxFile:
        header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
        content = header + array.tobytes()
        path = tmp_path / (name if packed else name.removesuffix(".gz"))
        path.write_bytes(gzip.compress(content) if packed else content)
        return IdxFile(name, 0, "", array.shape, hashlib.sha256(content).hexdigest())

    draw = np.random.default_rng(0)

    def part(name: str, images: int) -> tuple[IdxFile, IdxFile]:
        pixels = draw.integers(0, 256, (images, 6, 6), np.uint8)
        return write(f"{name}-i.gz", pixels), write(f"{name}-l.gz", pixels[:, 0, 0] % 10)

    data = IdxDataset("small", tuple("abcdefghij"), ("small",), (), part("a", 40), part("b", 9))
    truth = read_idx_dataset(data, tmp_path, "Delete it.").digest
    choose = random.Random(2)
    files = sorted(tmp_path.iterdir())
    for _ in range(count):
        path = choose.choice(files)
        good = path.read_bytes()
        damage(path, choose)
        try:
            assert read_idx_dataset(data, tmp_path, "Delete it.").digest == truth
        except DataError as error:
            assert path.stem in error.problem
        path.write_bytes(good)


@pytest.mark.parametrize("count", MANY)
def test_the_cache_of_decoded_pixels(tmp_path, count):
    draw = np.random.default_rng(0)
    for part, images in (("train", 4), ("test", 2)):
        for label in ("cat", "dog"):
            (tmp_path / "photos" / part / label).mkdir(parents=True)
            for number in range(images):
                pixels = draw.integers(0, 256, (8, 8, 3), np.uint8)
                file = tmp_path / "photos" / part / label / f"{number}.png"
                Image.fromarray(pixels).save(file)

    def digest() -> str:
        loading = load_folder(str(tmp_path / "photos"), Where(), tmp_path / "cache")
        while True:
            try:
                next(loading)
            except StopIteration as end:
                return end.value.digest

    truth = digest()
    [place] = (tmp_path / "cache").iterdir()
    choose = random.Random(3)
    for _ in range(count):
        damage(place / choose.choice(["pixels.bin", "manifest.json"]), choose)
        assert digest() == truth


@pytest.mark.parametrize("count", MANY)
def test_logs(run, count):
    """Only rows that were damaged are lost, and each of those is counted."""
    truth = list(read_events(run))
    choose = random.Random(4)
    for _ in range(count):
        file = run / choose.choice(["metrics.jsonl", "events.jsonl"])
        good = file.read_bytes()
        damage(file, choose)
        left = list(read_events(run))
        bad = set(file.read_bytes().splitlines() if file.exists() else ())
        intact = [line for line in good.splitlines() if line in bad]
        assert [e for e in left if e not in truth] == []
        assert len(left) >= len(intact) + len(truth) - len(good.splitlines())
        whole = file.exists() and file.read_bytes() in good
        assert len(left) >= len(truth) or damaged_rows(run) or whole or not file.exists()
        rows = RowWriter(run)
        rows.add(Notice("after the damage"))
        rows.write()
        rows.close()
        assert list(read_events(run))[-1] == Notice("after the damage")
        for name in ("metrics.jsonl", "events.jsonl"):
            if name != file.name:
                kept = (run / name).read_bytes().splitlines(keepends=True)
                (run / name).write_bytes(
                    b"".join(line for line in kept if b"after the damage" not in line)
                )
        file.write_bytes(good)
    assert list(read_events(run)) == truth


@pytest.mark.parametrize("count", MANY)
def test_rows_set_aside_from_damaged_logs(run, tmp_path, count):
    """Whole rows before the checkpoint stay, those after it go, and damaged lines are kept."""
    found = load_checkpoint(checkpoints(run / "checkpoints")[1])
    choose = random.Random(5)
    for _ in range(count):
        copy = tmp_path / "copy"
        copy.mkdir()
        for name in ("metrics.jsonl", "events.jsonl"):
            shutil.copy(run / name, copy)
        file = copy / choose.choice(["metrics.jsonl", "events.jsonl"])
        file.write_bytes(mutated(file.read_bytes(), choose))
        before = list(read_events(copy))
        set_aside(copy, found.position.step, found.circumstances.rows)
        after = list(read_events(copy))
        late = [e for e in before if e not in after]
        assert all(isinstance(e, RunEnd) or e.step >= found.position.step for e in late)
        assert all(
            e.step <= found.position.step for e in after if isinstance(e, StepReport | EpochEnd)
        )
        shutil.rmtree(copy)


@pytest.mark.parametrize("count", MANY)
@pytest.mark.parametrize("name", ["run.json", "config.json"])
def test_facts_and_settings(run, name, count):
    """What is shown is true, or said to be damaged."""
    truth = read_info(run)
    settings = load_trained(run).config
    choose = random.Random(6)
    file = run / name
    good = file.read_bytes()
    for _ in range(count):
        damage(file, choose)
        told = read_info(run)
        if name == "run.json":
            assert told == truth or told.state == "unreadable"
            assert told.config in (truth.config, None)
        else:
            assert told == truth or told.config is None
            assert replace(told, config=truth.config, problem="") == truth
        file.write_bytes(good)
    assert load_trained(run).config == settings


@pytest.mark.parametrize("count", FEW)
def test_a_resumed_run_whatever_file_of_it_is_damaged(tiny_run, tmp_path, count):
    """It ends with the right weights and rows, or is refused with one line."""
    whole = tiny_run("whole", checkpoint_seconds=0, keep_every=1)
    truth = load_checkpoint(checkpoints(whole / "checkpoints")[-1])
    truth_ends = [(e.epoch, e.test_loss) for e in read_events(whole) if isinstance(e, EpochEnd)]
    control = Control()
    stopped = tmp_path / "runs" / "stopped"
    config = load_trained(whole).config
    for event in run_experiment(
        config, runs_dir=tmp_path / "runs", name="stopped", control=control
    ):
        if isinstance(event, StepReport) and event.step == 12:
            control.send("stop")
    choose = random.Random(7)
    # The lock is empty while nobody holds it: there is nothing to damage.
    files = sorted(
        p.relative_to(stopped) for p in stopped.rglob("*") if p.is_file() and p.stat().st_size
    )
    finished = 0
    for number in range(count):
        copy = tmp_path / "runs" / f"copy{number}"
        shutil.copytree(stopped, copy)
        hit = choose.sample(files, choose.choice([1, 1, 2, 3]))
        for name in hit:
            damage(copy / name, choose)
        try:
            for _ in resume_experiment(copy):
                pass
        except NNLabError as error:
            assert error.fix
            assert "\n" not in error.problem
        else:
            finished += 1
            end = load_checkpoint(checkpoints(copy / "checkpoints")[-1])
            assert all(torch.equal(end.model[n], truth.model[n]) for n in truth.model), hit
            ends = [(e.epoch, e.test_loss) for e in read_events(copy) if isinstance(e, EpochEnd)]
            assert [e for e in ends if e not in truth_ends] == []
            assert len(ends) == len(set(ends)), hit
            assert json.loads((copy / "run.json").read_bytes())["state"] == "finished"
            assert read_info(copy).config == config
        shutil.rmtree(copy)
    assert finished >= 0.7 * count
