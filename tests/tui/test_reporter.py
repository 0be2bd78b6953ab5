import json
import math
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from core.events import (
    CheckpointSaved,
    ControlApplied,
    EpochEnd,
    Event,
    Notice,
    Progress,
    RunEnd,
    RunStart,
    StepReport,
)
from core.view import RunView, reduce_all
from tui.reporter import JsonLines, LiveTable, PlainTable, bars, choose_reporter

START = RunStart(
    run="brave-otter",
    path="runs/brave-otter",
    model="mlp",
    data="fashion-mini",
    device="cpu",
    device_name="CPU",
    threads=1,
    parameters=203_530,
    classes=("coat", "bag"),
    train_images=10_000,
    test_images=2_000,
    epochs=3,
    steps_per_epoch=157,
    batch_size=64,
)
END = RunEnd("finished", 3, 471, best_epoch=2, best_test_score=0.85, seconds=6.0)


def report(epoch: int, step: int) -> StepReport:
    return StepReport(epoch, step, 0.5, 0.8, 0.1, 4_951.0, 0.01)


def epoch_end(epoch: int, test_score: float, train_loss: float = 0.5) -> EpochEnd:
    return EpochEnd(epoch, 157 * epoch, train_loss, 0.8, 0.55, test_score, 0.1, 2.0, 49_512.0)


RUN: list[Event] = [
    Progress("downloading train-images.gz", 0, 26_421_880, "bytes"),
    Progress("downloading train-images.gz", 26_421_880, 26_421_880, "bytes"),
    Notice("1 CPU thread"),
    START,
    report(1, 50),
    Progress("evaluating", 1, 2, "batches"),
    epoch_end(1, 0.8),
    epoch_end(2, 0.85),
    epoch_end(3, 0.83),
    END,
]


def shown(reporter, events, capsys) -> str:
    with reporter:
        for event in events:
            reporter.show(event)
    return capsys.readouterr().out


def drawn(view: RunView, width: int = 75, stopping: bool = False) -> list[str]:
    out = Console(file=StringIO(), width=80)
    out.print(bars(view, stopping, width))
    return out.file.getvalue().splitlines()


def test_a_table_has_a_header_and_a_row_for_each_epoch(capsys):
    lines = shown(PlainTable(), RUN, capsys).splitlines()
    header = next(i for i, line in enumerate(lines) if line.startswith("epoch"))

    assert lines[header].split("  ")[-1].strip() == "img/s"
    assert [line.split()[0] for line in lines[header + 1 : header + 4]] == ["1", "2", "3"]
    # Right-aligned: the figures stand under the end of their title.
    for title, figure in (("loss", "0.5000"), ("train acc", "0.8000"), ("time", "2.0 s")):
        end = lines[header].index(title) + len(title)
        assert lines[header + 1][:end].endswith(figure)


def test_the_best_epoch_so_far_is_marked(capsys):
    text = shown(PlainTable(), RUN, capsys)
    assert "0.8000*" in text
    assert "0.8500*" in text
    assert "0.8300*" not in text


def test_the_end_says_best_last_where_and_what_next(capsys):
    text = shown(PlainTable(), RUN, capsys)
    assert "0.8500 test accuracy in epoch 2; last 0.8300" in text
    assert "runs/brave-otter" in text
    assert "nnlab show brave-otter" in text


def test_the_end_says_what_was_wrong_and_what_to_try(capsys):
    stuck = [epoch_end(n, test_score=0.5, train_loss=0.69) for n in (1, 2, 3)]
    text = shown(PlainTable(), [START, *stuck, END], capsys)
    (line,) = [line for line in text.splitlines() if line.startswith("finding")]
    assert line.startswith("finding  plateau: No better than guessing since epoch 1")
    assert "activation=relu" in line


def test_a_stopped_run_says_how_to_resume(capsys):
    stop = [
        ControlApplied(2, 160, "stop"),
        CheckpointSaved(1, 160, "runs/brave-otter/checkpoints/step-00000160", "stop", 0.1, 9),
        RunEnd("stopped", 1, 160, 1, 0.8, 2.1),
    ]
    text = shown(PlainTable(), [START, epoch_end(1, 0.8), *stop], capsys)
    assert "checkpoint saved at step 160" in text
    assert "1 of 3 epochs, 160 steps" in text
    assert text.endswith("nnlab resume brave-otter\n")


def test_the_next_command_works_for_a_folder_elsewhere(capsys):
    start = replace(START, path="/data/my runs/brave-otter")
    text = shown(PlainTable(), [start, END], capsys)
    assert "nnlab show brave-otter --runs-dir '/data/my runs'" in text


def test_a_failed_run_leaves_its_problem_to_the_error_that_follows(capsys):
    end = replace(END, state="failed", problem="The loss is nan.", fix="Try --lr 0.01.")
    assert "The loss is nan" not in shown(PlainTable(), [START, end], capsys)


def test_plain_lines_tell_a_download_once(capsys):
    text = shown(PlainTable(), RUN, capsys)
    assert text.count("downloading train-images.gz (25.2 MiB)") == 1
    assert "evaluating" not in text


def test_text_from_outside_cannot_command_the_terminal(capsys):
    start = replace(START, device_name="evil\x1b[2J\x9b31m", path="runs/[bold]x[/y]")
    events = [Notice("a\x1b]0;title\x07b"), start, END]
    plain = shown(PlainTable(), events, capsys)
    live = shown(LiveTable(Console(), lambda: False), events, capsys)

    for text in (plain, live):
        assert set("\x1b\x9b\x07") & set(text) == set()
        assert "[bold]x[/y]" in text


def test_json_is_one_event_a_line_and_nothing_else(capsys):
    lines = shown(JsonLines(), RUN, capsys).splitlines()
    assert [json.loads(line)["event"] for line in lines] == [type(e).__name__ for e in RUN]
    assert set(json.loads(lines[-2])) == {
        *("event", "epoch", "step", "train_loss", "train_score", "test_loss", "test_score"),
        *("lr", "seconds", "samples_per_second", "time"),
    }


@pytest.mark.parametrize(("value", "text"), [(math.nan, "NaN"), (math.inf, "Infinity")])
def test_json_stays_valid_when_the_loss_is_no_number(value, text, capsys):
    out = shown(JsonLines(), [epoch_end(1, 0.1, train_loss=value)], capsys)

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    assert json.loads(out, parse_constant=refuse)["train_loss"] == text


def test_what_a_network_prints_does_not_break_the_json(capsys):
    with JsonLines() as reporter:
        print("hello from forward()")
        reporter.show(START)
    out, err = capsys.readouterr()
    assert json.loads(out)["event"] == "RunStart"
    assert err == "hello from forward()\n"


def test_two_bars_show_epoch_and_step():
    view = reduce_all(RunView(), [START, report(2, 200)])
    epoch, step = drawn(view)
    assert epoch.startswith("epoch 2/3 ")
    assert " 42 %" in epoch  # 200 of 471 steps
    assert "loss 0.5000  acc 0.8000" in epoch
    assert step.startswith("step 43/157 ")
    assert " 27 %" in step
    assert "4.95 K img/s  ETA 0:03" in step  # 271 steps of 64 images


def test_preparing_shows_what_is_done_and_how_much_is_left():
    view = reduce_all(RunView(), [Progress("downloading x.gz", 2**20, 2**22, "bytes")])
    [line] = drawn(view)
    assert line.startswith("downloading x.gz ")
    assert line.rstrip().endswith("25 %  1.0 MiB of 4.0 MiB")


def test_before_anything_is_known_a_bar_says_that_it_starts():
    assert drawn(RunView())[0].startswith("starting")


def test_an_evaluation_takes_the_place_of_the_steps():
    view = reduce_all(RunView(), [START, report(1, 157), Progress("evaluating", 1, 2, "batches")])
    assert drawn(view)[1].startswith("evaluating")
    assert " 50 %" in drawn(view)[1]


def test_a_signal_is_answered_on_the_screen():
    view = reduce_all(RunView(), [START])
    assert drawn(view, stopping=True)[-1] == "stopping after this step; Ctrl-C leaves at once"


@pytest.mark.parametrize("width", [20, 40, 75, 115])
def test_bars_keep_to_their_width_whatever_they_say(width):
    huge = replace(START, epochs=1_000_000, steps_per_epoch=1_000_000)
    for event in (
        [Progress("unpacking " + "long-name" * 30, 1, 3, "images")],
        [huge, replace(report(999_999, 999_998_000_001), loss=1e30)],
    ):
        lines = drawn(reduce_all(RunView(), event), width)
        assert len(lines) <= 2
        assert all(len(line) <= width for line in lines)


def test_without_a_terminal_there_are_plain_lines(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # makes rich believe that a file is a terminal
    assert isinstance(choose_reporter(as_json=False, stopping=bool), PlainTable)
    assert isinstance(choose_reporter(as_json=True, stopping=bool), JsonLines)
