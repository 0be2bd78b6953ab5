import math
import signal

import pytest

from core.control import REQUESTS, Control, Request, check_request
from core.events import Notice


def test_requests_are_taken_in_the_order_they_were_sent():
    control = Control()
    control.send("lr", 0.5)
    control.send("stop")
    assert control.pending
    assert control.wants("stop")
    assert [control.take(), control.take(), control.take()] == [
        Request("lr", 0.5),
        Request("stop"),
        None,
    ]
    assert not control.pending


def test_waiting_ends_at_once_when_a_request_is_there():
    control = Control()
    control.send("resume")
    control.wait(seconds=60)  # the test's own time limit is shorter than this times two
    assert control.take() == Request("resume")


def test_a_signal_handler_that_sends_never_hangs_the_thread_that_waits():
    control = Control()
    before = signal.signal(signal.SIGALRM, lambda *_: control.send("checkpoint"))
    signal.setitimer(signal.ITIMER_REAL, 1e-4, 1e-4)
    try:
        for _ in range(3000):
            control.wait(0.001)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert control.pending


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_request_at_its_limits_can_be_asked_for_and_one_beyond_cannot(kind):
    limits = REQUESTS[kind]
    if limits is None:
        check_request(kind, None)
        with pytest.raises(ValueError, match="takes no value"):
            check_request(kind, 1.0)
        return
    for value in limits:
        check_request(kind, value)
    for value in (limits[0] - 1, limits[1] * 2):
        with pytest.raises(ValueError, match="takes a number from"):
            check_request(kind, value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *(("lr", value) for value in (None, math.nan, math.inf, 0, True, "0.1", [0.1], 10**400)),
        *(("epochs", 2.5), ("extend", 0.5), ("LR", 0.1), ("", None), ("stop", 0)),
    ],
)
def test_what_makes_no_sense_cannot_be_asked_for(kind, value):
    with pytest.raises(ValueError, match=r"takes|no request"):
        check_request(kind, value)


def test_lines_for_the_log_wait_in_turn_and_are_no_requests():
    control = Control()
    control.note("a line")
    control.send("stop")
    assert control.pending
    assert control.wants("stop")
    assert not control.wants("pause")
    assert [control.take(), control.take()] == [Notice("a line"), Request("stop")]
