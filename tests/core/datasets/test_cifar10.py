import hashlib
import io
import pickle
import struct
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from small_data import Mirror, finish, load_now, remote

from core.datasets import Where
from core.datasets.cifar10 import FOLDER, PUBLISHED, CifarFiles, find, load_cifar10
from core.errors import DataError

COUNT = 6  # images in each file


class Python2Pickler(pickle._Pickler):
    """Writes bytes as Python 2's strings, and numpy's old module name: as CIFAR's files are."""

    dispatch: ClassVar[dict] = dict(pickle._Pickler.dispatch)

    def save_string(self, text: bytes) -> None:
        self.write(pickle.BINSTRING + struct.pack("<i", len(text)) + text)

    dispatch[bytes] = save_string

    def save_global(self, thing, name=None):
        if getattr(thing, "__name__", "") == "_reconstruct":
            self.write(pickle.GLOBAL + b"numpy.core.multiarray\n_reconstruct\n")
        else:
            super().save_global(thing, name)

    dispatch[type(np.dot)] = save_global


class NumpyArray:
    """Pickles the way arrays did then."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.order = "C"

    def __reduce__(self):
        build, args, (version, shape, dtype, *_) = self.array.__reduce__()
        state = (version, shape, dtype, self.order == "F", self.array.tobytes(self.order))
        return build, (args[0], args[1], b"b"), state


def batch_bytes(seed: int, **changes: object) -> bytes:
    random = np.random.default_rng(seed)
    array = NumpyArray(random.integers(0, 256, (COUNT, 3072), np.uint8))
    batch = {
        b"batch_label": b"training batch",
        b"labels": [int(n) for n in random.integers(0, 10, COUNT)],
        b"data": array,
        b"filenames": [b"a.png"] * COUNT,
    }
    out = io.BytesIO()
    Python2Pickler(out, protocol=2).dump(batch | {k.encode(): v for k, v in changes.items()})
    return out.getvalue()


def publish(folder: Path, batches: dict[str, bytes]) -> CifarFiles:
    """Write the batches and their archive to `folder`, and describe them."""
    (folder / FOLDER).mkdir(parents=True)
    md5s = {}
    for name, content in batches.items():
        (folder / FOLDER / name).write_bytes(content)
        md5s[name] = hashlib.md5(content).hexdigest()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(folder / FOLDER, FOLDER)
        for name, content in (("../escaped", b"x"), (f"{FOLDER}/readme.html", b"hello")):
            facts = tarfile.TarInfo(name)
            facts.size = len(content)
            tar.addfile(facts, io.BytesIO(content))
    archive = remote("cifar-10-python.tar.gz", packed.getvalue())
    (folder / archive.name).write_bytes(packed.getvalue())
    test = md5s.pop("test_batch")
    return CifarFiles(archive, (), md5s, {"test_batch": test}, COUNT)


BATCHES = {"data_batch_1": batch_bytes(1), "data_batch_2": batch_bytes(2)}
BATCHES["test_batch"] = batch_bytes(3)


def expected(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (COUNT, 3072), np.uint8).reshape(COUNT, 3, 32, 32)


def test_the_test_files_are_pickled_as_the_real_ones_are():
    read = pickle.loads(BATCHES["data_batch_1"], encoding="bytes")
    assert read[b"data"].reshape(COUNT, 3, 32, 32).tolist() == expected(1).tolist()
    assert b"numpy.core.multiarray" in BATCHES["data_batch_1"]


def test_batches_in_torchvisions_layout_are_read_as_they_are(tmp_path):
    files = publish(tmp_path, BATCHES)
    (tmp_path / files.archive.name).unlink()
    dataset = load_now(load_cifar10(Where(tmp_path), files))
    assert dataset.train.pixels.shape == (2 * COUNT, 3, 32, 32)
    assert np.array_equal(dataset.train.pixels[COUNT:].numpy(), expected(2))
    assert np.array_equal(dataset.test.pixels.numpy(), expected(3))
    labels = pickle.loads(BATCHES["test_batch"], encoding="bytes")[b"labels"]
    assert dataset.test.labels.tolist() == labels


def test_an_archive_alone_is_unpacked_beside_itself_and_nowhere_else(tmp_path):
    files = publish(tmp_path / "origin", BATCHES)
    place = tmp_path / "data"
    place.mkdir()
    (tmp_path / "origin" / files.archive.name).rename(place / files.archive.name)
    dataset, _ = finish(load_cifar10(Where(place), files))
    assert np.array_equal(dataset.test.pixels.numpy(), expected(3))
    assert sorted(p.name for p in (place / FOLDER).iterdir()) == sorted(BATCHES)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "origin"]
    assert find(Where(place), files) == place / FOLDER


def hostile_members() -> list[tarfile.TarInfo]:
    """Links out of the archive, devices, names that lead elsewhere, and one without an end."""
    members = []
    for name, kind, target in (
        (f"{FOLDER}/data_batch_1", tarfile.SYMTYPE, "/etc/hostname"),
        (f"{FOLDER}/data_batch_2", tarfile.LNKTYPE, "../escaped"),
        (f"{FOLDER}/test_batch", tarfile.CHRTYPE, ""),
        (f"{FOLDER}/../../escaped", tarfile.REGTYPE, ""),
        ("/escaped", tarfile.REGTYPE, ""),
        (f"{FOLDER}/data_batch_1/below", tarfile.DIRTYPE, ""),
        (FOLDER, tarfile.SYMTYPE, ".."),
    ):
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, target
        members.append(member)
    return members


def test_links_devices_and_ways_out_of_an_archive_are_left_in_it(tmp_path):
    files = publish(tmp_path / "origin", BATCHES)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for member in hostile_members():
            tar.addfile(member)
    place = tmp_path / "data"
    place.mkdir()
    (place / files.archive.name).write_bytes(packed.getvalue())
    hostile = replace(files, archive=remote(files.archive.name, packed.getvalue()))
    with pytest.raises(DataError, match="data_batch_1 cannot be read"):
        finish(load_cifar10(Where(place), hostile))
    assert [p.name for p in place.rglob("*")] == [files.archive.name, FOLDER]
    assert not list((place / FOLDER).iterdir())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "origin"]


def test_of_a_member_that_unpacks_to_more_than_any_batch_only_so_much_is_read(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("core.datasets.cifar10.LARGEST_FILE", 1000)
    files = publish(tmp_path / "origin", BATCHES | {"data_batch_1": bytes(10**6)})
    place = tmp_path / "data"
    place.mkdir()
    (tmp_path / "origin" / files.archive.name).rename(place / files.archive.name)
    with pytest.raises(DataError, match="data_batch_1 is damaged"):
        finish(load_cifar10(Where(place), files))
    assert max(p.stat().st_size for p in (place / FOLDER).iterdir()) == 1000


def test_what_is_not_here_is_downloaded_and_unpacked(tmp_path, mirror: Mirror):
    files = publish(tmp_path / "origin", BATCHES)
    content = (tmp_path / "origin" / files.archive.name).read_bytes()
    mirror.files[files.archive.name] = content
    files = replace(files, mirrors=(mirror.url,))
    where = Where(tmp_path / "data")
    assert find(where, files) is None
    dataset = load_now(load_cifar10(where, files))
    again = load_now(load_cifar10(where, files))
    assert len(mirror.ranges) == 1
    assert dataset.digest == again.digest


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b + b"x", lambda b: b"", lambda b: b"x" + b[1:]]
)
def test_a_damaged_batch_is_one_error_that_names_it(tmp_path, damage):
    files = publish(tmp_path, BATCHES)
    path = tmp_path / FOLDER / "data_batch_2"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match="data_batch_2 is damaged or another file"):
        load_now(load_cifar10(Where(tmp_path), files))


def test_a_damaged_archive_is_not_opened(tmp_path):
    files = publish(tmp_path / "origin", BATCHES)
    content = bytearray((tmp_path / "origin" / files.archive.name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / files.archive.name).write_bytes(content)
    with pytest.raises(DataError, match="its MD5 differs") as caught:
        load_now(load_cifar10(Where(tmp_path), files))
    assert "Delete it" in caught.value.fix
    assert not (tmp_path / FOLDER).exists()


class Attack:
    def __reduce__(self):
        return print, ("this must not run",)


@pytest.mark.parametrize(
    ("problem", "changes"),
    {
        "it asks for": {"data": Attack()},
        "not (6, 3072) of bytes": {"data": NumpyArray(np.zeros((5, 3072), np.uint8))},
        "of 'f4'": {"data": NumpyArray(np.zeros((6, 3072), np.float32))},
        "labels for 6 images": {"labels": [1, 2]},
        "is no batch of CIFAR-10": {"data": 3},
    }.items(),
)
def test_a_pickle_with_the_right_checksum_still_runs_nothing(tmp_path, capsys, problem, changes):
    files = publish(tmp_path, BATCHES | {"test_batch": batch_bytes(3, **changes)})
    with pytest.raises(DataError) as caught:
        load_now(load_cifar10(Where(tmp_path), files))
    assert problem in caught.value.problem
    assert "test_batch" in caught.value.problem
    assert capsys.readouterr().out == ""


def test_an_array_in_fortrans_order_is_turned(tmp_path):
    pixels = np.arange(COUNT * 3072, dtype=np.uint8).reshape(COUNT, 3072)
    data = NumpyArray(np.asfortranarray(pixels))
    data.order = "F"
    files = publish(tmp_path, BATCHES | {"test_batch": batch_bytes(3, data=data)})
    dataset = load_now(load_cifar10(Where(tmp_path), files))
    assert np.array_equal(dataset.test.pixels.flatten(1).numpy(), pixels)


def test_a_label_that_is_no_class_is_an_error(tmp_path):
    files = publish(tmp_path, BATCHES | {"test_batch": batch_bytes(3, labels=[0, 1, 2, 3, 4, 10])})
    with pytest.raises(DataError, match="label 10 of test image 6 is no class"):
        load_now(load_cifar10(Where(tmp_path), files))


def test_the_published_checksums_are_torchvisions():
    from torchvision.datasets import CIFAR10

    batches = dict(CIFAR10.train_list + CIFAR10.test_list)
    assert batches == PUBLISHED.md5s
    assert CIFAR10.tgz_md5 == PUBLISHED.archive.md5
    assert [m + PUBLISHED.archive.name for m in PUBLISHED.mirrors] == [CIFAR10.url]
