"""Whole runs on tables: see core.experiment, core.datasets.table and core.task."""

import json

import numpy as np
import pytest
import torch
from heart import write_heart
from small_networks import CLASSIFIERS

from core.checkpoint import load_newest
from core.config import make_config
from core.control import Control
from core.errors import ConfigError, RunError
from core.evaluation import evaluate_numbers
from core.events import EpochEnd, RunStart, StepReport
from core.experiment import resume_experiment, run_experiment
from core.models import MODELS
from core.record import read_events
from core.runs import read_info
from core.trained import load_trained, predict


def finish(generator):
    try:
        while True:
            next(generator)
    except StopIteration as end:
        return end.value


@pytest.fixture
def heart(tmp_path):
    return write_heart(tmp_path / "heart.csv")


@pytest.fixture
def train(tmp_path, heart):
    """A function that trains on the heart table; gives the run's folder and events."""

    def train_now(name="r", stop_at=None, **values):
        control = Control()
        settings = {"data": str(heart), "threads": 1, "device": "cpu", "report_interval": 0}
        config = make_config(settings | values)
        events = []
        for event in run_experiment(config, runs_dir=tmp_path / "runs", name=name, control=control):
            events.append(event)
            if isinstance(event, StepReport) and event.step == stop_at:
                control.send("stop")
        return tmp_path / "runs" / name, events

    return train_now


def ends_of(events):
    return [e for e in events if isinstance(e, EpochEnd)]


def solved(dataset):
    """Weights and bias of least squares by the normal equations, in float64, on standardised
    features; and R² of the test part."""
    train, test = (
        part.pixels[:, :, 0, 0].double().numpy() for part in (dataset.train, dataset.test)
    )
    mean, spread = train.mean(0), train.std(0)
    x = np.column_stack([(train - mean) / spread, np.ones(len(train))])
    # The three categories of thal and the one for none add up to 1: of all solutions that are as
    # good, gradient descent from 0 finds the shortest, and so does lstsq.
    weights = np.linalg.lstsq(x, dataset.train.labels.double().numpy(), rcond=None)[0]
    predicted = np.column_stack([(test - mean) / spread, np.ones(len(test))]) @ weights
    true = dataset.test.labels.double().numpy()
    sse, sst = ((predicted - true) ** 2).sum(), ((true - true.mean()) ** 2).sum()
    return weights, 1 - sse / sst


@pytest.mark.parametrize("name", ["linear", "linear_scratch"])
def test_linear_regression_finds_what_least_squares_solves(train, name):
    run, events = train(
        model=name, target="thalach", initializer="zeros", batch_size=1000, lr=0.1, epochs=400,
        report_interval=10,
    )  # fmt: skip
    trained = load_trained(run, "last", "cpu")
    dataset = finish(trained.load_data())
    weights, r2 = solved(dataset)
    found = [*trained.model.output.weight[0].tolist(), trained.model.output.bias.item()]
    # The bias may begin anywhere, and the one direction that nothing depends on leaves weights.
    assert found == pytest.approx(weights.tolist(), abs=1e-3)
    assert ends_of(events)[-1].test_score == pytest.approx(r2, abs=1e-4)
    assert r2 > 0.5


def test_the_recorded_score_is_r_squared_and_the_loss_the_mean_squared_error(train):
    run, events = train(model="mlp", target="thalach", epochs=3)
    trained = load_trained(run, "last", "cpu")
    dataset = finish(trained.load_data())
    predicted = finish(predict(trained, dataset.test))[:, 0].double().numpy()
    true = dataset.test.labels.double().numpy()
    sse = ((predicted - true) ** 2).sum()
    last = ends_of(events)[-1]
    assert last.test_loss == pytest.approx(sse / len(true), rel=1e-6)
    sst = ((true - true.mean()) ** 2).sum()
    assert last.test_score == pytest.approx(1 - sse / sst, abs=1e-6)
    # While training, both are of the same numbers, whose variance is 1.
    assert last.train_score == pytest.approx(1 - last.train_loss, abs=1e-5)
    start = next(e for e in events if isinstance(e, RunStart))
    assert (start.metric, start.classes, start.samples) == ("R²", (), "rows")
    assert read_info(run).metric == "R²"
    # In the target's own units R² is the same, and an error is as many beats a minute.
    own = evaluate_numbers(
        trained.numbers(torch.tensor(predicted)), trained.numbers(dataset.test.labels), 2
    )
    assert own.r2 == pytest.approx(last.test_score, abs=1e-6)
    assert own.mse == pytest.approx(sse / len(true) * trained.encoding.target_spread**2, rel=1e-6)
    off = np.abs(predicted - true)
    assert [w.index for w in own.worst] == (-off).argsort()[:2].tolist()


def test_a_perceptron_learns_who_is_sick(train):
    _, events = train(model="mlp", target="target", epochs=10, batch_size=16)
    assert ends_of(events)[-1].test_score > 0.85


@pytest.mark.parametrize("name", [n for n, d in MODELS.declared.items() if d.facts.get("rows")])
def test_every_network_for_rows_trains_on_a_table(train, name):
    # linear needs a number; text cannot be one for the others to mistake.
    target = "thal" if name in CLASSIFIERS else "thalach"
    options = {"hidden": 8} if name in ("mlp", "mlp_scratch") else {}
    run, events = train(model=name, target=target, epochs=1, model_options=options)
    assert len(ends_of(events)) == 1
    classes = 3 if name in CLASSIFIERS else 1
    trained = load_trained(run, "last", "cpu")
    assert finish(predict(trained, finish(trained.load_data()).test)).shape[1] == classes


@pytest.mark.parametrize("name", [n for n, d in MODELS.declared.items() if not d.facts.get("rows")])
def test_networks_for_images_refuse_tables(heart, name):
    with pytest.raises(ConfigError) as raised:
        make_config({"model": name, "data": str(heart), "target": "target"})
    assert f"{name} is for images; a table can go to linear" in raised.value.fix


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"model": "linear", "data": "fashion-mini"}, "give it a table"),
        ({"data": "fashion-mini"}, "only a table has a target"),
        ({"augmentation": "flip"}, "this is for images"),
        ({"input_size": 28}, "this is for images"),
        ({"normalisation": "unit"}, "choose standard"),
        ({"model": "linear", "loss": "cross_entropy"}, "choose squared"),
        ({"model": "linear", "label_smoothing": 0.1}, "no label to smooth"),
    ],
)
def test_what_a_table_cannot_have_is_refused_before_it_is_read(heart, values, problem):
    with pytest.raises(ConfigError) as raised:
        make_config({"model": "mlp", "data": str(heart), "target": "target"} | values)
    assert problem in raised.value.fix


def test_a_number_for_classes_and_classes_for_a_number_are_refused(train):
    with pytest.raises(ConfigError, match=r"linear predicts a number, and thal of .* is text"):
        train(model="linear", target="thal")
    with pytest.raises(ConfigError, match=r"thalach of .* is a number: it has no label to smooth"):
        train(model="mlp", target="thalach", label_smoothing=0.1)


@pytest.mark.parametrize(("target", "loss"), [("target", "cross_entropy"), ("thalach", "squared")])
def test_the_loss_that_the_target_asks_for_is_written_down(train, target, loss):
    run, _ = train(model="mlp", target=target, epochs=1)
    assert json.loads((run / "config.json").read_text())["loss"] == loss


def test_the_loss_decides_what_a_target_of_few_numbers_is(train):
    _, events = train(model="mlp", target="target", loss="squared", epochs=1)
    assert next(e for e in events if isinstance(e, RunStart)).metric == "R²"
    _, events = train("s", model="mlp", target="cp", loss="cross_entropy", epochs=1)
    assert next(e for e in events if isinstance(e, RunStart)).classes == ("1", "2", "3", "4")


@pytest.mark.parametrize("target", ["target", "thalach"])
def test_a_run_that_was_stopped_ends_with_the_same_bits(train, tmp_path, target):
    settings = {"model": "mlp_dropout", "target": target, "epochs": 3, "batch_size": 16}
    whole, _ = train("whole", **settings)
    parts, _ = train("parts", stop_at=20, **settings)  # of 16 in an epoch: in the second one
    list(resume_experiment(parts))
    one, other = (load_newest(run / "checkpoints")[0].model for run in (whole, parts))
    assert all(torch.equal(one[k], other[k]) for k in one)
    figures = [
        [(e.train_loss, e.train_score, e.test_loss, e.test_score) for e in ends_of(read_events(r))]
        for r in (whole, parts)
    ]
    assert figures[0] == figures[1]


def test_a_run_is_not_resumed_on_another_table(train, heart):
    run, _ = train(model="mlp", target="thalach", stop_at=3)
    write_heart(heart, seed=1)
    with pytest.raises(RunError, match=r"rows in .* are not those that r was trained on"):
        list(resume_experiment(run))


def test_a_trained_network_takes_rows_where_its_table_is_gone(train, heart):
    run, _ = train(model="linear", target="thalach", epochs=1)
    heart.unlink()
    trained = load_trained(run, "last", "cpu")
    assert trained.encoding.target == "thalach"
    assert trained.model.output.weight.shape == (1, len(trained.encoding.features))


def test_a_table_that_changed_is_not_evaluated(train, heart):
    run, _ = train(model="linear", target="thalach", epochs=1)
    write_heart(heart, seed=1)
    with pytest.raises(RunError, match="has changed"):
        finish(load_trained(run, "last", "cpu").load_data())


def test_a_users_network_gets_one_output_for_a_number(train, tmp_path):
    net = tmp_path / "net.py"
    net.write_text(
        "from torch import nn\n"
        "def net(in_channels, num_classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(in_channels, num_classes))\n"
    )
    _, events = train(model=f"{net}:net", target="thalach", epochs=1, lr=0.01)
    assert next(e for e in events if isinstance(e, RunStart)).parameters == 17 + 1
