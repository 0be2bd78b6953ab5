from dataclasses import replace
from pathlib import Path

import pytest

from core.notes import Notes
from core.runs import RunInfo, Standing
from tui.standing import ordinal, state_text, waits_for

QUEUED = RunInfo("late-lynx", Path("runs/late-lynx"), "queued")


def test_place_devices_and_those_before_it_are_told():
    run = replace(QUEUED, standing=Standing(2, ("cuda:0",), ("brave-otter", "calm-heron")))
    assert state_text(run) == "queued 2nd"
    assert waits_for(run) == "2nd for cuda:0, behind brave-otter, calm-heron"
    either = replace(QUEUED, standing=Standing(1, ("cuda:0", "cuda:1"), ("brave\x1b",)))
    assert waits_for(either) == "1st for cuda:0 or cuda:1, behind brave\ufffd"


def test_a_trial_waits_for_its_sweep_and_a_run_at_work_for_nothing():
    trial = replace(QUEUED, notes=Notes(tags=("sweep-rates",)))
    assert (state_text(trial), waits_for(trial)) == ("queued", "waits for its turn in sweep-rates")
    assert waits_for(QUEUED) == ""
    assert waits_for(replace(trial, state="training")) == ""


@pytest.mark.parametrize(
    ("number", "text"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (21, "21st"), (112, "112th")],
)
def test_numbers_as_people_say_them(number, text):
    assert ordinal(number) == text
