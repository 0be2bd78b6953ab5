import math

from pane_app import PaneApp
from sample_run import HALF_RUN, WHOLE_RUN, applied, epoch_end, report, run_start, view_of

from tui.axes import Axes, places
from tui.charts import marks
from tui.widgets.loss_pane import LossPane


async def shown(*events, size=(80, 24), **settings):
    """The screen with a loss pane alone."""
    pane = LossPane()
    app = PaneApp(pane, view_of(*events))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        pane.axes = Axes(**settings)
        await pilot.pause()
        return app.picture


async def test_the_newest_values_and_the_line_styles_stand_in_the_border():
    picture = await shown(
        run_start(), report(50, 2.0), report(100, 1.0), epoch_end(1, 1.0, 0.5), smoothing=0.0
    )
    assert "╭─ loss   train 1.0000 ━━   test 1.1000 ┈●┈ ─" in picture


async def test_a_narrow_pane_has_a_shorter_border_and_a_very_narrow_one_only_values():
    events = run_start(), report(100, 1.0), epoch_end(1, 1.0, 0.5)
    assert "─ loss train 1.000━ test 1.100● ─" in await shown(*events, size=(40, 12))
    assert "─ loss 1.000━ 1.100● ─" in await shown(*events, size=(30, 12))


async def test_smoothing_shows_in_the_value_and_in_the_border():
    events = run_start(), report(10, 1.0), report(20, 3.0)
    picture = await shown(*events, smoothing=0.6)
    assert "train 2.2500" in picture  # (0.24 * 1 + 0.4 * 3) / 0.64
    assert "smoothing 0.6" in picture
    picture = await shown(*events, smoothing=0.0)
    assert "train 3.0000" in picture
    assert "smoothing" not in picture


async def test_the_log_scale_has_other_ticks_and_says_so():
    events = [run_start(), *(report(s, 10.0 ** -(s / 10)) for s in range(10, 60, 10))]
    assert "log scale" not in await shown(*events)
    picture = await shown(*events, y_log=True)
    assert "log scale" in picture
    assert " 1e-4 " in picture


async def test_an_empty_pane_says_what_will_come():
    assert "the curve begins when the data is ready" in await shown()
    assert "the curve begins with the first report" in await shown(run_start())


async def test_a_loss_that_is_not_a_number_does_not_break_the_pane():
    picture = await shown(run_start(), report(10, 2.0), report(20, math.nan))
    assert "train    nan" in picture or "train nan" in picture


async def test_a_finished_run_has_its_three_test_points():
    picture = await shown(*WHOLE_RUN)
    assert picture.count("●") == 2 + 1  # and one in the border
    assert picture.count("★") == 1  # the best epoch


async def test_a_changed_learning_rate_is_marked_where_it_happened():
    picture = await shown(*HALF_RUN, applied(160, "lr", 0.02))
    assert "▼ lr 0.1 → 0.02" in picture


def test_marks_are_for_what_changes_the_run_and_for_pauses():
    view = view_of(
        *HALF_RUN, applied(160, "pause"), applied(160, "resume"), applied(160, "epochs", 5)
    )
    found = marks(view, places(view, "epoch"))
    assert [(mark.x, mark.text) for mark in found] == [(1.6, "pause"), (1.6, "epochs 5")]


async def test_the_cursor_says_where_it_is_and_what_the_values_are_there():
    events = run_start(), report(50, 2.0), report(100, 1.0), epoch_end(1, 1.0, 0.5)
    picture = await shown(*events, smoothing=0.0, cursor=0.45)
    assert "train 2.0000" in picture
    assert "at epoch 0.50 · step 50" in picture
    assert picture.count("│") > 24 * 2 - 4 + 10  # the borders, and a line


async def test_a_window_shows_a_part_and_the_y_axis_is_that_of_this_part():
    events = [run_start(), *(report(s, 100.0 if s < 100 else 1.0) for s in range(10, 210, 10))]
    picture = await shown(*events, smoothing=0.0, window=(1.2, 1.8))
    assert "100" not in picture.split("step")[0].split("log")[0]
    assert "zoomed" in picture
    assert "1.5" in picture


async def test_the_time_of_training_has_seconds_below():
    picture = await shown(*WHOLE_RUN, x="time")
    assert " time 0 " in picture
    assert " 2.0s " in picture


async def test_only_rows_that_changed_are_sent_again():
    pane = LossPane()
    events = [run_start(epochs=3), *(report(s, 2.0) for s in range(10, 210, 10))]
    app = PaneApp(pane, view_of(*events))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        repainted = []
        refresh = pane.refresh
        pane.refresh = lambda *regions, **kw: (repainted.append(regions), refresh(*regions, **kw))[
            1
        ]
        pane.view = view_of(*events, report(210, 2.0))
        await pilot.pause()
        assert repainted
        assert all(regions and len(regions) <= 4 for regions in repainted)
