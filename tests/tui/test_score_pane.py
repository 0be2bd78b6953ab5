from pane_app import PaneApp
from sample_run import WHOLE_RUN, report, run_start, table_start, view_of

from tui.widgets.score_pane import ScorePane


async def shown(*events):
    app = PaneApp(ScorePane(), view_of(*events))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        return app.picture


async def test_the_best_epoch_stands_in_the_lower_border():
    assert "best test 0.8000 in epoch 2" in await shown(*WHOLE_RUN)
    assert "best" not in await shown(run_start(), report(10, 2.0))


async def test_the_axis_stays_between_zero_and_one():
    picture = await shown(run_start(), report(10, 2.0, 0.0), report(20, 1.0, 1.0))
    labels = [line.split()[1] for line in picture.splitlines() if "┈┈┈" in line]
    labels = [label for label in labels if label[0].isdigit()]
    assert labels[0] == "1.0"
    assert labels[-1] == "0.0"


async def test_chance_level_noise_is_not_blown_up_to_the_whole_height():
    picture = await shown(run_start(), report(10, 2.3, 0.101), report(20, 2.3, 0.099))
    assert "0.15" in picture
    assert "0.05" in picture


async def test_the_title_is_what_the_run_says_its_score_is():
    assert "accuracy" in await shown(run_start(), report(10, 2.0))
    picture = await shown(table_start(), report(10, 2.0))
    assert "R²" in picture
    assert "accuracy" not in picture


async def test_r_squared_far_below_zero_does_not_flatten_the_rest():
    picture = await shown(table_start(), report(10, 90.0, -90.0), report(20, 0.4, 0.6))
    labels = [line.split()[1] for line in picture.splitlines() if "┈┈┈" in line]
    labels = [label for label in labels if label[-1].isdigit()]
    assert "0.5" in labels
    assert labels[-1] == "-1.0"
