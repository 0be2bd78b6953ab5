import pytest

from core.config import check_fields, make_config
from core.regression import VERSIONS
from core.reproduction import Regression, Shapes, Training
from core.reproduction.experiments import EXPERIMENTS
from core.summary import summarize_named

TRAININGS = [e for e in EXPERIMENTS if isinstance(e.setting, Training)]


def experiment(name: str):
    return next(e for e in EXPERIMENTS if e.name == name)


def test_every_experiment_has_a_name_that_can_be_a_file_and_a_heading():
    names = [e.name for e in EXPERIMENTS]
    assert len(set(names)) == len(names)
    assert all(name.replace("-", "").isalnum() and name == name.lower() for name in names)


@pytest.mark.parametrize("training", TRAININGS, ids=lambda e: e.name)
def test_every_training_is_a_run_that_can_start_with_nothing_left_to_a_recipe(training):
    values = training.setting.values
    assert check_fields(values) == {}
    assert {"model", "data", "epochs", "batch_size", "optimizer", "lr", "initializer"} <= set(
        values
    )
    config = make_config(values)
    size = config.input_size or 28 if config.data != "cifar10" else 32
    summarize_named(
        config.model,
        (3 if config.data == "cifar10" else 1, size, size),
        options=config.model_options,
    )


@pytest.mark.parametrize("entry", EXPERIMENTS, ids=lambda e: e.name)
def test_every_published_figure_can_be_measured(entry):
    known = {"train_loss", "train_accuracy", "test_loss", "test_accuracy", "best_test_accuracy"}
    if isinstance(entry.setting, Regression):
        assert VERSIONS[entry.setting.version].published == tuple(
            figure.value for figure in entry.published
        )
        known = {"train_loss"}
    if isinstance(entry.setting, Training):
        known |= set(entry.setting.measures)
    assert {figure.metric for figure in entry.published} <= known
    assert bool(entry.published) != isinstance(entry.setting, Shapes)


def test_what_two_cores_cannot_do_is_what_has_large_images():
    for entry in TRAININGS:
        assert entry.needs_gpu == ((entry.setting.values.get("input_size") or 28) > 32), entry.name


def test_lenet_on_mnist_is_the_experiment_of_note_001():
    config = make_config(experiment("lenet-mnist").setting.values)
    # Its program: SGD(lr=0.5), batch_size=100, epochs=16, xavier_uniform_.
    assert (config.model, config.data) == ("lenet", "mnist")
    assert (config.optimizer, config.lr, config.batch_size, config.epochs) == ("sgd", 0.5, 100, 16)
    assert config.initializer == "xavier_uniform"
