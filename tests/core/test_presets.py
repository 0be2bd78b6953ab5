import pytest

from core.config import check_fields, make_config
from core.datasets import DATASETS
from core.presets import PRESETS
from core.reproduction import Training
from core.reproduction.experiments import EXPERIMENTS


@pytest.mark.parametrize("preset", PRESETS, ids=lambda p: p.name)
def test_every_preset_is_a_run_that_can_start(preset):
    assert check_fields(preset.values) == {}
    assert make_config(preset.values).data in DATASETS


def test_every_training_that_can_be_reproduced_is_a_preset():
    trainings = {e.name: e.setting.values for e in EXPERIMENTS if isinstance(e.setting, Training)}
    assert trainings.items() <= {p.name: p.values for p in PRESETS}.items()


def test_presets_have_names_of_their_own():
    assert len({preset.name for preset in PRESETS}) == len(PRESETS)
    assert len({preset.title for preset in PRESETS}) == len(PRESETS)


def test_lenet_on_mnist_is_the_experiment_of_note_001():
    preset = next(p for p in PRESETS if p.name == "lenet-mnist")
    config = make_config(preset.values)
    # Its code: SGD(lr=0.5), batch_size=100, epochs=16, xavier_uniform_; its last line: 0.98490.
    assert (config.optimizer, config.lr, config.batch_size, config.epochs) == ("sgd", 0.5, 100, 16)
    assert config.initializer == "xavier_uniform"
    assert preset.test_accuracy == 0.9849
