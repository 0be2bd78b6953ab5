import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.control import Control
from core.device import Device
from core.device_queue import Place, move_to_front, standings, tickets_folder
from core.errors import RunError
from core.events import Queued
from core.runs import Standing

CPU = Device("cpu", "CPU")
FIRST, SECOND = Device("cuda:0", "GPU", uuid="GPU-1"), Device("cuda:1", "GPU", uuid="GPU-2")


@pytest.fixture(autouse=True)
def no_tickets(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr("core.device_queue.user_state_path", lambda *_, **__: tmp_path)


class Patience(Control):
    """Asked to wait, it lets the test do something instead."""

    def __init__(self, *deeds):
        super().__init__()
        self.deeds = list(deeds)

    def wait(self, seconds):
        self.deeds.pop(0)()


def wait(place, devices, control):
    """What is told while waiting, and the device in the end."""
    told = []
    waiting = place.wait(devices, control)
    while True:
        try:
            told.append(next(waiting))
        except StopIteration as end:
            return told, end.value


def test_a_free_device_is_taken_at_once():
    with Place(Path("one")) as one:
        assert wait(one, [CPU], Control()) == ([], CPU)


def test_a_device_in_use_is_waited_for_and_taken_when_it_is_free():
    with Place(Path("one")) as one, Place(Path("two")) as two:
        one.use(CPU)
        control = Patience(lambda: None, lambda: one.__exit__())
        assert wait(two, [CPU], control) == ([Queued(("one",))], CPU)


def test_another_device_is_no_hindrance():
    with Place(Path("one")) as one, Place(Path("two")) as two, Place(Path("three")) as three:
        one.use(CPU)
        two.use(FIRST)
        assert wait(three, [SECOND], Control()) == ([], SECOND)


def test_of_several_the_first_free_one_is_taken():
    with Place(Path("one")) as one, Place(Path("two")) as two:
        one.use(FIRST)
        assert wait(two, [FIRST, SECOND], Control()) == ([], SECOND)


def test_a_gpu_is_the_same_under_another_number():
    with Place(Path("one")) as one, Place(Path("two")) as two:
        one.use(FIRST)
        hidden = Device("cuda:0", "GPU", uuid="GPU-2")  # CUDA_VISIBLE_DEVICES=1
        assert wait(two, [hidden], Control()) == ([], hidden)


def test_whoever_waits_longest_goes_first():
    with Place(Path("one")) as one, Place(Path("two")) as two, Place(Path("three")) as three:
        one.use(CPU)
        second = two.wait([CPU], Patience(lambda: None, lambda: None))
        assert next(second) == Queued(("one",))
        third = three.wait([CPU], Patience(lambda: one.__exit__(), lambda: None, lambda: None))
        assert next(third) == Queued(("one", "two"))
        assert next(third) == Queued(("two",))  # free, but not its turn
        with pytest.raises(StopIteration) as ended:
            next(second)
        assert ended.value.value == CPU


def test_everybody_can_see_where_the_runs_stand():
    with Place(Path("one")) as one, Place(Path("two")) as two, Place(Path("three")) as three:
        assert standings() == {}
        one.use(CPU)
        next(two.wait([CPU, FIRST], Patience()), None)  # FIRST is free
        next(three.wait([CPU, FIRST], Patience()))
        with Place(Path("four")) as four:
            next(four.wait([FIRST], Patience()))
            assert standings() == {
                Path("three").resolve(): Standing(1, ("cpu", "cuda:0"), ("one", "two")),
                Path("four").resolve(): Standing(2, ("cuda:0",), ("two", "three")),
            }


def test_a_run_that_is_moved_to_the_front_goes_first():
    with Place(Path("one")) as one, Place(Path("two")) as two, Place(Path("three")) as three:
        one.use(CPU)
        second = two.wait([CPU], Patience(lambda: None, lambda: None, lambda: None))
        next(second)
        third = three.wait([CPU], Patience(lambda: one.__exit__()))
        next(third)
        assert not move_to_front(Path("one"))  # it does not wait
        assert move_to_front(Path("three"))
        assert standings()[Path("three").resolve()] == Standing(1, ("cpu",), ("one",))
        assert next(second) == Queued(("one", "three"))
        with pytest.raises(StopIteration) as ended:
            next(third)
        assert ended.value.value == CPU
        assert next(second) == Queued(("three",))
    assert list(tickets_folder().glob("*.json")) == []


def test_a_stop_ends_the_wait():
    control = Patience(lambda: control.send("stop"))
    with Place(Path("one")) as one, Place(Path("two")) as two:
        one.use(CPU)
        assert wait(two, [CPU], control) == ([Queued(("one",))], None)


def test_a_place_that_is_given_up_leaves_nothing():
    with Place(Path("one")) as one:
        one.use(CPU)
    assert [path.name for path in tickets_folder().glob("*.json")] == []


def test_a_dead_process_holds_nothing_up(tmp_path):
    code = (
        "import os; from pathlib import Path; import core.device_queue as q\n"
        f"q.user_state_path = lambda *_, **__: Path({str(tmp_path)!r})\n"
        "from core.device import Device\n"
        "one, two = q.Place(Path('killed')), q.Place(Path('waited'))\n"
        "one.use(Device('cpu', 'CPU'))\n"
        "from core.control import Control; next(two.wait([Device('cpu', 'CPU')], Control()))\n"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=60)
    assert done.returncode == -9
    assert len(list(tickets_folder().glob("*.json"))) == 2
    with Place(Path("next")) as place:
        assert wait(place, [CPU], Control()) == ([], CPU)
        assert len(list(tickets_folder().glob("*.json"))) == 1


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"run": 1, "process": {}}'])
def test_a_damaged_ticket_holds_nothing_up(content):
    with Place(Path("one")) as one:
        one.use(CPU)
        (tickets_folder() / "000000000099.json").write_bytes(content)
        with Place(Path("two")) as two:
            assert wait(two, [FIRST], Control()) == ([], FIRST)


def test_tickets_are_for_their_owner_alone_and_name_the_run():
    with Place(Path("runs/one")) as one:
        one.use(CPU)
        (ticket,) = tickets_folder().glob("*.json")
        assert tickets_folder().stat().st_mode & 0o777 == 0o700
        found = json.loads(ticket.read_bytes())
    assert found["run"] == str(Path("runs/one").absolute())
    assert (found["uses"], found["process"]["pid"]) == ("cpu", os.getpid())


def test_a_line_that_cannot_be_kept_is_one_clear_error(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr("core.device_queue.user_state_path", lambda *_, **__: tmp_path / "file")
    with Place(Path("one")) as place, pytest.raises(RunError, match="without --queue"):
        wait(place, [CPU], Control())
