from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_data import finish, load_now, notices, save_image

from core.datasets import Where, load
from core.datasets.image_folder import list_images, load_folder, split
from core.errors import DataError


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def pixels_of(path: Path) -> torch.Tensor:
    return torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1)


def test_classes_and_parts_come_from_the_folders(flowers, cache):
    dataset, said = finish(load_folder(str(flowers), Where(), cache))
    assert dataset.classes == ("rose", "tulip")
    assert dataset.train.pixels.shape == (10, 3, 8, 12)
    assert dataset.train.labels.tolist() == [0] * 6 + [1] * 4
    assert dataset.test.labels.tolist() == [0] * 3 + [1] * 2
    assert torch.equal(dataset.train.pixels[7], pixels_of(flowers / "train/tulip/1.png"))
    assert torch.equal(dataset.test.pixels[0], pixels_of(flowers / "test/rose/0.png"))
    assert notices(said) == []


@pytest.mark.parametrize("name", ["val", "valid", "validation", "Test"])
def test_the_test_part_has_several_names(flowers, cache, name):
    (flowers / "test").rename(flowers / name)
    assert len(load_now(load_folder(str(flowers), Where(), cache)).test) == 5


def test_of_two_test_parts_the_one_called_test_counts_and_the_other_is_mentioned(flowers, cache):
    save_image(flowers / "val/rose/1.png")
    dataset, said = finish(load_folder(str(flowers), Where(), cache))
    assert len(dataset.test) == 5
    assert notices(said) == [f"Not used: val in {flowers}."]


@pytest.mark.parametrize("part", ["train", ""])
def test_without_a_test_part_a_fifth_of_each_class_is_set_apart_by_the_seed(tmp_path, cache, part):
    for name, count in (("a", 20), ("b", 10), ("c", 2)):
        for i in range(count):
            save_image(tmp_path / "x" / part / name / f"{i:02}.png", seed=i)

    def digest(seed: int) -> str:
        dataset, said = finish(load_folder(str(tmp_path / "x"), Where(seed=seed), cache))
        assert dataset.train.labels.bincount().tolist() == [16, 8, 1]
        assert dataset.test.labels.bincount().tolist() == [4, 2, 1]
        assert f"7 of 32 images were set apart for testing (seed {seed})" in notices(said)[-1]
        return dataset.digest

    assert digest(1) == digest(1) != digest(2)


def test_split_images_keep_their_labels(tmp_path, cache):
    for name, grey in (("dark", 10), ("light", 200)):
        for i in range(3000 if name == "dark" else 20):  # more rows than are moved at a time
            path = tmp_path / "x" / name / f"{i:04}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (2, 2), grey + i % 20).save(path, compress_level=0)
    dataset = load_now(load_folder(str(tmp_path / "x"), Where(), cache))
    for images in (dataset.train, dataset.test):
        assert torch.equal((images.pixels[:, 0, 0, 0] > 100).long(), images.labels)
    # 3,000 / 20 of each shade, in file order: every image is in one part, and in its place.
    both = torch.cat([dataset.train.pixels, dataset.test.pixels])[:, 0, 0, 0]
    assert both.bincount()[10:30].tolist() == [150] * 20
    _, test_at = split(np.array([0] * 3000 + [1] * 20), seed=0)
    shades = np.where(test_at < 3000, 10 + test_at % 20, 200 + (test_at - 3000) % 20)
    assert dataset.test.pixels[:, 0, 0, 0].tolist() == shades.tolist()


def test_hidden_files_are_passed_over_and_others_that_are_no_images_counted(flowers, cache):
    (flowers / "train/rose/.DS_Store").write_text("x")
    (flowers / ".git").mkdir()
    (flowers / "train/rose/readme.txt").write_text("x")
    dataset, said = finish(load_folder(str(flowers), Where(), cache))
    assert len(dataset.train) == 10
    assert notices(said) == [f"Files in {flowers} that are no images, left out: 1."]


def test_images_in_folders_within_a_class_belong_to_it_and_links_are_followed(flowers, cache):
    save_image(flowers / "train/rose/deeper/still/1.png")
    save_image(flowers.parent / "elsewhere/1.png")
    (flowers / "train/tulip/link").symlink_to(flowers.parent / "elsewhere")
    dataset = load_now(load_folder(str(flowers), Where(), cache))
    assert dataset.train.labels.bincount().tolist() == [7, 5]


def test_a_link_without_an_end_is_an_error(flowers):
    (flowers / "train/rose/again").symlink_to(flowers / "train")
    with pytest.raises(DataError, match="it has no end"):
        list_images(flowers)


@pytest.mark.parametrize("target", ["7.png", "gone.png"])
def test_a_link_to_itself_or_to_nothing_is_an_error(flowers, target):
    (flowers / "train/rose/7.png").symlink_to(flowers / "train/rose" / target)
    with pytest.raises(DataError, match=r"7\.png cannot be read"):
        list_images(flowers)


def test_different_classes_in_train_and_test_are_named(flowers):
    (flowers / "test/tulip").rename(flowers / "test/tulips")
    with pytest.raises(DataError) as caught:
        list_images(flowers)
    assert "'tulips' is missing in train" in caught.value.problem
    assert "'tulip' is missing in test" in caught.value.problem


def test_a_class_without_images_is_named(flowers):
    (flowers / "train/daisy").mkdir()
    (flowers / "test/daisy").mkdir()
    with pytest.raises(DataError, match=r"too few images of: daisy \(0\)"):
        list_images(flowers)


def test_a_class_with_one_image_cannot_be_split(tmp_path):
    for path in ("a/1.png", "b/1.png", "b/2.png"):
        save_image(tmp_path / path)
    with pytest.raises(DataError, match=r"too few images of: a \(1\)"):
        list_images(tmp_path)


@pytest.mark.parametrize("folders", [[], ["one"]])
def test_images_that_are_not_sorted_into_classes_are_an_error_that_shows_how(tmp_path, folders):
    save_image(tmp_path / "1.png")
    for name in folders:
        save_image(tmp_path / name / "1.png")
    with pytest.raises(DataError, match="two at least are needed") as caught:
        list_images(tmp_path)
    assert "one folder for each class" in caught.value.fix


def test_a_test_part_without_a_training_part_is_an_error(flowers):
    (flowers / "train").rename(flowers / "training")
    with pytest.raises(DataError, match="none called 'train'"):
        list_images(flowers)


def test_a_folder_is_loaded_by_its_path(flowers, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(flowers.parent / "cache"))
    dataset = load_now(load(str(flowers), Where()))
    assert dataset.name == str(flowers)
    assert len(dataset.train) == 10


def test_the_digest_is_that_of_the_images_wherever_they_lie(flowers, cache):
    before = load_now(load_folder(str(flowers), Where(), cache)).digest
    moved = flowers.rename(flowers.parent / "moved")
    assert load_now(load_folder(str(moved), Where(), cache)).digest == before
    save_image(moved / "train/rose/0.png", seed=999)
    assert load_now(load_folder(str(moved), Where(), cache)).digest != before
