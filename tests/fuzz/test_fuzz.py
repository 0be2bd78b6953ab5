"""Whatever is typed, or stands in a file: no traceback, an exit code that is documented, and
nothing on the output that a terminal would obey.

A sample of each runs with the fast tests; `make fuzz` runs 10,000 inputs.
"""

import json
import shutil
import unicodedata
import zlib
from typing import Any

import pytest
from conftest import Ended, invoke
from grammar import anything, command_lines, setting_files
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

SAMPLE = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
FULL = settings(SAMPLE, derandomize=False, print_blob=True)


def check(ended: Ended, what: object) -> None:
    assert ended.code in (0, 1, 2), (ended.code, what)
    assert "Traceback" not in ended.output, what
    bad = {c for c in ended.output if c != "\n" and unicodedata.category(c) in BAD}
    assert not bad, (bad, what, ended.output[-500:])


BAD = ("Cc", "Cf", "Cs", "Zl", "Zp")


@pytest.fixture(scope="module")
def run(place):
    """A copy of a run in the folder `here`, which some command may delete."""
    line = ["train", "softmax", "--name", "plain", "--threads", "1", "--device", "cpu"]
    assert invoke(line).code == 0
    return shutil.copytree(place / "here" / "plain", place / "copy")


def check_line(line: list[str]) -> None:
    check(invoke(line), line)


def check_settings(place: Any, file: tuple[str, bytes]) -> None:
    name, content = file
    (place / name).write_bytes(content)
    check(invoke(["train", "--config", name, "--data", "empty"]), file)
    check(invoke(["tui", "--config", name]), file)


FACTS = st.dictionaries(
    st.sampled_from(
        "state problem model data epoch epochs step best_test_score best_epoch seconds started "
        "device threads host pid updated process_began user versions".split()
    ),
    anything,
    max_size=4,
)
FIELDS = (
    "epoch step seq train_loss train_score test_loss test_score lr seconds samples_per_second text "
    "state problem classes best_epoch best_test_score loss score data_wait epochs image_shape"
)
EVENTS = st.sampled_from(
    ("RunStart", "StepReport", "EpochEnd", "RunEnd", "Notice", "CheckpointSaved", "?")
)
ROWS = st.lists(
    st.builds(
        lambda event, row: {**row, "event": event},
        EVENTS,
        st.dictionaries(st.sampled_from(FIELDS.split()), anything, max_size=3),
    ),
    max_size=3,
)


def check_run(run: Any, facts: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """Somebody else's run folder, with checksums that are right, is looked at."""
    poisoned = run.with_name("here") / "poisoned"
    poisoned.mkdir(parents=True, exist_ok=True)
    (poisoned / "config.json").write_bytes((run / "config.json").read_bytes())
    whole = json.loads((run / "run.json").read_bytes()) | facts
    (poisoned / "run.json").write_text(json.dumps(whole))
    template = {
        json.loads(line)["event"]: json.loads(line)
        for line in (run / "events.jsonl").read_text().splitlines()
    }
    template["EpochEnd"] = {
        **{"epoch": 1, "step": 1, "train_loss": 1.0, "train_score": 0.5, "test_loss": 1.0},
        **{"test_score": 0.5, "lr": 0.1, "seconds": 1.0, "samples_per_second": 9.0},
    }
    lines = []
    for seq, row in enumerate(rows):
        text = json.dumps({"seq": seq, **template.get(row["event"], {}), **row} | {"crc": None})
        text = text.replace(', "crc": null', "")
        lines.append(f'{text[:-1]}, "crc": "{zlib.crc32(text.encode()):08x}"}}\n')
    (poisoned / "events.jsonl").write_text("".join(lines))
    for line in (
        ["runs"],
        ["runs", "--json"],
        ["show", "poisoned"],
        ["show", "poisoned", "--json"],
    ):
        check(invoke(line), (line, facts, rows))
    check(invoke(["compare", "poisoned", "plain"]), (facts, rows))
    check(invoke(["evaluate", "poisoned"]), (facts, rows))


@SAMPLE
@given(line=command_lines())
def test_a_sample_of_command_lines(run, line):
    check_line(line)


@SAMPLE
@given(file=setting_files())
def test_a_sample_of_files_of_settings(place, file):
    check_settings(place, file)


@settings(SAMPLE, max_examples=40)
@given(facts=FACTS, rows=ROWS)
def test_a_sample_of_other_peoples_runs(run, facts, rows):
    check_run(run, facts, rows)


@pytest.mark.parametrize("name", ["epoch", "step", "epochs", "seconds"])
@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 0])
def test_numbers_at_their_limits_in_other_peoples_runs(run, name, number):
    # `nnlab compare` once counted up to an epoch that only the row of another run said there was.
    rows = [{"event": event, name: number} for event in ("RunStart", "EpochEnd", "RunEnd")]
    check_run(run, {name: number}, rows)


@pytest.mark.slow
@settings(FULL, max_examples=6000)
@given(line=command_lines())
def test_command_lines(run, line):
    check_line(line)


@pytest.mark.slow
@settings(FULL, max_examples=3000)
@given(file=setting_files())
def test_files_of_settings(place, file):
    check_settings(place, file)


@pytest.mark.slow
@settings(FULL, max_examples=1000)
@given(facts=FACTS, rows=ROWS)
def test_other_peoples_runs(run, facts, rows):
    check_run(run, facts, rows)
