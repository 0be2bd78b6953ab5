import gzip
import hashlib
import random
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_data import Mirror, finish, idx_bytes, load_now

from core.datasets import Where
from core.datasets.idx import IdxDataset, IdxFile, load_idx_dataset, read_idx
from core.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 4, 4), np.uint8)
CONTENT = idx_bytes(IMAGES)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def read(path: Path) -> np.ndarray:
    return read_idx(path, IMAGES.shape, SHA256, "Fetch it again.")


@pytest.mark.parametrize(
    ("name", "content"), [("x", CONTENT), ("x.gz", gzip.compress(CONTENT, mtime=0))]
)
def test_a_whole_file_is_read_packed_or_not(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert np.array_equal(read(tmp_path / name), IMAGES)


PACKED = gzip.compress(CONTENT, mtime=0)
OTHER_PIXEL = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
DAMAGED = {
    "is cut short": CONTENT[:-1],
    "is too long": CONTENT + b"x",
    "begins with 00 00 08 01, not 00 00 08 03": idx_bytes(IMAGES.ravel()),
    "begins with 3c 68 74 6d": b"<html>an error page</html>" * 20,
    "says that it holds 19x4x4 bytes, not 20x4x4 bytes": idx_bytes(IMAGES[:19]),
    "says that it holds 4,294,967,295x4x4 bytes": b"\0\0\x08\x03\xff\xff\xff\xff" + CONTENT[8:],
    "its SHA-256 is another one": OTHER_PIXEL,
    "begins with , not": b"",
}
DAMAGED_PACKED = {
    "is not a gzip file": CONTENT,
    "is cut short: the gzip stream has no end": PACKED[:-9],
    "has no end": PACKED[:20],
    "cannot be unpacked": PACKED[:-8] + b"wrongsum",
    "its SHA-256 is another one": gzip.compress(OTHER_PIXEL, mtime=0),
    "says that it holds 40x4x4 bytes": gzip.compress(
        idx_bytes(np.concatenate([IMAGES] * 2)), mtime=0
    ),
    "is too long": gzip.compress(CONTENT + bytes(1000), mtime=0),
}


@pytest.mark.parametrize(
    ("name", "problem", "content"),
    [("x", *item) for item in DAMAGED.items()]
    + [("x.gz", *item) for item in DAMAGED_PACKED.items()],
)
def test_each_kind_of_damage_is_one_error_that_names_the_file(tmp_path, name, problem, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(path) in caught.value.problem
    assert problem in caught.value.problem
    assert caught.value.fix == "Fetch it again."


def test_a_missing_file_and_a_folder_in_its_place_are_data_errors(tmp_path):
    for path in (tmp_path / "nothing.gz", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            read(path)


def test_a_gzip_bomb_is_not_unpacked(tmp_path):
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(CONTENT + bytes(50_000_000), 1))
    tracemalloc.start()
    with pytest.raises(DataError, match="is too long"):
        read(tmp_path / "bomb.gz")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1_000_000


@pytest.mark.parametrize(("name", "content"), [("x", CONTENT), ("x.gz", PACKED)])
def test_no_mutation_gives_wrong_images(tmp_path, name, content):
    path = tmp_path / name
    chance = random.Random(1)
    refused = 0
    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(damaged))
            match chance.choice("flip set cut add drop".split()):
                case "flip":
                    damaged[at] ^= 1 << chance.randrange(8)
                case "set":
                    damaged[at] = chance.randrange(256)
                case "cut":
                    del damaged[max(at, 1) :]
                case "add":
                    damaged[at:at] = chance.randbytes(chance.randint(1, 40))
                case "drop":
                    del damaged[at : at + chance.randint(1, 10)]
            damaged = damaged or bytearray(b"\0")
        path.write_bytes(damaged)
        try:
            # A flipped bit in a time stamp of gzip's header does no harm.
            assert np.array_equal(read(path), IMAGES)
        except DataError:
            refused += 1
    assert refused > 200


def four_files(folder: Path, labels: np.ndarray | None = None) -> IdxDataset:
    """A data set of 20 + 20 images of 4x4 in 3 classes, its packed files written to `folder`."""
    folder.mkdir(parents=True)
    if labels is None:
        labels = np.arange(20, dtype=np.uint8) % 3
    pairs = []
    for part in ("train", "t10k"):
        files = []
        for kind, array in (("images-idx3", IMAGES), ("labels-idx1", labels)):
            content = idx_bytes(array)
            packed = gzip.compress(content, mtime=0)
            name = f"{part}-{kind}-ubyte.gz"
            (folder / name).write_bytes(packed)
            sums = hashlib.md5(packed).hexdigest(), hashlib.sha256(content).hexdigest()
            files.append(IdxFile(name, len(packed), sums[0], array.shape, sums[1]))
        pairs.append(tuple(files))
    return IdxDataset("four", ("a", "b", "c"), ("Four/raw", "four"), (), *pairs)


@pytest.mark.parametrize("where", ["Four/raw", "four"])
def test_a_copy_that_is_there_is_used_in_any_of_its_layouts(tmp_path, where):
    four = four_files(tmp_path / where)
    dataset = load_now(load_idx_dataset(four, Where(tmp_path)))
    assert dataset.train.pixels.shape == (20, 1, 4, 4)
    assert np.array_equal(dataset.test.pixels[:, 0].numpy(), IMAGES)
    assert dataset.test.labels.tolist() == [i % 3 for i in range(20)]
    assert dataset.classes == ("a", "b", "c")


def test_the_digest_depends_on_the_images_and_not_on_their_packing(tmp_path):
    four = four_files(tmp_path / "packed/four")
    unpacked = tmp_path / "unpacked/four"
    unpacked.mkdir(parents=True)
    for path in (tmp_path / "packed/four").iterdir():
        (unpacked / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    digests = {
        load_now(load_idx_dataset(four, Where(tmp_path / kind))).digest
        for kind in ("packed", "unpacked")
    }
    assert len(digests) == 1
    other = four_files(tmp_path / "other/four", labels=np.ones(20, np.uint8))
    digests.add(load_now(load_idx_dataset(other, Where(tmp_path / "other"))).digest)
    assert len(digests) == 2


def test_a_label_that_is_no_class_is_an_error(tmp_path):
    labels = np.zeros(20, np.uint8)
    labels[7] = 3
    four = four_files(tmp_path / "four", labels)
    with pytest.raises(DataError, match="label 3 of training image 8 is no class"):
        load_now(load_idx_dataset(four, Where(tmp_path)))


def test_files_that_are_missing_are_downloaded_and_only_those(tmp_path, mirror: Mirror):
    four = four_files(tmp_path / "origin")
    for path in (tmp_path / "origin").iterdir():
        mirror.files[path.name] = path.read_bytes()
    here = tmp_path / "data/Four/raw"
    here.mkdir(parents=True)
    (here / four.train[0].name).write_bytes(mirror.files[four.train[0].name])

    loading = load_idx_dataset(replace(four, mirrors=(mirror.url,)), Where(tmp_path / "data"))
    dataset, _ = finish(loading)

    assert len(mirror.ranges) == 3
    assert len(dataset.train) == 20
    assert four.find(Where(tmp_path / "data")) == here


def test_a_file_with_other_images_is_refused_with_advice(tmp_path):
    four = four_files(tmp_path / "four")
    path = tmp_path / "four" / four.test[0].name
    path.write_bytes(gzip.compress(idx_bytes(IMAGES[::-1].copy())))
    with pytest.raises(DataError, match="does not hold what was published") as caught:
        load_now(load_idx_dataset(four, Where(tmp_path)))
    assert str(path) in caught.value.problem
    assert "Delete it" in caught.value.fix
