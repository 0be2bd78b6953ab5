import errno
import os
import threading

import pytest

from core.control import Control
from core.errors import RunError
from core.events import Waiting
from core.patience import Patience, until_written


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr("core.patience.RETRY_SECONDS", 0.0)


def failing(*numbers):
    """A write that fails once with each error number, and then returns "written"."""
    left = list(numbers)

    def write():
        if left:
            raise OSError(left[0], os.strerror(left.pop(0)))
        return "written"

    return write


def waits(write, place, patience):
    """The Waiting events, and what was returned."""
    events = []

    def follow():
        return (yield from until_written(write, "It", place, 3 * 2**20, patience))

    loop = follow()
    while True:
        try:
            events.append(next(loop))
        except StopIteration as end:
            return events, end.value


def test_what_can_be_written_is_not_worth_a_word(tmp_path):
    assert waits(failing(), tmp_path, Patience(Control())) == ([], "written")


def test_each_kind_of_problem_is_told_once_and_that_it_is_over(tmp_path):
    write = failing(errno.ENOSPC, errno.ENOSPC, errno.ENOSPC, errno.EROFS)
    events, result = waits(write, tmp_path, Patience(Control()))
    assert result == "written"
    assert len(events) == 3
    assert "No space left on device (3.0 MiB needed, " in events[0].problem
    assert str(tmp_path) in events[0].problem
    assert "Read-only file system" in events[1].problem
    assert events[2] == Waiting("")


def test_a_place_that_is_gone_has_no_free_space_to_tell(tmp_path):
    write = failing(errno.ENOENT)
    events, _ = waits(write, tmp_path / "gone", Patience(Control()))
    assert "(3.0 MiB needed)" in events[0].problem


@pytest.mark.parametrize("taken", [False, True])
def test_a_stop_is_obeyed_whether_or_not_it_was_taken_already(tmp_path, taken):
    control = Control()
    if not taken:
        control.send("stop")
    with pytest.raises(RunError, match="No space left"):
        waits(failing(errno.ENOSPC), tmp_path, Patience(control, lambda: taken))


def test_a_stop_during_the_wait_is_heard_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("core.patience.RETRY_SECONDS", 3600.0)
    control = Control()
    threading.Timer(0.05, control.send, ["stop"]).start()
    with pytest.raises(RunError, match="No space left"):
        waits(failing(*[errno.ENOSPC] * 9), tmp_path, Patience(control))


def test_patience_has_an_end(tmp_path, monkeypatch):
    monkeypatch.setattr("core.patience.PATIENCE_SECONDS", -1.0)
    with pytest.raises(RunError, match="No space left"):
        waits(failing(errno.ENOSPC), tmp_path, Patience(Control()))


def test_other_errors_are_not_waited_for(tmp_path):
    def bug():
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        waits(bug, tmp_path, Patience(Control()))
