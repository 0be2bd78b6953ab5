import shutil
from dataclasses import replace

import pytest
import torch

from core.batches import Batches
from core.build import build_model, default_input_shape, default_outputs
from core.checkpoint import checkpoints
from core.config import make_config
from core.errors import DataError, DeviceError, NNLabError, RunError
from core.events import CheckpointSaved
from core.experiment import run_experiment
from core.models import MODELS
from core.random_state import random_state
from core.runs import read_info
from core.trained import load_trained, predict


def finish(work):
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def accuracy(trained, images):
    logits = finish(predict(trained, images))
    return (logits.argmax(1) == images.labels).float().mean().item()


@pytest.mark.parametrize("normalisation", ["unit", "standard"])
def test_the_best_checkpoint_reaches_the_accuracy_that_was_recorded(
    tiny_run, tiny_dataset, normalisation
):
    run = tiny_run(epochs=6, lr=0.5, normalisation=normalisation)
    trained = load_trained(run)
    info = read_info(run)
    assert trained.epoch == info.best_epoch
    assert accuracy(trained, tiny_dataset.test) == pytest.approx(info.best_test_score)
    assert trained.classes == ("top", "middle", "bottom")
    assert trained.image_shape == (1, 8, 8)
    assert not trained.model.training


def test_the_scale_is_that_of_the_training_images_without_reading_them(tiny_run, tiny_dataset):
    trained = load_trained(tiny_run(normalisation="standard"))
    pixels = tiny_dataset.train.pixels.double()
    torch.testing.assert_close(
        trained.scale.factor.flatten(), (1 / pixels.std(correction=0)).float()[None]
    )
    inputs, _ = trained.batches(tiny_dataset.train).batch(0, 0)
    whole, _ = Batches(
        tiny_dataset.train, batch_size=48, device="cpu", input_size=8, scale=trained.scale
    ).batch(0, 0)
    torch.testing.assert_close(whole.mean(), torch.tensor(0.0), atol=1e-5, rtol=0)
    assert torch.equal(inputs, whole[:10])


def test_any_checkpoint_that_was_kept_can_be_named(tiny_run):
    run = tiny_run(epochs=4)
    kept = [int(path.name[5:]) for path in checkpoints(run / "checkpoints")]
    assert load_trained(run, "last").position.step == kept[-1] == 20
    for name in (str(kept[0]), f"step-{kept[0]:08d}"):
        assert load_trained(run, name).position.step == kept[0]


@pytest.mark.parametrize("which", ["7", "newest", "step-", "-1", "9" * 5000])
def test_a_checkpoint_that_is_not_there_is_an_error_that_names_those_that_are(tiny_run, which):
    run = tiny_run(epochs=1)
    with pytest.raises(RunError) as caught:
        load_trained(run, which)
    assert caught.value.fix == "Choose best, last or a step: 5."


def test_a_damaged_newest_checkpoint_is_told_and_the_one_before_it_used(tiny_run):
    run = tiny_run(epochs=2)
    [*_, newest] = checkpoints(run / "checkpoints")
    (newest / "state.json").write_text("{}")
    trained = load_trained(run, "last")
    assert trained.position.step == 5
    assert len(trained.notices) == 1
    assert newest.name in trained.notices[0]


def test_a_run_without_a_checkpoint_is_one_clear_error(tiny_run):
    run = tiny_run(epochs=1)
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(RunError, match="no usable checkpoint"):
        load_trained(run)
    with pytest.raises(RunError, match="no checkpoint '5'") as caught:
        load_trained(run, "5")
    assert caught.value.fix == "There is none at all."


def test_a_run_that_has_not_begun_is_one_clear_error(tiny_run):
    run = tiny_run(epochs=1)
    (run / "events.jsonl").write_text("")
    with pytest.raises(RunError, match="has not begun"):
        load_trained(run)


def test_a_device_that_is_not_there_is_refused(tiny_run):
    with pytest.raises(DeviceError):
        load_trained(tiny_run(epochs=1), device="cuda:99")


def test_the_network_works_where_its_images_are_gone(tiny_run, tiny_dataset, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    run = tiny_run(data=str(photos))
    before = accuracy(load_trained(run), tiny_dataset.test)
    photos.rmdir()
    trained = load_trained(run)
    assert trained.config.data == str(photos)
    assert accuracy(trained, tiny_dataset.test) == before


def test_images_that_are_gone_are_named_when_they_are_wanted(tiny_run, monkeypatch):
    def gone(name, where):
        raise DataError(f"There is no folder {name!r}.", "Check the path.")
        yield

    trained = load_trained(tiny_run(epochs=1))
    monkeypatch.setattr("core.trained.load", gone)
    with pytest.raises(DataError, match="fashion-mini"):
        finish(trained.load_data())


def test_images_of_other_classes_than_before_are_refused(tiny_run, tiny_dataset, monkeypatch):
    def other(name, where):
        yield from ()
        return replace(tiny_dataset, classes=("a", "b", "c"))

    trained = load_trained(tiny_run(epochs=1))
    monkeypatch.setattr("core.trained.load", other)
    with pytest.raises(RunError, match="has changed"):
        finish(trained.load_data())


@pytest.mark.parametrize("content", [b"{", b'{"model": "lenet"}'])
def test_the_settings_are_those_of_the_checkpoint_whatever_config_json_says(tiny_run, content):
    run = tiny_run(epochs=1)
    before = load_trained(run).config
    (run / "config.json").write_bytes(content)
    assert load_trained(run).config == before


def test_a_network_that_was_edited_since_is_refused(tiny_run, tmp_path):
    run = tiny_run(epochs=1)
    net = tmp_path / "net.py"
    net.write_text(net.read_text().replace("in_channels, 4, 3", "in_channels, 4, 3, bias=False"))
    with pytest.raises(RunError, match="no longer the network"):
        load_trained(run)


def test_a_network_whose_file_is_gone_is_named(tiny_run, tmp_path):
    run = tiny_run(epochs=1)
    (tmp_path / "net.py").unlink()
    with pytest.raises(NNLabError, match=r"net\.py"):
        load_trained(run)


def test_shuffled_batches_are_those_that_the_run_had(tiny_run, tiny_dataset):
    trained = load_trained(tiny_run(seed=5))
    as_trained = Batches(
        tiny_dataset.train,
        batch_size=10,
        device="cpu",
        input_size=8,
        scale=trained.scale,
        seed=5,
        shuffle=True,
    )
    images, labels = trained.batches(tiny_dataset.train, shuffle=True).batch(1, 0)
    assert torch.equal(images, as_trained.batch(1, 0)[0])
    assert len(labels.unique()) == 3


def test_predictions_come_in_the_order_of_the_images(tiny_run, tiny_dataset):
    trained = load_trained(tiny_run(batch_size=7))
    logits = finish(predict(trained, tiny_dataset.test))
    assert logits.shape == (24, 3)
    with torch.no_grad():
        one, _ = trained.batches(tiny_dataset.test).batch(0, 2)
        torch.testing.assert_close(trained.model(one), logits[14:21])


def test_looking_into_a_run_that_trains_in_this_process_leaves_its_bits_alone(
    tiny_run, tiny_dataset, tmp_path
):
    """Its dropout draws from the generators that building a network would draw from."""
    settings = {"model": "mlp_dropout", "batch_size": 10, "checkpoint_seconds": 0}
    alone = load_trained(tiny_run("alone", **settings), "last").model.state_dict()
    config = make_config(
        {"epochs": 3, "input_size": 8, "optimizer": "sgd", "lr": 0.1, "threads": 1}
        | {"device": "cpu", "report_interval": 0}
        | settings
    )
    looked = 0
    for event in run_experiment(config, runs_dir=tmp_path / "runs", name="seen"):
        if isinstance(event, CheckpointSaved):
            seen = load_trained(tmp_path / "runs" / "seen", "last")
            finish(predict(seen, tiny_dataset.test))
            looked += 1
    assert looked >= 3
    found = load_trained(tmp_path / "runs" / "seen", "last").model.state_dict()
    assert all(torch.equal(alone[name], values) for name, values in found.items())


@pytest.mark.parametrize("name", list(MODELS))
def test_a_network_of_ours_can_be_built_without_weights_and_without_chance(name):
    before = random_state(torch.device("cpu"))
    with torch.device("meta"):
        channels, side, _ = default_input_shape(name)
        model = build_model(name, channels, default_outputs(name), input_size=side)
    assert random_state(torch.device("cpu")) == before
    weights = {n: torch.empty(v.shape, dtype=v.dtype) for n, v in model.state_dict().items()}
    model.load_state_dict(weights, assign=True)
    assert not any(t.is_meta for t in [*model.parameters(), *model.buffers()])
