from sample_run import END, HALF_RUN, WHOLE_RUN, epoch_end, table_start, view_of

from core.errors import DataError
from core.events import RunEnd
from core.view import RunView
from tui.widgets.result_pane import result_text


def lines(view, failure=None):
    return result_text(view, failure).plain.split("\n")


def test_a_finished_run_tells_its_best_and_final_figures_and_where_it_is():
    assert lines(view_of(*WHOLE_RUN)) == [
        "best test accuracy 0.8000 in epoch 2   last 0.7500   train 0.8000   loss 0.1145   3.8 s",
        "folder runs/brave-otter",
        "i look inside   n another run   q quit",
    ]


def test_where_there_is_little_room_a_figure_keeps_its_name():
    first, second, *_ = result_text(view_of(*WHOLE_RUN), columns=76).plain.split("\n")
    assert first == "best test accuracy 0.8000 in epoch 2   last 0.7500   train 0.8000"
    assert second == "loss 0.1145   3.8 s"


def test_a_stopped_run_tells_how_to_go_on():
    stopped = RunEnd("stopped", 1, 160, 1, 0.65, 2.0)
    assert "folder runs/brave-otter   go on with nnlab resume brave-otter" in lines(
        view_of(*HALF_RUN, stopped)
    )


def test_a_failed_run_tells_the_problem_and_the_advice():
    failed = RunEnd("failed", 1, 160, 1, 0.65, 2.0, "The loss is nan.", "Try a lower rate.")
    assert lines(view_of(*HALF_RUN, failed))[:2] == ["The loss is nan.", "Try a lower rate."]


def test_a_run_that_could_not_start_shows_every_line_of_the_advice_as_plain_text():
    error = DataError("No data in \x1b[2J[/b].", "Put files into x,\nor use --data fashion-mini.")
    assert lines(RunView(), error) == [
        "No data in \ufffd[2J[/b].",
        "Put files into x,",
        "or use --data fashion-mini.",
        "n another run   q quit",
    ]


def test_a_bug_is_called_one():
    assert lines(view_of(*HALF_RUN), KeyError("x"))[:2] == [
        "This is a bug in nnlab: KeyError: 'x'",
        "The log has the whole traceback.",
    ]


def test_a_run_without_a_finished_epoch_has_no_figures():
    assert lines(view_of(*WHOLE_RUN[:3], END))[0].startswith("folder")


def test_a_predicted_number_is_told_by_r_squared():
    figures = lines(view_of(table_start(), epoch_end(1, 0.4, 0.65)))[0]
    assert figures.startswith("best test R² 0.6000 in epoch 1")
