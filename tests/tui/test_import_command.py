import json

import pytest
import torch
from test_cli import nnlab

from core.build import build_model
from core.runs import list_runs


@pytest.fixture
def theirs(tmp_path):
    """Weights of a softmax regression, as somebody else saved them."""
    torch.manual_seed(5)
    model = build_model("softmax", 1, 10, input_size=28)
    torch.save(model.state_dict(), tmp_path / "theirs.pt")
    return tmp_path / "theirs.pt"


def test_imported_weights_are_evaluated_inspected_and_trained_on(tmp_path, theirs):
    where = ("--runs-dir", str(tmp_path / "runs"))
    settings = ("--epochs", "1", "--threads", "1", "--device", "cpu")
    done = nnlab("import", str(theirs), "--model", "softmax", "--name", "t", *settings, *where)
    assert done.exit_code == 0, done.output
    assert f"weights imported from {theirs}" in done.output
    assert "nnlab resume t" in done.output

    inspected = json.loads(nnlab("inspect", "t", "--json", *where).output)
    wanted = torch.load(theirs)["output.weight"].norm().item()
    norms = {p["name"]: p["norm"] for p in inspected["parameters"]}
    assert norms["output.weight"] == pytest.approx(wanted)

    before = json.loads(nnlab("evaluate", "t", "--json", *where).stdout)["accuracy"]
    resumed = nnlab("resume", "t", *where)
    assert resumed.exit_code == 0, resumed.output
    (info,) = list_runs(tmp_path / "runs")
    assert (info.state, info.epoch) == ("finished", 1)
    assert info.best_test_score is not None
    assert info.best_test_score > before + 0.3


def test_weights_of_another_network_leave_nothing_behind(tmp_path, theirs):
    done = nnlab("import", str(theirs), "--model", "mlp", "--runs-dir", str(tmp_path / "runs"))
    assert done.exit_code == 1
    assert "missing: hidden.weight" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_network_has_to_be_named(theirs):
    done = nnlab("import", str(theirs))
    assert done.exit_code == 2
    assert "model is missing" in done.stderr
