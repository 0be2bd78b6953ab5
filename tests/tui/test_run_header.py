import pytest
from sample_run import HALF_RUN, WHOLE_RUN, applied, epoch_end, run_start, view_of

from core.events import Progress, Queued
from core.view import RunView
from tui.widgets.run_header import Pace, bar, header_line


def test_a_run_in_progress_shows_all_that_matters_on_one_line():
    line = header_line(view_of(*HALF_RUN), 100).plain
    assert line.startswith("lenet · fashion-mini · brave-otter")
    # 160 of 300 steps; 1.4 epochs of 1.25 s are left
    assert "● training    epoch 2/3 ━━━━━━━━╸───────  53%  ETA 0:02" in line
    assert len(line) == 100


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_line_has_exactly_the_width_whatever_the_names(width):
    view = view_of(run_start(model="a" * 90, run="b" * 64), *HALF_RUN[1:])
    line = header_line(view, width)
    assert line.cell_len == width
    assert "● training" in line.plain
    assert "53%" in line.plain


def test_things_keep_their_place_while_the_state_changes():
    training = view_of(*HALF_RUN)
    evaluating = view_of(*HALF_RUN, Progress("evaluating", 1, 10))
    paused = view_of(*HALF_RUN, applied(160, "pause"))
    lines = [header_line(view, 100).plain for view in (training, evaluating, paused)]
    assert [line.index("epoch") for line in lines] == [lines[0].index("epoch")] * 3
    assert "◌ evaluating" in lines[1]
    assert "‖ paused" in lines[2]


def test_what_was_asked_for_shows_until_it_happens():
    assert "■ saving" in header_line(view_of(*HALF_RUN), 100, asked="saving").plain


def test_the_preparation_shows_its_own_progress():
    view = view_of(Progress("downloading train-images.gz", 13 << 20, 26 << 20, "bytes"))
    line = header_line(view, 120, title="lenet · mnist", seconds_left=65.0).plain
    assert line.startswith("lenet · mnist")
    assert "… preparing" in line
    assert "downloading train-images.gz ━━━━━━━━━━──────────  50%  13.0 MiB of 26.0 MiB" in line
    assert "ETA 1:05" in line
    unknown = header_line(view_of(Progress("decoding", 300, None, "images")), 100).plain
    assert "decoding 300 images" in unknown


def test_a_run_that_waits_says_behind_whom():
    line = header_line(view_of(Queued(("brave-otter",))), 80, title="lenet · mnist").plain
    assert "‖ queued      behind brave-otter" in line
    assert "behind" not in header_line(view_of(Queued(())), 80).plain


def test_a_finished_run_has_no_time_left():
    line = header_line(view_of(*WHOLE_RUN), 100).plain
    assert "✔ finished" in line
    assert "100%" in line
    assert "ETA" not in line


def test_nothing_is_known_at_first():
    assert "… preparing" in header_line(RunView(), 80).plain


def test_more_steps_than_planned_are_not_more_than_all():
    view = view_of(run_start(epochs=1), epoch_end(1, 1.0, 0.5), epoch_end(2, 1.0, 0.5))
    assert "100%" in header_line(view, 100).plain


def test_names_cannot_reach_the_terminal_as_commands():
    line = header_line(view_of(run_start(run="\x1b[2J[/b]")), 100).plain
    assert "\ufffd[2J[/b]" in line


@pytest.mark.parametrize(("part", "text"), [(0, "────"), (0.5, "━━──"), (0.6, "━━╸─"), (2, "━━━━")])
def test_a_bar_is_filled_to_half_a_cell(part, text):
    assert bar(part, 4, "", "").plain == text


def test_the_time_left_follows_the_pace_so_far():
    pace = Pace("downloading", done=100, since=10.0)
    assert pace.seconds_left(Progress("downloading", 300, 1300), now=14.0) == 20.0
    assert pace.seconds_left(Progress("downloading", 100, 1300), now=14.0) is None
    assert pace.seconds_left(Progress("downloading", 300, None), now=14.0) is None
