import pytest

from core import slowdown
from core.events import Notice, StepReport
from core.slowdown import Throughput, slowdown_text, with_slowdown_told


def fed(rates, seconds=1.0, throughput=None):
    """What is told of each rate, one after the other in this distance."""
    throughput = throughput or Throughput()
    return [throughput.fell(rate, number * seconds) for number, rate in enumerate(rates)]


def test_half_of_the_usual_throughput_is_told_after_ten_seconds():
    told = fed([100.0] * 30 + [49.0] * 12)
    assert told.index(100.0) == 30 - 1 + 10  # ten seconds after it was as usual last
    assert told[39:] == [100.0] * 3


@pytest.mark.parametrize(
    "rates",
    [
        [100.0] * 30 + [51.0] * 60,  # not slow enough
        [100.0] * 30 + [10.0] * 9 + [100.0] + [10.0] * 9,  # not for long enough
        [100.0] * 5 + [10.0] * 30,  # nothing was usual yet
    ],
)
def test_other_rates_are_not_worth_a_line(rates):
    assert not any(fed(rates))


def test_reports_that_come_faster_are_left_out_and_slower_ones_count():
    assert not any(fed([100.0] * 60 + [10.0] * 60, seconds=0.1))
    assert fed([100.0] * 30 + [10.0] * 3, seconds=5.0)[-2:] == [100.0, 100.0]


def test_the_line_names_the_likely_reason():
    busy = slowdown_text(40.0, 100.0, threads=2, load=9.04, processors=2)
    assert busy == (
        "down to 40 samples/s from 100 for 10 s: other processes want the CPU too (load 9.0, "
        "2 processors); beside them a run with --threads 1 may be faster than with 2"
    )
    assert "--threads" not in slowdown_text(40.0, 100.0, threads=1, load=9.0, processors=2)
    calm = slowdown_text(40.0, 100.0, threads=1, load=1.2, processors=2)
    assert "other processes are not the reason" in calm
    unknown = slowdown_text(40.0, 100.0, threads=1, load=None, processors=2)
    assert unknown.endswith(": other processes, a limit on the CPU, or its heat")


def test_a_run_is_told_of_it_once_and_all_its_events_pass(monkeypatch):
    reports = [StepReport(1, n, 1.0, 0.5, 0.1, 100.0 if n < 30 else 9.0, 0.0) for n in range(60)]
    now = iter(range(60))
    monkeypatch.setattr(slowdown.clock, "seconds", lambda: float(next(now)))
    events = list(with_slowdown_told((report for report in reports), threads=1))
    notices = [event for event in events if isinstance(event, Notice)]
    assert len(notices) == 1
    assert [event for event in events if event not in notices] == reports
    assert events.index(notices[0]) == 40
