import json
import math

import pytest

from core.events import EVENTS, EpochEnd, LayerFigures, RunStart, StepReport, from_row, to_row

EPOCH = EpochEnd(2, 24, 0.5, 0.8, 0.6, 0.7, 0.1, 1.5, 4000.0)
START = RunStart(
    "brave-otter", "runs/brave-otter", "mlp", "fashion-mini", "cpu", "a CPU", 2, 203530,
    ("a", "b"), 100, 50, 3, 8, 13,
)  # fmt: skip


LAYERS = LayerFigures(
    1, 4, ("conv1", "fc"), (1.5, 2.0), (0.1, 0.2), (-1.0, -0.5), (1.0, 0.5),
    ((3, 9, 2), (1, 1, 1)), ("relu1",), (0.25,), updates=(1e-3, 2e-3),
)  # fmt: skip


@pytest.mark.parametrize(
    "event", [EPOCH, START, LAYERS, StepReport(1, 2, 0.5, 0.8, 0.1, 4000.0, 0.01)]
)
def test_an_event_survives_json(event):
    assert from_row(json.loads(json.dumps(to_row(event)))) == event


def test_the_end_of_an_epoch_has_the_documented_names():
    assert list(to_row(EPOCH)) == [
        "event", "epoch", "step", "train_loss", "train_score", "test_loss", "test_score",
        "lr", "seconds", "samples_per_second", "time",
    ]  # fmt: skip


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_explicit_and_valid_json(loss):
    row = to_row(StepReport(1, 2, loss, 0.0, 0.1, 1.0, 0.0))
    text = json.dumps(row, allow_nan=False)
    assert repr(from_row(json.loads(text)).loss) == repr(loss)


def test_fields_of_a_newer_version_are_left_out():
    assert from_row(to_row(EPOCH) | {"invented_later": 1}) == EPOCH


def test_every_event_is_frozen():
    for kind in EVENTS.values():
        assert kind.__dataclass_params__.frozen


@pytest.mark.parametrize(
    "values", [{"text": {}}, {"text": 5}, {"text": None}, {"text": 2**70}, {"text": ["a"]}]
)
def test_a_row_whose_values_are_of_another_kind_is_no_event(values):
    with pytest.raises(TypeError):
        from_row({"event": "Notice", **values})
