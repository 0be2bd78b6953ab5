import json
from dataclasses import replace

import pytest

from core.errors import RunError
from core.reproduction import Experiment, Figure, Training
from core.reproduction.results import (
    Outcome,
    read_results,
    setting_of,
    values_of,
    write_results,
)

EXPERIMENT = Experiment(
    "tiny", "A tiny one", "nowhere", Training({"model": "mlp", "lr": 0.1}), (Figure("x", 1.0),)
)


def outcome(seed: int, accuracy: float = 0.5) -> Outcome:
    epochs = ({"test_accuracy": accuracy / 2}, {"test_accuracy": accuracy})
    return Outcome(
        seed, {"test_accuracy": accuracy}, epochs, 1.5, "cpu", "CPU", 1, "0" * 64, {"torch": "2"}
    )


def test_results_are_read_as_they_were_written(tmp_path):
    empty = read_results(tmp_path, EXPERIMENT)
    assert empty.outcomes == ()
    path = write_results(tmp_path, EXPERIMENT, empty.with_outcome(outcome(0)))
    assert path == tmp_path / "tiny.json"
    found = read_results(tmp_path, EXPERIMENT)
    assert found.outcomes == (outcome(0),)
    assert found.setting == setting_of(EXPERIMENT)


def test_outcomes_are_kept_by_seed():
    results = read_results_of(outcome(2), outcome(0), outcome(2, 0.9))
    assert [(o.seed, o.figures["test_accuracy"]) for o in results.outcomes] == [(0, 0.5), (2, 0.9)]
    assert results.seeds == {0, 2}


def test_results_of_another_setting_do_not_count(tmp_path):
    results = read_results(tmp_path, EXPERIMENT).with_outcome(outcome(0))
    write_results(tmp_path, EXPERIMENT, results)
    other = replace(EXPERIMENT, setting=Training({"model": "mlp", "lr": 0.2}))
    assert read_results(tmp_path, other).outcomes == ()
    retold = replace(EXPERIMENT, title="Another title")  # the same setting
    assert len(read_results(tmp_path, retold).outcomes) == 1


def test_a_smaller_check_has_a_file_of_its_own(tmp_path):
    quick = read_results(tmp_path, EXPERIMENT, quick=True).with_outcome(outcome(0))
    assert write_results(tmp_path, EXPERIMENT, quick).name == "tiny.quick.json"
    assert read_results(tmp_path, EXPERIMENT).outcomes == ()


@pytest.mark.parametrize("content", ["{", "[]", '{"setting": {}}', '{"outcomes": 3}'])
def test_a_damaged_file_is_told_and_left_alone(tmp_path, content):
    file = tmp_path / "tiny.json"
    if content.startswith('{"setting'):  # of this setting, without outcomes
        content = json.dumps({"setting": setting_of(EXPERIMENT)})
    file.write_text(content)
    with pytest.raises(RunError, match=r"tiny\.json is damaged") as caught:
        read_results(tmp_path, EXPERIMENT)
    assert "Remove it" in caught.value.fix
    assert file.read_text() == content


def test_values_come_from_the_end_or_from_an_epoch():
    outcomes = [outcome(0, 0.4), outcome(1, 0.6)]
    assert values_of(outcomes, "test_accuracy") == [0.4, 0.6]
    assert values_of(outcomes, "test_accuracy", epoch=1) == [0.2, 0.3]
    assert values_of(outcomes, "test_accuracy", epoch=3) == []
    assert values_of(outcomes, "unknown") == []


def read_results_of(*outcomes: Outcome):
    from pathlib import Path

    results = read_results(Path("no_such_folder"), EXPERIMENT)
    for each in outcomes:
        results = results.with_outcome(each)
    return results
