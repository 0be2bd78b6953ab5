import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from pseudo_terminal import Terminal, train_score
from sample_run import HALF_RUN, WHOLE_RUN, run_start
from typer.testing import CliRunner

from core.config import make_config
from core.errors import RunError
from core.events import Event, RunEnd, StepReport
from core.mailbox import FOLDER
from core.record import record
from core.runs import create_run, read_facts, read_info, write_facts
from tui.app import NNLabApp
from tui.attached import attached_to
from tui.cli import app
from tui.commands.attach import find_run_to_watch
from tui.screens.dashboard import DashboardScreen


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """A function that makes a run in tmp_path whose writer still has it open.

    It has these events, and its run.json says this process and then what `facts` say.
    """
    with ExitStack() as writers:

        def make(name: str, events: list[Event], **facts: object) -> Path:
            run = create_run(tmp_path, make_config({"model": "lenet"}), name)
            writer = writers.enter_context(closing(record(run, iter(events), "d")))
            for _ in events:
                next(writer)
            write_facts(run, read_facts(run) | facts)
            return run

        yield make


def test_the_only_live_run_is_meant_and_else_the_newest(tmp_path, recorded):
    old = recorded("old", HALF_RUN, started=1.0)
    new = recorded("new", WHOLE_RUN, started=2.0)
    assert find_run_to_watch(tmp_path, None) == old
    recorded("newer", HALF_RUN, started=3.0)
    assert find_run_to_watch(tmp_path, None).name == "newer"  # of two that are live
    assert find_run_to_watch(tmp_path, "new") == new
    with pytest.raises(RunError, match="Did you mean 'newer'"):
        find_run_to_watch(tmp_path, "newr")


def test_without_a_terminal_it_says_what_to_use_instead(tmp_path, recorded):
    recorded("only", WHOLE_RUN)
    result = CliRunner().invoke(app, ["attach", "--runs-dir", str(tmp_path)])
    assert result.exit_code == 2
    assert "nnlab show" in result.stderr


def dashboard(lab: NNLabApp) -> DashboardScreen:
    assert isinstance(lab.screen, DashboardScreen)
    return lab.screen


def picture(lab: NNLabApp) -> str:
    strips = lab.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_a_live_run_is_shown_and_left_alone(tmp_path, recorded, size):
    run = recorded("brave-otter", HALF_RUN)
    lab = NNLabApp(run=run, runs_dir=tmp_path)
    async with lab.run_test(size=size) as pilot:
        while dashboard(lab).view.step < 160:
            await pilot.pause(0.02)
        await pilot.pause()
        text = picture(lab)
        assert "attached" in text.splitlines()[0]
        assert "● training" in text.splitlines()[0]
        assert "0.6500★" in text
        await pilot.press("q")
        await pilot.pause()
        assert not lab.is_running
    assert lab.return_code == 0
    assert read_info(run).state == "training"


async def test_keys_ask_the_process_that_trains_and_what_it_refuses_is_told(tmp_path, recorded):
    run = recorded("brave-otter", HALF_RUN)
    lab = NNLabApp(run=run, runs_dir=tmp_path)
    async with lab.run_test(size=(160, 40)) as pilot:
        while dashboard(lab).view.step < 160:
            await pilot.pause(0.02)
        await pilot.press("space")
        [request] = (run / FOLDER).glob("*.json")
        assert json.loads(request.read_bytes())["kind"] == "pause"
        assert dashboard(lab).header.asked == "pausing"
        request.unlink()
        (run / FOLDER).rmdir()
        (run / FOLDER).write_text("in the way of requests")
        await pilot.press("c")
        [told] = lab._notifications
        assert "cannot be asked anything" in told.message


async def test_a_run_that_is_over_shows_its_end_and_no_keys_that_steer(tmp_path, recorded):
    run = recorded("brave-otter", WHOLE_RUN)
    lab = NNLabApp(run=run, runs_dir=tmp_path)
    async with lab.run_test(size=(160, 40)) as pilot:
        while not dashboard(lab).over:
            await pilot.pause(0.02)
        await pilot.pause()
        text = picture(lab)
        facts = read_facts(run)
        assert f"attached to {facts['user']}@{facts['host']}, process {os.getpid()}" in text
        assert "✔ finished    epoch 3/3" in text
        assert not {"Pause", "Stop", "Save", "LR"} & set(text.splitlines()[-1].split())


async def test_a_run_that_goes_on_in_another_process_is_followed_there(tmp_path, recorded):
    stopped = RunEnd("stopped", 1, 160, 2, 0.65, 2.5)
    run = recorded("brave-otter", [*HALF_RUN, stopped], pid=1)
    lab = NNLabApp(run=run, runs_dir=tmp_path)
    async with lab.run_test(size=(160, 40)) as pilot:
        while not dashboard(lab).over:
            await pilot.pause(0.02)
        assert "process 1 " in picture(lab)
        assert dashboard(lab).check_action("pause", ()) is False
        # As resuming it elsewhere writes its rows.
        events = [run_start(step=160), StepReport(3, 161, 0.4, 0.7, 0.1, 9000.0, 0.0)]
        with closing(record(run, iter(events), "d")) as rows:
            for _ in events:
                next(rows)
            while dashboard(lab).view.step < 161:
                await pilot.pause(0.02)
            await pilot.pause()
            text = picture(lab)
            assert "● training" in text.splitlines()[0]
            assert f"process {os.getpid()} " in text
            assert "0.6500★" in text  # of the epochs before
            await pilot.press("space")
            assert dashboard(lab).header.asked == "pausing"
        while not dashboard(lab).over:  # it is over again
            await pilot.pause(0.02)


async def test_a_run_on_another_machine_says_whose_devices_are_shown(tmp_path, recorded):
    run = recorded("far", HALF_RUN, host="[/b]box")
    assert attached_to(run).elsewhere == "[/b]box"
    lab = NNLabApp(run=run, runs_dir=tmp_path)
    async with lab.run_test(size=(120, 40)) as pilot:
        while "the run is on [/b]box" not in picture(lab):
            await pilot.pause(0.05)


async def test_a_run_whose_process_is_gone_is_shown_as_crashed(tmp_path, recorded):
    run = recorded("gone", HALF_RUN, pid=2**22 + 1)
    lab = NNLabApp(run=run, runs_dir=tmp_path)
    async with lab.run_test(size=(120, 40)) as pilot:
        while not dashboard(lab).over:
            await pilot.pause(0.02)
        await pilot.pause()
        assert "✘ crashed" in picture(lab)
        assert "nnlab resume gone" in picture(lab)


@pytest.mark.slow
def test_two_terminals_watch_one_training_and_torch_is_not_loaded_for_it(tmp_path):
    words = ("train", "softmax", "--threads", "1", "--epochs", "100000", "--name", "watched")
    env = os.environ | {"NNLAB_RUNS": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-m", "tui.cli", *words], env=env, stdout=subprocess.DEVNULL
    ) as training:
        terminals: list[Terminal] = []
        try:
            while not (tmp_path / "watched" / "run.json").is_file():
                assert training.poll() is None
            terminals = [Terminal("attach", NNLAB_RUNS=str(tmp_path)) for _ in range(2)]
            for terminal in terminals:
                terminal.until(train_score)
                assert "attached" in terminal.text.splitlines()[0]
            assert "libtorch" not in Path(f"/proc/{terminals[0].child.pid}/maps").read_text()
            terminals[0].child.send("q")
            assert terminals[0].end() == 0
            assert terminals[0].modes_left_on() == []

            assert training.poll() is None
            training.send_signal(signal.SIGTERM)
            terminals[1].until("■ stopped")
            assert training.wait() == 143
        finally:
            training.kill()
            for terminal in terminals:
                terminal.close()
