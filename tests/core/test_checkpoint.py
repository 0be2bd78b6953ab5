import hashlib
import json
import random
import shutil

import pytest
import torch
from torch import nn

from core.checkpoint import (
    Circumstances,
    checkpoints,
    load_checkpoint,
    load_newest,
    prune,
    set_newer_aside,
    take_snapshot,
    tidy,
    write_snapshot,
)
from core.errors import RunError, TrainingDiverged
from core.random_state import restore_random_state
from core.training import Position

CIRCUMSTANCES = Circumstances({"model": "mlp"}, {"CPU threads": 1}, "0" * 64, rows=7)


def trained(optimizer_type=torch.optim.Adam):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    optimizer = optimizer_type(model.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.randn(5, 3)).square().sum().backward()
        optimizer.step()
    return model, optimizer


def save(folder, model, optimizer, position):
    return write_snapshot(folder, take_snapshot(model, optimizer, position, CIRCUMSTANCES))


def at(step, **others):
    return Position(epoch=step // 10 + 1, batch=step % 10, step=step, epochs=9, lr=0.1, **others)


@pytest.mark.parametrize(
    "optimizer_type", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.Adadelta]
)
def test_everything_comes_back_as_it_was(tmp_path, optimizer_type):
    model, optimizer = trained(optimizer_type)
    position = at(17, best_epoch=1, best_step=10, best_test_score=0.5, loss_sum=1 / 3)
    snapshot = take_snapshot(model, optimizer, position, CIRCUMSTANCES)
    write_snapshot(tmp_path, snapshot)
    expected_draw = torch.rand(3)

    read = load_checkpoint(tmp_path / "step-00000017")
    assert read.position == position
    assert read.circumstances == CIRCUMSTANCES
    assert (snapshot.step, snapshot.epoch) == (17, 2)
    on_disk = sum(file.stat().st_size for file in read.path.iterdir())
    assert on_disk > snapshot.size > 3 * 4 * 4  # bytes of the first weight
    fresh, fresh_optimizer = trained(optimizer_type)
    fresh.load_state_dict(read.model)
    fresh_optimizer.load_state_dict(read.optimizer)
    torch.testing.assert_close(fresh_optimizer.state_dict(), optimizer.state_dict(), rtol=0, atol=0)
    assert all(
        torch.equal(a, b) for a, b in zip(fresh.parameters(), model.parameters(), strict=True)
    )
    restore_random_state(read.random, torch.device("cpu"))
    assert torch.equal(torch.rand(3), expected_draw)


def test_tied_weights_are_saved_and_stay_tied(tmp_path):
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    save(tmp_path, model, optimizer, at(1))
    weight = model[0].weight.clone()
    with torch.no_grad():
        model[0].weight.zero_()
    model.load_state_dict(load_newest(tmp_path)[0].model)
    assert torch.equal(model[1].weight, weight)


def test_the_last_two_and_the_best_are_kept(tmp_path):
    model, optimizer = trained()
    for step in (10, 20, 30, 40, 50):
        best = min(step, 20)
        save(tmp_path, model, optimizer, at(step))
        prune(tmp_path, step, best)
    assert [p.name for p in checkpoints(tmp_path)] == [
        "step-00000020",
        "step-00000040",
        "step-00000050",
    ]
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_the_same_step_saved_again_replaces_what_was_there(tmp_path):
    model, optimizer = trained()
    save(tmp_path, model, optimizer, at(10))
    save(tmp_path, model, optimizer, Position(2, 0, 10, lr=0.05))
    assert load_newest(tmp_path)[0].position.lr == 0.05
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "name", ["model.safetensors", "optimizer.safetensors", "state.json", "manifest.json"]
)
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(tmp_path, name):
    model, optimizer = trained()
    save(tmp_path, model, optimizer, at(10))
    save(tmp_path, model, optimizer, at(20))
    file = tmp_path / "step-00000020" / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0x04
    file.write_bytes(content)

    read, damaged = load_newest(tmp_path)
    assert read.position.step == 10
    assert len(damaged) == 1
    assert "step-00000020" in damaged[0]


def test_every_mutation_of_a_checkpoint_is_noticed(tmp_path):
    """Flipped bits, cut, grown and missing files: an error, never other weights."""
    model, optimizer = trained()
    save(tmp_path / "good", model, optimizer, at(10))
    good = tmp_path / "good" / "step-00000010"
    expected = load_checkpoint(good)
    choose = random.Random(0)
    refused = 0
    for attempt in range(200):
        bad = tmp_path / "bad"
        shutil.copytree(good, bad)
        file = bad / choose.choice(sorted(p.name for p in good.iterdir()))
        content = bytearray(file.read_bytes())
        kind = attempt % 4
        if kind == 0:
            content[choose.randrange(len(content))] ^= 1 << choose.randrange(8)
        elif kind == 1:
            del content[choose.randrange(len(content)) :]
        elif kind == 2:
            content += bytes(choose.randrange(1, 100))
        else:
            content = None
        file.unlink() if content is None else file.write_bytes(content)
        try:
            read = load_checkpoint(bad)
        except RunError:
            refused += 1
        else:  # white space in manifest.json is the only thing that may change unnoticed
            assert file.name == "manifest.json"
            assert read.position == expected.position
            assert all(torch.equal(read.model[k], v) for k, v in expected.model.items())
        shutil.rmtree(bad)
    assert refused > 180


def test_no_checkpoint_at_all_is_said_plainly(tmp_path):
    with pytest.raises(RunError, match="no usable checkpoint"):
        load_newest(tmp_path / "checkpoints")


def test_a_manifest_cannot_lead_elsewhere(tmp_path):
    model, optimizer = trained()
    save(tmp_path, model, optimizer, at(10))
    manifest = tmp_path / "step-00000010" / "manifest.json"
    listed = json.loads(manifest.read_text())
    listed["../../secret"] = listed.pop("state.json")
    manifest.write_text(json.dumps(listed))
    with pytest.raises(RunError, match=r"state\.json"):
        load_checkpoint(tmp_path / "step-00000010")


def broken(*arguments):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("step", [10, 20])
@pytest.mark.parametrize(
    "call", ["os.fsync", "core.checkpoint.write_file", "core.checkpoint._read_back", "os.rename"]
)
def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch, call, step):
    model, optimizer = trained()
    save(tmp_path, model, optimizer, at(10))
    with monkeypatch.context() as patch:
        patch.setattr(call, broken)
        with pytest.raises(OSError, match="No space left"):
            save(tmp_path, model, optimizer, at(step))
    assert load_newest(tmp_path)[0].position.step == 10
    assert [p.name for p in tmp_path.iterdir()] == ["step-00000010"]


def test_a_checkpoint_is_not_written_into_a_run_folder_that_is_gone(tmp_path):
    with pytest.raises(FileNotFoundError):
        save(tmp_path / "gone" / "checkpoints", *trained(), at(10))
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_what_it_replaced_put_back(tmp_path):
    model, optimizer = trained()
    save(tmp_path, model, optimizer, at(10))
    save(tmp_path, model, optimizer, at(20))
    (tmp_path / "step-00000020").rename(tmp_path / ".step-00000020.old")
    shutil.copytree(tmp_path / "step-00000010", tmp_path / ".step-00000010.old")
    (tmp_path / ".step-00000030.tmp").mkdir()
    tidy(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-00000010", "step-00000020"]
    assert load_newest(tmp_path)[0].position.step == 20


def test_every_so_many_steps_a_checkpoint_stays_for_good(tmp_path):
    model, optimizer = trained()
    for step in range(10, 100, 10):
        save(tmp_path, model, optimizer, at(step))
        prune(tmp_path, step, None, keep_multiples_of=30)
    assert [int(p.name[5:]) for p in checkpoints(tmp_path)] == [30, 60, 80, 90]


def test_damaged_checkpoints_do_not_push_out_the_good_ones(tmp_path):
    model, optimizer = trained()
    for step in (10, 20, 30):
        save(tmp_path, model, optimizer, at(step))
    for step in (20, 30):
        (tmp_path / f"step-{step:08d}" / "state.json").write_text("")
    set_newer_aside(tmp_path, load_newest(tmp_path)[0].position.step)
    save(tmp_path, model, optimizer, at(15))
    prune(tmp_path, 15, None)
    assert [int(p.name[5:]) for p in checkpoints(tmp_path)] == [10, 15]
    assert (tmp_path / "step-00000030.superseded").is_dir()


def test_weights_that_are_not_finite_are_not_saved_but_masks_may_be_infinite(tmp_path):
    model, optimizer = trained()
    model.register_buffer("mask", torch.tensor([0.0, -torch.inf]))
    save(tmp_path, model, optimizer, at(10))
    with torch.no_grad():
        model[0].weight[1, 1] = torch.nan
    with pytest.raises(TrainingDiverged, match=r"0\.weight is no longer finite at step 20"):
        save(tmp_path, model, optimizer, at(20))


def test_a_folder_whose_manifest_was_made_to_match_is_still_refused(tmp_path):
    path = save(tmp_path, *trained(), at(10))
    for name, content in (("state.json", b"[1]"), ("model.safetensors", b"no tensors")):
        good = (path / name).read_bytes()
        (path / name).write_bytes(content)
        manifest = json.loads((path / "manifest.json").read_bytes())
        digest = hashlib.sha256(content).hexdigest()
        manifest[name] = {"length": len(content), "sha256": digest}
        (path / "manifest.json").write_text(json.dumps(manifest))
        with pytest.raises(RunError, match="is damaged"):
            load_checkpoint(path)
        manifest[name] = {"length": len(good), "sha256": hashlib.sha256(good).hexdigest()}
        (path / "manifest.json").write_text(json.dumps(manifest))
        (path / name).write_bytes(good)
