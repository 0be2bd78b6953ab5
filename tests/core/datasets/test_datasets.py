"""The registry of data sets: what the others rely on, and names."""

import subprocess
import sys
from pathlib import Path

import pytest
from small_data import load_now

from core.datasets import DATASETS, Availability, Where, availability, check_data_name, load, locate
from core.errors import DataError, UnknownName


@pytest.mark.parametrize("name", list(DATASETS))
def test_every_data_set_is_described_before_it_is_here(name):
    declared = DATASETS.declared[name]
    assert declared.summary.endswith(".")
    assert {"size", "channels", "classes", "side", "train", "test"} <= declared.facts.keys()
    assert callable(DATASETS[name])


@pytest.mark.parametrize("name", [n for n, d in DATASETS.declared.items() if d.facts["size"]])
def test_every_data_set_with_a_size_is_found_nowhere_in_an_empty_folder(name, tmp_path):
    size = DATASETS.declared[name].facts["size"]
    assert availability(name, Where(tmp_path)) == Availability("to download", size, None)


@pytest.mark.parametrize("name", [n for n, d in DATASETS.declared.items() if not d.facts["size"]])
def test_every_built_in_data_set_is_as_its_facts_say(name, tmp_path):
    assert availability(name, Where(tmp_path)) == Availability("built-in", 0, None)
    dataset = load_now(load(name, Where(tmp_path)))
    facts = DATASETS.declared[name].facts
    assert dataset.name == name
    assert (len(dataset.train), len(dataset.test)) == (facts["train"], facts["test"])
    assert dataset.train.pixels.shape[1:] == (facts["channels"], facts["side"], facts["side"])
    assert len(dataset.classes) == facts["classes"]
    assert len(dataset.digest) == 64


def test_a_data_set_that_is_here_is_ready(shared_data):
    found = availability("mnist", Where(shared_data))
    assert found == Availability("ready", 0, shared_data / "MNIST/raw")


def test_a_folder_is_ready(tmp_path):
    assert availability(str(tmp_path), Where()) == Availability("ready", 0, tmp_path)


def test_the_data_dir_is_the_only_place_and_without_it_there_are_two(tmp_path):
    assert locate.places(Where(tmp_path)) == (tmp_path,)
    assert locate.places(Where(Path("~/data"))) == (Path.home() / "data",)
    cache, system = locate.places(Where())
    assert cache.parts[-2:] == ("nnlab", "data")
    assert system == Path("/usr/share/datasets")


def test_a_name_with_a_typo_gets_a_suggestion():
    with pytest.raises(UnknownName, match="Did you mean 'fashion-mini'"):
        check_data_name("fashion_mini")


@pytest.mark.parametrize("name", ["no/such/folder", "./mnist", "/", "~nobody-by-this-name/x"])
def test_a_path_has_to_be_a_folder(name):
    if name == "/":
        assert check_data_name(name) == name
        return
    with pytest.raises(DataError, match="There is no folder") as caught:
        check_data_name(name)
    assert "fashion-mini" in caught.value.fix


def test_a_folder_may_be_named_without_a_separator(tmp_path, monkeypatch):
    (tmp_path / "flowers").mkdir()
    monkeypatch.chdir(tmp_path)
    assert check_data_name("flowers") == "flowers"


@pytest.mark.parametrize("name", ["", "x" * 100_000, "\0", "a\0/b", "../" * 5000])
def test_an_absurd_name_is_an_error_and_not_a_traceback(name):
    with pytest.raises((UnknownName, DataError)):
        check_data_name(name)


def test_what_is_available_is_told_without_torch():
    code = (
        "import sys; from core.datasets import *\n"
        "for name in DATASETS: availability(name, Where())\n"
        "availability('/', Where()); print({'torch', 'numpy', 'PIL'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr
