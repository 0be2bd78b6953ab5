from sample_run import END, applied, epoch_end, report, run_start

from core.events import Progress, StepReport
from tui.news import News


def test_events_come_out_in_order_and_once():
    news = News()
    for event in (run_start(), report(1, 2.3), END):
        news.append(event)
    assert news.take() == [run_start(), report(1, 2.3), END]
    assert news.take() == []


def test_a_screen_that_does_not_take_loses_old_reports_but_nothing_that_happens_once():
    news = News(limit=100)
    once = [run_start(), epoch_end(1, 0.5, 0.8), applied(3, "lr", 0.1), END]
    for event in once[:-1]:
        news.append(event)
    for step in range(1, 10_001):
        news.append(report(step, 1.0))
        news.append(Progress("evaluating", step, 10_000))
        assert len(news) <= 101
    news.append(END)
    left = news.take()
    assert [e for e in left if not isinstance(e, StepReport | Progress)] == once
    assert max(e.step for e in left if isinstance(e, StepReport)) == 10_000


def test_what_happens_once_may_exceed_the_limit():
    news = News(limit=10)
    ends = [epoch_end(number, 0.5, 0.8) for number in range(1, 201)]
    for end in ends:
        news.append(end)
    assert news.take() == ends
