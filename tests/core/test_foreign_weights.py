"""Each file is read by a process of its own, which takes seconds: so few of them, each hostile."""

import os
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from core.errors import ModelError
from core.foreign_weights import check_fit, read_foreign_weights, without_prefix


@pytest.fixture
def network() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return nn.Sequential(OrderedDict(fc=nn.Linear(4, 3), bn=nn.BatchNorm1d(3))).state_dict()


class Command:
    """What unpickling would run."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self):
        return os.system, (f"touch {self.file}",)


def test_weights_come_back_as_they_were_saved(tmp_path, network):
    torch.save(network, tmp_path / "net.pt")
    found = read_foreign_weights(tmp_path / "net.pt", network)
    assert found.keys() == network.keys()
    for name, tensor in network.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=0)


@pytest.mark.slow
def test_a_training_scripts_checkpoint_of_a_wrapped_network_is_taken(tmp_path, network):
    wrapped = {f"module.{name}": tensor for name, tensor in network.items()}
    torch.save({"epoch": 3, "state_dict": wrapped, "optimizer": {}}, tmp_path / "net.pth")
    assert read_foreign_weights(tmp_path / "net.pth", network).keys() == network.keys()


def test_safetensors_are_taken_too(tmp_path, network):
    save_file(network, tmp_path / "net.safetensors")
    found = read_foreign_weights(tmp_path / "net.safetensors", network)
    torch.testing.assert_close(found["fc.weight"], network["fc.weight"], rtol=0, atol=0)


def test_a_file_that_would_run_a_command_is_refused_and_runs_nothing(tmp_path, network):
    torch.save({"fc.weight": Command(tmp_path / "pwned")}, tmp_path / "net.pt")
    with pytest.raises(ModelError, match=r"it asks for \w+\.system, and only tensors are read"):
        read_foreign_weights(tmp_path / "net.pt", network)
    assert not (tmp_path / "pwned").exists()


def test_a_file_cut_short_is_refused_in_a_line(tmp_path, network):
    torch.save(network, tmp_path / "net.pt")
    whole = (tmp_path / "net.pt").read_bytes()
    (tmp_path / "net.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="it is damaged, or no file of weights") as caught:
        read_foreign_weights(tmp_path / "net.pt", network)
    assert "\n" not in str(caught.value)


def test_a_small_file_that_unpacks_to_gigabytes_finds_no_memory(tmp_path, network):
    torch.save({"fc.weight": torch.zeros(160_000_000)}, tmp_path / "large.pt")
    with (
        zipfile.ZipFile(tmp_path / "large.pt") as large,
        zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as bomb,
    ):
        for name in large.namelist():
            with large.open(name) as read, bomb.open(name, "w") as write:
                while chunk := read.read(2**20):
                    write.write(chunk)
    (tmp_path / "large.pt").unlink()
    assert (tmp_path / "bomb.pt").stat().st_size < 2**24
    with pytest.raises(ModelError, match="it needs more memory than a file of its size should"):
        read_foreign_weights(tmp_path / "bomb.pt", network)


def test_a_tensor_larger_than_its_file_is_refused(tmp_path, network):
    torch.save({"fc.weight": torch.zeros(1).expand(10**6, 10**6)}, tmp_path / "net.pt")
    with pytest.raises(ModelError, match="would take 4,000,000,000,000 bytes"):
        read_foreign_weights(tmp_path / "net.pt", network)


def test_a_file_far_larger_than_the_network_is_not_even_opened(tmp_path, network):
    with (tmp_path / "net.pt").open("wb") as file:
        file.truncate(2**40)  # a hole: it takes no room
    with pytest.raises(ModelError, match="1,099,511,627,776 bytes"):
        read_foreign_weights(tmp_path / "net.pt", network)


@pytest.mark.parametrize("name", ["missing.pt", ".", "pipe"])
def test_what_is_no_file_is_refused(tmp_path, network, name):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelError, match=r"cannot be read|is not a file"):
        read_foreign_weights(tmp_path / name, network)


def test_names_and_shapes_that_do_not_fit_are_listed(network):
    other = {f"x{i}": torch.zeros(1) for i in range(5)} | {"fc.weight": torch.zeros(3, 7)}
    with pytest.raises(ModelError) as caught:
        check_fit(Path("net.pt"), other, network)
    assert caught.value.problem == (
        "The weights in net.pt are not those of this network: missing: fc.bias, bn.weight, bn.bias "
        "and 3 more; unexpected: x0, x1, x2 and 2 more; other shapes: fc.weight is 3x7 and not 3x4."
    )


def test_numbers_of_another_kind_and_weights_that_are_no_numbers_are_refused(network):
    with pytest.raises(ModelError, match=r"fc\.bias is 3 of int64 and not 3"):
        check_fit(Path("x"), network | {"fc.bias": torch.zeros(3, dtype=torch.int64)}, network)
    with pytest.raises(ModelError, match=r"not finite: fc\.bias"):
        check_fit(Path("x"), network | {"fc.bias": torch.full((3,), torch.nan)}, network)


def test_a_prefix_is_dropped_only_where_the_network_has_none_of_its_own():
    found = {"module.a": torch.zeros(1), "module.b": torch.zeros(1)}
    assert without_prefix(found, ["a", "b"]).keys() == {"a", "b"}
    assert without_prefix(found, ["module.a"]).keys() == found.keys()
    assert without_prefix({"module.a": torch.zeros(1), "b": torch.zeros(1)}, ["a"]).keys() == {
        *("module.a", "b")
    }
