import pytest
from lab import HeldRun, Lab
from pane_app import PaneApp
from sample_run import HALF_RUN, WHOLE_RUN, epoch_end, report, run_start, view_of

from core.diagnosis import READINGS
from core.events import ControlApplied
from core.readings import DeviceReading, GpuReading, GpuReadings, HostReading
from tui.screens.help import keys_of
from tui.widgets.diagnosis_pane import DiagnosisPane

GUESSING = [run_start(), epoch_end(1, 0.69, 0.5), epoch_end(2, 0.69, 0.5), epoch_end(3, 0.69, 0.5)]


def reading(number, utilisation):
    gpu = GpuReading(0, "H100", "GPU-1", utilisation)
    return DeviceReading(float(number), GpuReadings((gpu,)), HostReading("a CPU"))


async def test_it_takes_no_room_until_there_is_something_to_say():
    app = PaneApp(DiagnosisPane(), view_of(*WHOLE_RUN))
    async with app.run_test(size=(120, 8)) as pilot:
        await pilot.pause()
        assert app.pane.region.area == 0
        app.pane.view = view_of(*GUESSING)
        await pilot.pause()
        assert app.pane.region.height == 2
        assert "▲ plateau  No better than guessing since epoch 1" in app.picture


async def test_all_of_a_long_finding_has_room_at_80_columns():
    app = PaneApp(DiagnosisPane(), view_of(*GUESSING))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert app.pane.region.height == 3
        assert "xavier_uniform." in app.picture


async def test_good_news_has_another_sign_and_nothing_to_try():
    app = PaneApp(DiagnosisPane(), view_of(*GUESSING, epoch_end(4, 0.3, 0.9)))
    async with app.run_test(size=(120, 8)) as pilot:
        await pilot.pause()
        assert "✔ left the plateau  It began to learn in epoch 4" in app.picture
        assert "Try" not in app.picture


@pytest.mark.parametrize(("state", "told"), [("training", True), ("paused", False)])
async def test_an_idle_gpu_is_a_fault_only_while_it_trains(state, told):
    events = [run_start(device_uuid="GPU-1"), report(1, 1.0)]
    if state == "paused":
        events.append(ControlApplied(1, 1, "pause"))
    app = PaneApp(DiagnosisPane(), view_of(*events))
    async with app.run_test(size=(120, 8)) as pilot:
        for number in range(READINGS):
            app.pane.devices = reading(number, 0.2)
        await pilot.pause()
        assert ("GPU underused" in app.picture) == told


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_key_hides_it_on_the_dashboard_and_shows_it_again(size):
    app = Lab(HeldRun(before=GUESSING))
    async with app.run_test(size=size) as pilot:
        await app.run_is_held()
        await pilot.pause()
        assert "▲ plateau" in app.picture
        assert "─ loss" in app.picture.splitlines()[1]
        await pilot.press("a")
        await pilot.pause()
        assert "▲ plateau" not in app.picture
        await pilot.press("a")
        await pilot.pause()
        assert "▲ plateau" in app.picture
        app.start.release.set()
        await app.run_is_over()


async def test_help_names_the_key():
    app = Lab(HeldRun(before=HALF_RUN))
    async with app.run_test(size=(120, 40)) as pilot:
        await app.run_is_held()
        await pilot.pause()
        (on_screen, *_) = keys_of(app.dashboard)
        assert ("a", "Show or hide what is wrong, what to try") in on_screen[1]
        app.start.release.set()
        await app.run_is_over()
