from dataclasses import replace
from textwrap import dedent

import PIL.Image
import pytest
import torch
from heart import write_heart

import core.estimate
from core.config import make_config
from core.datasets import DATASETS, Where, load
from core.errors import DataError, ModelError
from core.estimate import (
    ImageFacts,
    estimate,
    image_facts,
    optimizer_copies,
    parameters_of_all,
    summarize_for,
    time_step,
)

GREY = ImageFacts(channels=1, classes=10, train=6000, test=2000, side=28)


def config(**values):
    return make_config({"model": "mlp", "device": "cpu", **values})


def cost(config, images=GREY):
    return estimate(config, images, summarize_for(config, images))


def network(folder, code):
    """The name of a user's network with this code."""
    head = "import torch\nfrom torch import nn\n"
    (folder / "net.py").write_text(head + dedent(code), encoding="utf-8")
    return f"{folder / 'net.py'}:Net"


@pytest.mark.parametrize("name", list(DATASETS))
def test_every_data_set_says_what_it_holds_without_being_read(name):
    facts = image_facts(name)
    assert facts.channels in (1, 3)
    assert facts.classes >= 2
    assert facts.side >= 8
    assert facts.train > facts.test > 0


def test_what_the_built_in_data_set_says_is_true():
    loading = load("fashion-mini", Where())
    try:
        while True:
            next(loading)
    except StopIteration as end:
        dataset = end.value
    found = (*dataset.train.pixels.shape[:3], len(dataset.test), len(dataset.classes))
    facts = image_facts("fashion-mini")
    assert found == (facts.train, facts.channels, facts.side, facts.test, facts.classes)


def test_a_folder_of_images_is_counted_and_one_image_looked_at(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(10):
            PIL.Image.new("RGB", (20, 45)).save(tmp_path / name / f"{number}.png")
    # A fifth is set apart for testing; a square with 20 * 45 = 900 pixels is 30 wide.
    assert image_facts(str(tmp_path)) == ImageFacts(
        channels=3, classes=2, train=16, test=4, side=30
    )


def test_a_folder_that_holds_no_classes_is_explained(tmp_path):
    with pytest.raises(DataError, match="class folder"):
        image_facts(str(tmp_path))


def test_the_estimate_has_the_networks_figures():
    found = cost(config(batch_size=32, epochs=3))
    assert found.summary.total_params == 784 * 256 + 256 + 256 * 10 + 10
    assert found.summary.batch_size == 32
    assert found.device.torch_name == "cpu"
    assert found.seconds is None
    assert found.fits


@pytest.mark.parametrize(
    ("settings", "copies"),
    [
        ({"optimizer": "sgd", "lr": 0.1}, 0),
        ({"optimizer": "sgd", "lr": 0.1, "momentum": 0.9}, 1),
        ({"optimizer": "adam"}, 2),
        ({"optimizer": "adamw"}, 2),
    ],
)
def test_memory_counts_what_the_optimizer_keeps(settings, copies):
    assert optimizer_copies(config(**settings)) == copies
    plain = cost(config(optimizer="sgd", lr=0.1)).memory_bytes
    memory = cost(config(**settings)).memory_bytes
    assert memory - plain == copies * 203_530 * 4


def test_memory_counts_the_images_that_lie_on_the_device():
    few, many = (replace(GREY, train=n) for n in (1000, 3000))
    more = cost(config(), many).memory_bytes - cost(config(), few).memory_bytes
    assert more == 2000 * 28 * 28


def test_a_run_that_needs_more_than_is_free_does_not_fit():
    found = cost(config())
    assert not replace(
        found, device=replace(found.device, memory_free_bytes=found.memory_bytes - 1)
    ).fits
    assert replace(found, device=replace(found.device, memory_free_bytes=None)).fits


def test_an_epoch_is_its_steps_and_an_evaluation_that_costs_a_third():
    images = replace(GREY, train=1000, test=600)
    found = cost(config(batch_size=100, epochs=4), images)
    timed = replace(found, step_seconds=0.3)
    assert timed.seconds_per_epoch == pytest.approx(10 * 0.3 + 6 * 0.1)
    assert timed.seconds == pytest.approx(4 * 3.6)
    twice = replace(timed, evaluate_train=True)
    assert twice.seconds_per_epoch == pytest.approx(10 * 0.3 + 16 * 0.1)


def test_a_network_that_cannot_be_read_is_explained(tmp_path):
    name = network(tmp_path, "class Net(nn.Module:\n    pass\n")
    with pytest.raises(ModelError, match=r"SyntaxError.*line 3"):
        cost(config(model=name))


def test_a_step_is_timed_and_leaves_random_state_and_threads_alone():
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    chosen = config(model="lenet_bn", batch_size=16, augmentation=("flip",))
    seconds = time_step(chosen, cost(chosen))
    assert 0 < seconds < 60
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_a_probe_that_is_cancelled_takes_no_further_step():
    chosen = config()
    asked = []

    def cancelled():
        asked.append(1)
        return len(asked) > 2

    assert time_step(chosen, cost(chosen), cancelled) is None
    assert len(asked) == 3


@pytest.mark.parametrize(("seconds", "seen"), [(0, {4}), (60, {4, 16, 64, 100})])
def test_only_batches_that_can_be_expected_to_end_in_time_are_timed(
    tmp_path, monkeypatch, seconds, seen
):
    name = network(
        tmp_path,
        f"""
        class Net(nn.Module):
            def __init__(self, in_channels, num_classes):
                super().__init__()
                self.output = nn.Linear(in_channels * 784, num_classes)

            def forward(self, x):
                with open({str(tmp_path / "seen")!r}, "a") as seen:
                    seen.write(f"{{len(x)}} {{x.device}}\\n")
                return self.output(x.flatten(1))
        """,
    )
    chosen = config(model=name, batch_size=100)
    found = cost(chosen)
    (tmp_path / "seen").unlink()
    monkeypatch.setattr(core.estimate, "PROBE_SECONDS", seconds)
    assert time_step(chosen, found) > 0
    lines = (tmp_path / "seen").read_text().splitlines()
    assert {int(line.split()[0]) for line in lines} == seen


def test_a_network_that_fails_in_training_only_is_explained():
    # Batch normalisation has no variance to divide by with one image.
    chosen = config(model="lenet_bn", batch_size=1)
    found = cost(chosen)
    with pytest.raises(ModelError, match="fails in a training step"):
        time_step(chosen, found)


def test_the_parameters_of_all_networks_are_counted_for_the_images():
    counts = parameters_of_all(GREY)
    assert (counts["softmax"], counts["mlp"], counts["lenet"]) == (7850, 203_530, 61_706)
    coloured = parameters_of_all(replace(GREY, channels=3))
    assert coloured["softmax"] == 3 * 784 * 10 + 10


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("LA", 1), ("I;16", 1), ("RGB", 3)])
def test_a_folder_has_the_channels_that_decoding_gives_it(tmp_path, mode, channels):
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        for number in (1, 2):
            PIL.Image.new(mode, (12, 12)).save(tmp_path / label / f"{number}.png")
    assert image_facts(str(tmp_path)).channels == channels


def test_a_table_is_read_again_only_if_it_was_changed(tmp_path, monkeypatch):
    import core.datasets.table as table

    read = []
    prepare = table.prepare_table
    monkeypatch.setattr(
        table, "prepare_table", lambda path, where: read.append(path) or prepare(path, where)
    )
    file = tmp_path / "heart.csv"
    write_heart(file)
    where = Where(target="target")
    first = image_facts(str(file), where)
    assert image_facts(str(file), where) == first
    assert len(read) == 1
    with file.open("a") as rows:
        rows.write(file.read_text().splitlines()[-1] + "\n")
    assert image_facts(str(file), where) != first
    assert len(read) == 2
