import json
from contextlib import ExitStack

import pytest
from rich.cells import cell_len
from run_folder import write_run
from textual import events
from textual.widgets import Input
from workspace import Workspace

from core.config import make_config
from core.control import Control
from core.device import Device
from core.device_queue import Place
from core.notes import read_notes
from core.run_lock import hold
from core.runs import create_run, list_runs, read_facts, write_facts
from core.trash import list_trash
from tui.screens.compare import CompareScreen
from tui.screens.confirm import ConfirmScreen
from tui.screens.dashboard import DashboardScreen
from tui.widgets.run_preview import RunPreview
from tui.widgets.run_table import RunTable

SIZE = (120, 40)


@pytest.fixture
def runs_dir(tmp_path):
    """Four runs, the first of which is the oldest."""
    for age, (name, settings) in enumerate(
        (
            ("brave-otter", {"lr": 0.5, "score": 0.7}),
            ("calm-heron", {"lr": 0.05, "score": 0.9}),
            ("late-lynx", {"lr": 0.01, "score": 0.8, "model": "softmax"}),
            ("odd-newt", {"state": "failed", "problem": "The loss is nan.", "score": 0.1}),
        )
    ):
        path = write_run(tmp_path / "runs", name, **settings)
        write_facts(path, read_facts(path) | {"started": 1e9 + age})
    return tmp_path / "runs"


async def opened(app, pilot):
    await app.settle(pilot)
    return app.runs_screen


async def type_query(app, pilot, text):
    if not isinstance(app.focused, Input):
        await pilot.press("slash")
    app.runs_screen.query_one(Input).value = text
    await pilot.pause()


async def test_the_runs_are_listed_newest_first_and_the_first_is_drawn(runs_dir):
    app = Workspace(runs_dir)
    async with app.run_test(size=SIZE) as pilot:
        await opened(app, pilot)
        assert app.names == ["odd-newt", "late-lynx", "calm-heron", "brave-otter"]
        assert "4 of 4 runs" in app.picture
        assert "The loss is nan." in app.picture
        assert "best test 0.1000 in epoch 1" in app.picture  # of the accuracy pane
        assert "0.25" in app.picture  # of the settings
        await pilot.press("down")
        await app.settle(pilot)
        assert "best test 0.8000 in epoch 1" in app.picture


async def test_the_filter_shows_what_fits_while_it_is_typed(runs_dir):
    app = Workspace(runs_dir)
    async with app.run_test(size=SIZE) as pilot:
        await opened(app, pilot)
        await pilot.press("slash")
        seen = []
        for key in "lr<0.1 s":
            await pilot.press({"<": "less_than_sign", " ": "space", ".": "full_stop"}.get(key, key))
            await pilot.pause()
            seen.append(len(app.names))
        # "l", "lr" are parts of names; "lr<" and "lr<0" are not yet what is meant.
        assert seen == [2, 0, 0, 0, 0, 2, 2, 0]
        await pilot.press("backspace", "enter")
        assert app.names == ["late-lynx", "calm-heron"]
        assert "2 of 4 runs" in app.picture
        assert isinstance(app.focused, RunTable)
        await pilot.press("escape")
        await pilot.pause()
        assert len(app.names) == 4


async def test_what_is_typed_right_behind_the_slash_is_no_command_to_the_list(runs_dir):
    app = Workspace(runs_dir)
    async with app.run_test(size=SIZE) as pilot:
        await opened(app, pilot)
        for key in ("slash", "d", "a", "slash", "b"):  # as they come in one packet over SSH
            app.post_message(events.Key(key, {"slash": "/"}.get(key, key)))
        await app.settle(pilot)
        assert app.runs_screen.query_one(Input).value == "da/b"
        assert len(list_runs(runs_dir)) == 4
        assert not any(run.notes.archived or run.notes.baseline for run in list_runs(runs_dir))


async def test_a_query_that_cannot_be_understood_says_where_and_keeps_what_was_there(runs_dir):
    app = Workspace(runs_dir)
    async with app.run_test(size=SIZE) as pilot:
        await opened(app, pilot)
        await type_query(app, pilot, "otter")
        await type_query(app, pilot, "otter modle:mlp")
        assert app.names == ["brave-otter"]
        assert "Character 7 of the query" in app.picture
        assert "Did you mean 'model'?" in app.picture
        await type_query(app, pilot, "heron")
        assert app.names == ["calm-heron"]
        assert "Character" not in app.picture


async def test_runs_are_sorted_by_key_and_by_click_and_grouped(runs_dir):
    app = Workspace(runs_dir)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(app, pilot)
        screen.sort_by("score")
        assert app.names == ["calm-heron", "late-lynx", "brave-otter", "odd-newt"]
        await pilot.press("I")
        assert app.names == ["odd-newt", "brave-otter", "late-lynx", "calm-heron"]
        await pilot.click(RunTable, offset=(4, 0))
        await pilot.pause()
        assert app.names == ["brave-otter", "calm-heron", "late-lynx", "odd-newt"]
        await pilot.press("g")
        assert app.names == (
            ["[mlp (3)]", "brave-otter", "calm-heron", "odd-newt", "[softmax (1)]", "late-lynx"]
        )
        cursor = []
        for key in ("home", "down", "down", "down", "down"):
            await pilot.press(key)
            cursor.append(screen.table.run.name)
        assert cursor == ["brave-otter", "calm-heron", "odd-newt", "late-lynx", "late-lynx"]


async def test_what_is_deleted_comes_back_with_one_key(runs_dir):
    app = Workspace(runs_dir)
    async with app.run_test(size=SIZE) as pilot:
        await opened(app, pilot)
        await pilot.press("space", "space", "d")
        await app.settle(pilot)
        assert app.names == ["calm-heron", "brave-otter"]
        assert app.told == ["2 runs deleted: u brings it back, until the trash is emptied."]
        assert len(list_trash(runs_dir)) == 2
        await pilot.press("u")
        await app.settle(pilot)
        assert app.names == ["odd-newt", "late-lynx", "calm-heron", "brave-otter"]
        assert list_trash(runs_dir) == []
        await pilot.press("u")
        assert "nothing in the trash" in app.told[-1]


async def test_tags_notes_baseline_and_archive_are_written_and_shown(runs_dir):
    app = Workspace(runs_dir)
    async with app.run_test(size=SIZE) as pilot:
        await opened(app, pilot)
        await pilot.press("t")
        await pilot.pause()
        app.screen.query_one(Input).value = "good, or"
        await pilot.press("enter")
        await pilot.pause()
        assert "A tag cannot be 'good,'" in " ".join(app.picture.split())
        app.screen.query_one(Input).value = "good fast"
        await pilot.press("enter")
        await app.settle(pilot)
        await pilot.press("o")
        await pilot.pause()
        app.screen.query_one(Input).value = "wider"
        await pilot.press("enter")
        await app.settle(pilot)
        await pilot.press("b")
        await app.settle(pilot)
        notes = read_notes(runs_dir / "odd-newt")
        assert (notes.tags, notes.note, notes.baseline) == (("fast", "good"), "wider", True)
        assert "fast good" in app.picture
        assert "◆ odd-newt" in app.picture
        await pilot.press("a")
        await app.settle(pilot)
        assert "odd-newt" not in app.names
        await type_query(app, pilot, "is:archived tag:good")
        assert app.names == ["odd-newt"]


async def test_a_run_is_opened_gone_on_with_and_copied(runs_dir):
    app = Workspace(runs_dir)
    async with app.run_test(size=SIZE) as pilot:
        await opened(app, pilot)
        await pilot.press("R")
        assert app.resumed == [runs_dir / "odd-newt"]
        await pilot.press("down", "R")
        assert len(app.resumed) == 1  # a run that is finished has nothing left
        await pilot.press("n")
        assert app.offered[-1].model == "softmax"
        await pilot.press("enter")
        await app.settle(pilot)
        assert isinstance(app.screen, DashboardScreen)
        assert "best test accuracy 0.8000" in app.picture


async def test_what_a_worker_read_that_was_then_cancelled_is_drawn_all_the_same(runs_dir):
    app = Workspace(runs_dir)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(app, pilot)
        screen.query_one(RunPreview).show(screen.table.run, None)  # as while it is being read
        screen.previewed = None
        screen.read_view(screen.table.run.path)  # finds it read already
        await app.settle(pilot)
        assert not screen.query_one(RunPreview).has_class("-reading")


async def test_new_runs_and_new_figures_appear_by_themselves(runs_dir):
    app = Workspace(runs_dir)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(app, pilot)
        write_run(runs_dir, "newest")
        path = runs_dir / "calm-heron"
        write_facts(path, read_facts(path) | {"epoch": 3})
        screen.look()
        await app.settle(pilot)
        assert app.names[0] == "newest"
        assert screen.table.run.name == "odd-newt"  # the cursor stays where it was
        assert "3/3" in next(line for line in app.picture.splitlines() if "calm-heron" in line)


async def test_an_empty_folder_says_how_to_begin(tmp_path):
    app = Workspace(tmp_path / "runs")
    async with app.run_test(size=SIZE) as pilot:
        await opened(app, pilot)
        assert "There are no runs in" in app.picture
        await pilot.press("enter", "space", "d", "t", "b", "a", "equals_sign", "R", "down", "end")
        await pilot.pause()
        assert app.screen is app.runs_screen


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_hostile_names_stay_in_their_columns(runs_dir, size):
    names = ("名前🙂", "[b]x[", "\x1b]0;x\x07", "אבג", "e\u0301\u202e", "x" * 100)
    for number, name in enumerate(names):
        write_run(runs_dir, f"r{number}").rename(runs_dir / name)
    app = Workspace(runs_dir)
    async with app.run_test(size=size) as pilot:
        await opened(app, pilot)
        lines = [line for line in app.picture.splitlines() if "finished" in line]
        table = [line for line in lines if " mlp " in line or " softmax " in line]
        at = {cell_len(line[: line.index(" finished")]) for line in table if " finished  " in line}
        assert len(table) >= len(names)
        assert len(at) == 1
        assert not {"\x1b", "\x07", "\u202e"} & set(app.picture)
        for _ in names:
            await pilot.press("down")
            await app.settle(pilot)


async def test_the_list_is_quick_to_move_in_whatever_its_length(runs_dir):
    app = Workspace(runs_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        [run] = [r for r in list_runs(runs_dir) if r.name == "odd-newt"]
        screen.table.show([run] * 10_000)
        await pilot.press("end", "pageup")
        await pilot.pause()
        assert screen.table.run is run
        assert len(screen.query("*")) < 40  # no widget a row
        assert sum("odd-newt" in line for line in app.picture.splitlines()) > 5


async def test_selected_runs_are_compared(runs_dir):
    app = Workspace(runs_dir)
    async with app.run_test(size=SIZE) as pilot:
        await opened(app, pilot)
        await pilot.press("equals_sign")
        assert "Select two runs" in app.told[-1]
        await pilot.press("space", "space", "equals_sign")
        await app.settle(pilot)
        assert isinstance(app.screen, CompareScreen)
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen is app.runs_screen
        assert "● odd-newt" in app.picture
        assert app.runs_screen.query_one(RunPreview).display


@pytest.fixture
def waiting(runs_dir, monkeypatch, tmp_path):
    """Two runs that wait behind one that trains."""
    monkeypatch.setattr("core.device_queue.user_state_path", lambda *_, **__: tmp_path)
    with ExitStack() as stack:
        for number, name in enumerate(("busy-bee", "first-fox", "second-swan")):
            run = create_run(runs_dir, make_config({"model": "mlp"}), name)
            write_facts(run, read_facts(run) | {"state": "queued", "started": 2e9 + number})
            stack.enter_context(hold(run))
            place = stack.enter_context(Place(run))
            if number:
                next(place.wait([Device("cpu", "CPU")], Control()))
            else:
                place.use(Device("cpu", "CPU"))
                write_facts(run, read_facts(run) | {"state": "training"})
        yield runs_dir


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_runs_that_wait_show_their_place_and_can_go_first(waiting, size):
    app = Workspace(waiting)
    async with app.run_test(size=size) as pilot:
        await opened(app, pilot)
        assert app.names[:3] == ["second-swan", "first-fox", "busy-bee"]
        assert "queued 1st" in next(x for x in app.picture.splitlines() if "first-fox " in x)
        assert "2nd for cpu, behind busy-bee" in app.picture
        await pilot.press("F")
        await app.settle(pilot)
        assert "second-swan goes first" in app.told[-1]
        assert "1st for cpu, behind busy-bee" in app.picture
        assert "queued 2nd" in next(x for x in app.picture.splitlines() if "first-fox " in x)
        await pilot.press("down")
        commands = {c.title: c.callback for c in app.get_system_commands(app.screen)}
        await commands["Front"]()
        await app.settle(pilot)
        assert "first-fox goes first" in app.told[-1]
        await pilot.press("down", "F")
        assert len(app.told) == 2  # what trains does not wait
        assert "Front" not in [c.title for c in app.get_system_commands(app.screen)]


async def test_a_run_is_stopped_after_a_question_and_a_waiting_trial_is_taken_away(waiting):
    trial = create_run(waiting, make_config({"model": "mlp"}), "trial")
    write_facts(trial, read_facts(trial) | {"state": "queued", "started": 3e9})
    app = Workspace(waiting)
    async with app.run_test(size=SIZE) as pilot:
        await opened(app, pilot)
        await pilot.press("s", "enter")  # the safe answer
        await app.settle(pilot)
        assert trial.exists()
        await pilot.press("space", "down", "space", "s")
        await pilot.pause()
        assert "Stop 2 runs?" in app.picture
        await pilot.press("y")
        await app.settle(pilot)
        assert not trial.exists()
        [request] = (waiting / "first-fox" / "control").iterdir()
        assert json.loads(request.read_bytes())["kind"] == "stop"
        assert "2 runs asked to stop" in app.told[-1]
        await pilot.press("end", "s")
        assert not isinstance(app.screen, ConfirmScreen)  # it is over
