from pathlib import Path

import pytest

from core import run_views
from core.config import make_config
from core.events import EpochEnd, RunStart
from core.record import record
from core.run_views import RunViews
from core.runs import create_run


def write(path: Path, *epochs: int) -> Path:
    start = RunStart(
        path.name, str(path), "mlp", "tiny", "cpu", "CPU", 1, 9, ("a", "b"), 10, 5, 3, 10, 1
    )
    ends = [EpochEnd(n, n * 10, 0.5, 0.8, 0.6, 0.7, 0.1, 1.0, 10.0) for n in epochs]
    list(record(path, [*([start] if 1 in epochs else []), *ends], "0"))
    return path


@pytest.fixture
def run(tmp_path):
    return write(create_run(tmp_path, make_config({"model": "mlp"}), "a"), 1, 2)


def test_a_run_is_read_once_as_long_as_it_stays_the_same(run):
    views = RunViews()
    assert views.get(run) is None
    first = views.read(run)
    assert [end.epoch for end in first.epoch_ends] == [1, 2]
    assert views.read(run) is first is views.get(run)
    write(run, 3)
    assert [end.epoch for end in views.read(run).epoch_ends] == [1, 2, 3]


def test_reading_ends_when_nobody_waits_for_it(run):
    views = RunViews()
    assert views.read(run, lambda: True) is None
    assert views.get(run) is None


def test_the_oldest_view_makes_room(tmp_path, monkeypatch):
    monkeypatch.setattr(run_views, "MOST", 2)
    views = RunViews()
    runs = [write(create_run(tmp_path, make_config({"model": "mlp"}), n), 1) for n in "abc"]
    for run in runs:
        views.read(run)
    assert [views.get(run) is not None for run in runs] == [False, True, True]
