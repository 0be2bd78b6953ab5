import json

import pytest
from typer.testing import CliRunner

from tui.cli import app


@pytest.fixture
def nnlab(tmp_path):
    def run(*words: str):
        return CliRunner().invoke(app, [*words, "--runs-dir", str(tmp_path / "runs")])

    return run


def test_runs_are_shown_side_by_side(tiny_run, nnlab):
    tiny_run("slow", lr=0.01)
    tiny_run("fast", lr=0.5, epochs=2)
    result = nnlab("compare", "slow", "fast")
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["lr", "0.01", "0.5"] in rows
    assert ["epochs", "3", "2"] in rows  # the setting
    assert ["epochs", "3", "of", "3", "2", "of", "2"] in rows  # what came of it
    third = [row for row in rows if row[:1] == ["3"]]
    assert len(third) == 2  # accuracy and loss; the shorter run has none
    assert all(row[-1] == "–" for row in third)
    assert "largest difference of the curves" in result.stdout


def test_the_same_run_twice_is_the_same(tiny_run, nnlab):
    tiny_run("one")
    tiny_run("two")
    out = nnlab("compare", "one", "two").stdout
    assert "all settings are the same" in out
    assert "the curves are the same within 1e-06 (largest difference 0)" in out


def test_json_has_what_the_table_has(tiny_run, nnlab):
    tiny_run("one", lr=0.01)
    tiny_run("two", lr=0.3)
    found = json.loads(nnlab("compare", "one", "two", "--json").stdout)
    assert [run["name"] for run in found["runs"]] == ["one", "two"]
    assert found["settings"] == {"lr": [0.01, 0.3]}
    curves = [[end["train_loss"] for end in run["history"]] for run in found["runs"]]
    apart = [abs(a - b) for a, b in zip(*curves, strict=True)]
    assert found["differences"]["train_loss"]["largest"] == pytest.approx(max(apart))
    assert found["differences"]["train_loss"]["epoch"] == apart.index(max(apart)) + 1
    assert found["largest_difference"] == max(d["largest"] for d in found["differences"].values())


def test_seeds_are_told_as_mean_and_spread_and_all_against_the_baseline(tiny_run, nnlab):
    for seed in (1, 2):
        tiny_run(f"seed-{seed}", seed=seed)
    tiny_run("base", lr=0.01)
    nnlab("note", "base", "--baseline")
    found = json.loads(nnlab("compare", "seed-1", "seed-2", "base", "--json").stdout)
    best = [run["best_test_score"] for run in found["runs"]]
    [repeats] = found["seed_repeats"]
    assert repeats["runs"] == ["seed-1", "seed-2"]
    assert repeats["mean"] == pytest.approx((best[0] + best[1]) / 2)
    assert repeats["spread"] == pytest.approx(abs(best[0] - best[1]) / 2**0.5)
    assert found["baseline"] == "base"
    assert [run["to_baseline"] for run in found["runs"]] == [b - best[2] for b in best]

    out = nnlab("compare", "seed-1", "seed-2").stdout  # the baseline need not be among them
    assert f"best {repeats['mean']:.4f} ± {repeats['spread']:.4f}" in out
    [row] = [line.split() for line in out.splitlines() if line.startswith("to base")]
    assert row == ["to", "base", f"{best[0] - best[2]:+.4f}", f"{best[1] - best[2]:+.4f}"]


def test_one_run_or_an_unknown_one_cannot_be_compared(tiny_run, nnlab):
    tiny_run("one")
    alone = nnlab("compare", "one")
    assert (alone.exit_code, alone.stdout) == (2, "")
    assert "Name two or more" in alone.stderr
    unknown = nnlab("compare", "one", "tow")
    assert unknown.exit_code == 1
    assert "There is no run called 'tow'" in unknown.stderr
