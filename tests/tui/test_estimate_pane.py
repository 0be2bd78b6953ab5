from dataclasses import replace

import pytest

from core.config import make_config
from core.device import Device
from core.estimate import Estimate, image_facts, summarize_for
from tui.widgets.estimate_pane import brief_line, full_lines


@pytest.fixture
def found() -> Estimate:
    config = make_config({"model": "lenet", "epochs": 3, "batch_size": 60})
    images = image_facts("fashion-mini")
    return Estimate(
        summary=summarize_for(config, images),
        device=Device("cpu", "A processor", memory_free_bytes=2**31),
        batch_size=60,
        epochs=3,
        images=replace(images, test=0),
        memory_bytes=3 * 2**20,
    )


def test_time_and_memory_stand_below_each_other(found):
    timed = replace(found, step_seconds=0.5)  # 6,000 images are 100 steps
    assert full_lines(timed, "").plain.splitlines() == [
        "memory  3.0 MiB of 2.0 GiB",
        "time    ≈ 50.0 s an epoch, 2 m 30 s in all",
    ]


def test_while_the_time_is_unknown_it_is_said_why(found):
    assert full_lines(found, "measuring…").plain.endswith("time    measuring…")


def test_too_much_memory_is_said_in_words_and_not_in_red_alone(found):
    tight = replace(found, device=replace(found.device, memory_free_bytes=2**20))
    assert "3.0 MiB of 1.0 MiB: too much, try a smaller batch size" in full_lines(tight, "").plain


def test_memory_that_nobody_knows_is_left_out(found):
    unknown = replace(found, device=replace(found.device, memory_free_bytes=None))
    assert full_lines(unknown, "").plain.startswith("memory  3.0 MiB\n")


def test_the_brief_line_has_room_at_80_columns(found):
    slow = replace(found, step_seconds=600.0, memory_bytes=2**36)
    assert "61.7 K parameters · " in brief_line(slow, "").plain
    assert len(brief_line(slow, "")) <= 78
