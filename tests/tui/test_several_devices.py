"""A run on several devices from the app: it is in processes of its own, and the app watches it."""

import pytest
from lab import notified
from sample_run import run_start

import tui.app
from core.config import make_config
from core.errors import RunError
from core.record import RowWriter
from core.runs import create_run
from tui.app import NNLabApp
from tui.screens.dashboard import DashboardScreen
from tui.screens.launch import LaunchScreen

TWO = make_config({"model": "mlp", "devices": "2"})


@pytest.fixture
def lab(tmp_path, monkeypatch) -> NNLabApp:
    # The screen below, which works out what a run would cost, is not what is tested here.
    monkeypatch.setattr(LaunchScreen, "find_cost", lambda self: None)
    monkeypatch.setattr(NNLabApp, "import_torch", lambda self: None)
    return NNLabApp(TWO, runs_dir=tmp_path / "runs")


async def test_the_app_watches_the_processes_that_it_started(lab, monkeypatch):
    def detach(config, *, runs_dir, data_dir):
        run = create_run(runs_dir, config, "two")
        rows = RowWriter(run)
        rows.add(run_start(processes=2))
        rows.write()
        return run

    monkeypatch.setattr(tui.app, "detach", detach)
    async with lab.run_test() as pilot:
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert isinstance(lab.screen, DashboardScreen)
        assert lab.screen.attached
        assert lab.training is None  # so that leaving leaves it alone


async def test_what_keeps_them_from_starting_is_told(lab, monkeypatch):
    def detach(config, **_):
        raise RunError("There is no cuda:1 here.", "Use cuda:0.")

    monkeypatch.setattr(tui.app, "detach", detach)
    async with lab.run_test() as pilot:
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert isinstance(lab.screen, LaunchScreen)
        assert "no cuda:1" in await notified(lab)
