import gzip
import hashlib

import numpy as np
import pytest
import torch
from small_data import finish, load_now

from core.datasets import Where, load
from core.datasets.fashion_mnist import CLASSES, MINI, MINI_FOLDER
from core.datasets.idx import read_idx_dataset
from core.datasets.make_fashion_mini import first_of_each_class, make
from core.errors import DataError


def test_fashion_mini_is_balanced_small_and_needs_nothing(tmp_path):
    dataset, said = finish(load("fashion-mini", Where(tmp_path / "nowhere")))
    assert said == []
    assert dataset.train.pixels.shape == (6000, 1, 28, 28)
    assert dataset.test.pixels.shape == (2000, 1, 28, 28)
    assert dataset.train.labels.bincount().tolist() == [600] * 10
    assert dataset.test.labels.bincount().tolist() == [200] * 10
    assert sum(p.stat().st_size for p in MINI_FOLDER.iterdir()) < 4_000_000


def test_fashion_mini_has_images_and_not_noise():
    dataset = load_now(load("fashion-mini", Where()))
    pixels = dataset.train.pixels.float() / 255
    # The published mean and deviation of the complete set are 0.2860 and 0.3530.
    assert pixels.mean().item() == pytest.approx(0.286, abs=0.005)
    assert pixels.std().item() == pytest.approx(0.353, abs=0.005)
    trousers, bags = (
        pixels[dataset.train.labels == CLASSES.index(c)].mean(0)[0] for c in ("Trouser", "Bag")
    )
    assert trousers[:, 4].mean() < 0.05 < bags[14:, 4].mean()  # trousers are narrow


def test_its_files_are_those_that_were_made_and_carry_the_licence():
    for file in MINI.files:
        content = (MINI_FOLDER / file.name).read_bytes()
        assert hashlib.md5(content).hexdigest() == file.md5
        assert len(content) == file.size
    licence = (MINI_FOLDER / "LICENSE").read_text("utf-8")
    assert "Zalando SE" in licence
    assert "The MIT License" in licence


def test_a_damaged_installation_says_so(tmp_path):
    for file in MINI.files:
        (tmp_path / file.name).write_bytes((MINI_FOLDER / file.name).read_bytes())
    path = tmp_path / MINI.test[0].name
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError) as caught:
        read_idx_dataset(MINI, tmp_path, "Install nnlab again.")
    assert str(path) in caught.value.problem
    assert caught.value.fix == "Install nnlab again."


def test_the_first_of_each_class_are_taken_in_file_order():
    labels = np.array([3, 0, 3, 1, 3, 2, 4, 5, 0, 6, 7, 8, 9, 0])
    assert first_of_each_class(labels, 2).tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12]


@pytest.mark.slow
def test_the_script_makes_the_packaged_images_from_the_complete_ones(shared_data, tmp_path):
    make(shared_data / "FashionMNIST/raw", tmp_path)
    for file in MINI.files:
        made, packaged = ((f / file.name).read_bytes() for f in (tmp_path, MINI_FOLDER))
        assert gzip.decompress(made) == gzip.decompress(packaged)


def test_the_complete_set_is_read_and_begins_with_the_same_images(shared_data):
    whole = load_now(load("fashion-mnist", Where(shared_data)))
    mini = load_now(load("fashion-mini", Where()))
    assert whole.train.labels.bincount().tolist() == [6000] * 10
    assert whole.test.labels.bincount().tolist() == [1000] * 10
    assert torch.equal(whole.train.pixels[:1000], mini.train.pixels[:1000])
