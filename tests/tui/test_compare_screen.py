import shutil

import pytest
from run_folder import write_run
from workspace import Workspace

from core.notes import Notes, write_notes
from core.run_index import RunIndex
from core.run_views import RunViews
from tui.screens.compare import CompareScreen
from tui.widgets.overlay_pane import OverlayPane

NAMES = ("seed-a", "seed-b", "fast", "slow")


@pytest.fixture
def runs_dir(tmp_path):
    """Two seeds of one experiment, and two others."""
    folder = tmp_path / "runs"
    write_run(folder, "seed-a", seed=1, score=0.80)
    write_run(folder, "seed-b", seed=2, score=0.84)
    write_run(folder, "fast", lr=0.5, score=0.90)
    write_run(folder, "slow", lr=0.01, score=0.60)
    return folder


async def compared(app, pilot, names=NAMES):
    await app.settle(pilot)
    index = RunIndex(app.runs_dir)
    list(index.refresh())
    app.push_screen(CompareScreen([app.runs_dir / n for n in names], RunViews(), index))
    await app.settle(pilot)


def rows(picture: str) -> list[list[str]]:
    return [line.strip("│ ").split() for line in picture.splitlines()]


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_runs_are_overlaid_and_each_has_a_letter(runs_dir, size):
    app = Workspace(runs_dir)
    async with app.run_test(size=size) as pilot:
        await compared(app, pilot)
        title, *lines = app.picture.partition("settings that differ")[0].splitlines()
        loss, accuracy = title.split("accuracy")
        assert "test loss" in loss
        for letter in "ABCD":
            assert f"{letter} " in loss
            assert f"{letter} " in accuracy
            assert any(letter in line[size[0] // 2 :] for line in lines)


async def test_what_differs_stands_beside_what_came_of_it_the_best_first(runs_dir):
    write_notes(runs_dir / "seed-a", Notes(baseline=True))
    app = Workspace(runs_dir)
    async with app.run_test(size=(120, 40)) as pilot:
        await compared(app, pilot)
        found = rows(app.picture)
        [header] = [row for row in found if row[:2] == ["run", "best"]]
        assert header[-2:] == ["lr", "seed"]
        table = [row for row in found if len(row) > 6 and row[1] in NAMES and row[0] in "ABCD"]
        assert [(row[0], row[1], row[2], row[4]) for row in table] == [
            ("C", "fast", "0.9000", "+0.1000"),
            ("B", "seed-b", "0.8400", "+0.0400"),
            ("A", "seed-a", "0.8000", "base"),
            ("D", "slow", "0.6000", "-0.2000"),
        ]
        assert [row[-2:] for row in table] == [
            ["0.5", "0"], ["0.25", "2"], ["0.25", "1"], ["0.01", "0"],
        ]  # fmt: skip
        # The mean of 0.80 and 0.84; their standard deviation is 0.04 / sqrt(2).
        assert "differ in their seed alone: best 0.8200 ± 0.0283 (seed-b, seed-a)" in app.picture


async def test_figures_axis_and_size_change_with_a_key(runs_dir):
    app = Workspace(runs_dir)
    async with app.run_test(size=(120, 40)) as pilot:
        await compared(app, pilot)
        loss = app.screen.query_one("#overlay-loss", OverlayPane)
        await pilot.press("v", "y")
        await pilot.pause()
        assert "none of the runs has a train figure" in app.picture  # no reports in these
        assert "log scale" in app.picture
        await pilot.press("v", "f")
        await pilot.pause()
        assert loss.outer_size.width == 120
        assert "A seed-a 0.5700  B seed-b 0.5700" in app.picture.splitlines()[0]


async def test_a_run_that_goes_on_is_followed(runs_dir):
    app = Workspace(runs_dir)
    async with app.run_test(size=(120, 40)) as pilot:
        await compared(app, pilot, ("fast", "slow"))
        assert "0.9500" not in app.picture
        (runs_dir / "slow" / "metrics.jsonl").unlink()
        write_run(runs_dir, "other", score=0.95)
        (runs_dir / "other" / "metrics.jsonl").rename(runs_dir / "slow" / "metrics.jsonl")
        app.screen.look()
        await app.settle(pilot)
        assert "0.9500" in app.picture


async def test_a_run_without_an_epoch_is_no_obstacle(runs_dir):
    (runs_dir / "slow" / "metrics.jsonl").unlink()
    (runs_dir / "slow" / "events.jsonl").unlink()
    (runs_dir / "slow" / "config.json").write_text("{")
    app = Workspace(runs_dir)
    async with app.run_test(size=(120, 40)) as pilot:
        await compared(app, pilot, ("fast", "slow"))
        [row] = [row for row in rows(app.picture) if row[:2] == ["B", "slow"]]
        assert row[2] == "–"


async def test_the_runs_of_a_sweep_stand_below_how_far_it_has_come(runs_dir):
    for name in NAMES[:3]:
        write_notes(runs_dir / name, Notes(tags=("sweep-rates",)))
    app = Workspace(runs_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await compared(app, pilot, NAMES[:3])
        assert "sweep-rates: 3 of 3 over · best 0.9000, fast" in app.picture
        shutil.rmtree(runs_dir / "fast")  # taken out of the sweep
        app.screen.look()
        await app.settle(pilot)
        app.screen.show_runs()
        await app.settle(pilot)
        assert "sweep-rates: 2 of 2 over · best 0.8400, seed-b" in app.picture


async def test_a_run_of_a_sweep_is_compared_with_all_of_it(runs_dir):
    for name in NAMES[1:]:
        write_notes(runs_dir / name, Notes(tags=("sweep-rates",)))
    app = Workspace(runs_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.settle(pilot)
        app.runs_screen.sort_by("score")
        await pilot.press("home", "equals_sign")
        await app.settle(pilot)
        assert sorted(path.name for path in app.screen.paths) == sorted(NAMES[1:])
