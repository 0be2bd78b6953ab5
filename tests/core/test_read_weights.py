import pickle
import subprocess
import sys

import pytest
import torch

from core.read_weights import Refused, load, tensors_in, unpickling_problem


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model"])
def test_the_weights_of_a_training_script_are_found(key):
    weights = {"a": torch.zeros(1)}
    assert tensors_in({"epoch": 1, key: weights}) == weights
    assert tensors_in(weights) == weights


@pytest.mark.parametrize(
    ("loaded", "why"),
    [
        ({}, "it holds nothing"),
        ([1], "it holds list"),
        (torch.zeros(1), "it holds Tensor"),
        ({"a": 1}, "has int under 'a'"),
        ({1: torch.zeros(1)}, "under 1"),
        ({"a": torch.zeros(2, 2).to_sparse()}, "'a' is not a plain tensor"),
        ({"a": torch.zeros(1, dtype=torch.complex64)}, "'a' is not a plain tensor"),
    ],
)
def test_what_is_no_state_dict_is_refused_by_its_kind(loaded, why):
    with pytest.raises(Refused, match=why):
        tensors_in(loaded)


def test_a_damaged_safetensors_file_is_refused(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(Refused, match="no safetensors file, or damaged"):
        load(tmp_path / "x.safetensors")


def test_torchs_paragraph_becomes_half_a_sentence():
    told = "Weights only load failed. \x1b[1mdo ...\x1b[0m\n GLOBAL os.system was not allowed"
    assert unpickling_problem(pickle.UnpicklingError(told)) == (
        "it asks for os.system, and only tensors are read from it"
    )
    assert "damaged" in unpickling_problem(pickle.UnpicklingError("invalid load key"))


@pytest.mark.parametrize(
    ("deed", "ending"),
    [
        ("bytearray(2**30)", "MemoryError"),
        ("f = open('out', 'wb')\nfor _ in range(65): f.write(bytes(2**20))", "File too large"),
    ],
)
def test_a_reader_that_wants_more_than_its_limits_ends(tmp_path, deed, ending):
    code = f"from core.read_weights import limit_resources; limit_resources(2**26)\n{deed}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert done.returncode == 1
    assert ending in done.stderr
