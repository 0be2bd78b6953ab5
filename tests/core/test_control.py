import signal

from core.control import Control, Request


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
