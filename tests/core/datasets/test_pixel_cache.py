import json
import os
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from small_data import finish, notices, save_image

from core.datasets import Dataset, Where, pixel_cache
from core.datasets.image_folder import load_folder
from core.errors import DataError
from core.events import Progress


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def look(flowers: Path, cache: Path) -> tuple[Dataset, bool, list[str]]:
    """The data set, whether its images were decoded, and what was said."""
    dataset, said = finish(load_folder(str(flowers), Where(), cache))
    decoded = any(isinstance(s, Progress) and s.doing == "decoding images" for s in said)
    return dataset, decoded, notices(said)


def place(cache: Path) -> Path:
    (only,) = cache.iterdir()
    return only


def test_images_are_decoded_once(flowers, cache):
    first, decoded, _ = look(flowers, cache)
    again, decoded_again, said = look(flowers, cache)
    assert (decoded, decoded_again) == (True, False)
    assert first.digest == again.digest
    assert said == []
    assert sorted(p.name for p in place(cache).iterdir()) == [
        ".lock",
        "manifest.json",
        "pixels.bin",
    ]


def test_what_was_done_to_the_images_is_said_each_time(flowers, cache):
    save_image(flowers / "train/rose/0.png", size=(30, 30))
    said = [look(flowers, cache)[2] for _ in range(2)]
    assert said[0] == said[1]
    assert "1 of 15 images are not 12x8" in said[0][0]


@pytest.mark.parametrize("change", ["content", "time", "new", "gone", "renamed"])
def test_any_change_in_the_folder_decodes_again(flowers, cache, change):
    look(flowers, cache)
    image = flowers / "train/rose/0.png"
    facts = image.stat()
    match change:
        case "content":
            save_image(image, seed=77, size=(13, 8))
            os.utime(image, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        case "time":
            os.utime(image, ns=(facts.st_atime_ns, facts.st_mtime_ns + 1))
        case "new":
            save_image(flowers / "train/rose/00.png")
        case "gone":
            image.unlink()
        case "renamed":
            image.rename(flowers / "train/rose/0.new.png")
    _, decoded, said = look(flowers, cache)
    assert decoded
    assert said[0] == f"The images in {flowers} are decoded again: files in it have changed."
    assert look(flowers, cache)[1] is False


def damage_pixel(at: Path) -> None:
    content = bytearray((at / "pixels.bin").read_bytes())
    content[100] ^= 1
    (at / "pixels.bin").write_bytes(content)


def change_manifest(**changes: object):
    def change(at: Path) -> None:
        manifest = json.loads((at / "manifest.json").read_text())
        (at / "manifest.json").write_text(json.dumps(manifest | changes))

    return change


DAMAGES = {
    "one bit": damage_pixel,
    "cut short": lambda at: (at / "pixels.bin").write_bytes(b"x"),
    "no pixels": lambda at: (at / "pixels.bin").unlink(),
    "empty manifest": lambda at: (at / "manifest.json").write_bytes(b""),
    "not an object": lambda at: (at / "manifest.json").write_bytes(b"[1]"),
    "another shape": change_manifest(shape=[15, 3, 12, 8, 1]),
    "no shape": change_manifest(shape=None),
    "another version": change_manifest(format=0),
}


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_a_damaged_cache_is_noticed_and_made_again(flowers, cache, damage):
    first, *_ = look(flowers, cache)
    DAMAGES[damage](place(cache))
    again, decoded, said = look(flowers, cache)
    assert decoded
    assert "are decoded again: the cache" in said[0]
    assert again.digest == first.digest
    assert look(flowers, cache)[1] is False


def test_a_cache_that_cannot_be_written_costs_time_but_not_the_run(flowers, cache, monkeypatch):
    cache.write_text("a file in the way")
    dataset, decoded, said = look(flowers, cache)
    assert decoded
    assert len(dataset.train) == 10
    assert "No cache for decoded images" in said[0]

    cache.unlink()

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pixel_cache, "write_whole", full)
    dataset, _, said = look(flowers, cache)
    assert "could not be kept" in said[0]
    assert "No space left on device" in said[0]
    assert np.array_equal(dataset.train.labels, [0] * 6 + [1] * 4)


def test_nothing_half_written_is_left_behind(tmp_path, monkeypatch):
    from core.datasets.atomic import write_whole

    write_whole(tmp_path / "x", b"old")
    with pytest.raises(TypeError):
        write_whole(tmp_path / "x", "not bytes")
    assert (tmp_path / "x").read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_a_second_process_waits_for_the_one_that_decodes(flowers, cache):
    look(flowers, cache)
    with FileLock(place(cache) / ".lock"):
        second = load_folder(str(flowers), Where(), cache)
        assert "Another process is decoding" in notices([next(second)])[0]
        assert next(second).doing == "waiting for another process"
    _, said = finish(second)
    assert not any(isinstance(s, Progress) and s.doing == "decoding images" for s in said)


def test_damaged_images_leave_no_cache_behind(flowers, cache):
    (flowers / "train/rose/0.png").write_bytes(b"x")
    for _ in range(2):
        with pytest.raises(DataError, match=r"1 of 15 images cannot be read: train/rose/0\.png"):
            look(flowers, cache)
    assert [p.name for p in place(cache).iterdir()] == [".lock"]
