import json

import pytest
from typer.testing import CliRunner

from tui.cli import app


def nnlab(*words: str):
    return CliRunner().invoke(app, ["shift", *words])


def test_covariate_shows_accuracy_with_and_without_weights():
    found = json.loads(nnlab("covariate", "--seeds", "2", "--json").stdout)
    result = nnlab("covariate", "--seeds", "2")
    assert result.exit_code == 0, result.output
    rows = {line[:16]: line.split()[-3:] for line in result.stdout.splitlines() if line}
    assert [found[0]["seed"], found[1]["seed"]] == [0, 1]
    by_seed = [found[0]["weighted"], found[1]["weighted"]]
    expected = [f"{v:.4f}" for v in (sum(by_seed) / 2, *by_seed)]
    assert rows["weights exp(h)  "] == expected
    assert "without weights " in rows


@pytest.mark.slow
def test_label_shows_the_classes_shares():
    found = json.loads(nnlab("label", "--seeds", "1", "--json").stdout)[0]
    result = nnlab("label", "--seeds", "1")
    assert result.exit_code == 0, result.output
    trouser = next(line for line in result.stdout.splitlines() if line.startswith("Trouser"))
    shares = [found[f"{kind}_shares"][1] for kind in ("source", "true", "estimated")]
    assert [float(cell) for cell in trouser.split()[1:]] == pytest.approx(shares, abs=0.0006)


def test_what_cannot_be_is_told():
    unknown = nnlab("label", "--data", "fashion-mni")
    assert unknown.exit_code == 2
    assert "fashion-mini" in unknown.stderr
    assert nnlab("covariate", "--strength", "-1").exit_code == 2
