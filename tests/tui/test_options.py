import inspect

import pytest
import typer
from typer.testing import CliRunner

from core.config import RunConfig, make_config
from core.errors import ConfigError
from core.initializers import INITIALIZERS
from core.losses import LOSSES
from core.models import MODELS
from core.optimizers import OPTIMIZERS
from tui.options import PANELS, Given, completion, with_run_options


def parsed(*words: str) -> Given:
    """What a command with the options of a run receives for these words."""
    received: list[Given] = []

    @with_run_options(typer.Argument())
    def command(given: Given) -> None:
        received.append(given)

    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return received[0]


def test_every_field_of_a_run_is_an_option_with_help():
    @with_run_options(typer.Argument())
    def command(given: Given) -> None: ...

    app = typer.Typer()
    app.command()(command)
    params = {p.name: p for p in typer.main.get_command(app).params}

    for name in RunConfig.model_fields.keys() - {"model"}:
        assert params[name].opts == ["--" + name.replace("_", "-")]
        assert RunConfig.model_fields[name].description in params[name].help


def test_a_command_keeps_its_own_parameters():
    @with_run_options(typer.Argument())
    def command(given: Given, mine: int = 3) -> None: ...

    assert "mine" in inspect.signature(command).parameters
    assert "given" not in inspect.signature(command).parameters


def test_what_is_typed_becomes_a_run():
    words = "mlp --epochs 3 --lr 0.5 --optimizer adam --model-options hidden=64 --device cpu"
    config = parsed(*words.split()).config()

    assert (config.model, config.epochs, config.lr, config.optimizer, config.device) == (
        *("mlp", 3, 0.5, "adam", "cpu"),
    )
    assert config.model_options == {"hidden": 64}


def test_what_is_not_typed_is_left_to_the_run():
    assert parsed("mlp").values == {"model": "mlp"}
    assert parsed("mlp").config() == make_config({"model": "mlp"})


@pytest.mark.parametrize(
    "words", ["--augmentation flip,crop", "--augmentation flip --augmentation crop"]
)
def test_a_list_can_be_given_with_commas_or_one_by_one(words):
    assert parsed("mlp", *words.split()).config().augmentation == ("flip", "crop")


def test_options_go_before_the_file(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text('model = "mlp"\nepochs = 7\nlr = 0.25\n')
    config = parsed("--config", str(file), "--epochs", "2").config()
    assert (config.model, config.epochs, config.lr) == ("mlp", 2, 0.25)


def test_a_runs_config_json_starts_the_same_run(tmp_path):
    config = parsed("mlp", "--seed", "5", "--augmentation", "flip").config()
    file = tmp_path / "config.json"
    file.write_text(config.model_dump_json())
    assert parsed("--config", str(file)).config() == config


def test_every_bad_option_is_reported_at_once():
    given = parsed(*"lenett --epochs none --lr -1 --optimizer sdg --momentum 1".split())
    with pytest.raises(ConfigError) as caught:
        given.config()
    for text in ("lenett", "epochs = 'none'", "lr = '-1'", "momentum = '1'", "'sgd'"):
        assert text in caught.value.fix


def test_nothing_given_is_known_as_nothing():
    assert not parsed()
    assert parsed("--epochs", "3")


def test_the_shell_offers_names_with_what_they_are():
    offered = dict(completion("model")(""))
    assert offered.keys() == set(MODELS)
    assert all(offered.values())
    assert dict(completion("optimizer")("")).keys() == set(OPTIMIZERS)
    assert ("half", "") in completion("normalisation")("")
    assert completion("epochs")("") == []


def test_every_option_of_a_run_is_in_one_panel():
    grouped = [name for names in PANELS.values() for name in names]
    assert sorted(grouped) == sorted(RunConfig.model_fields.keys() - {"model"})


def test_the_shell_offers_the_pieces_of_a_training():
    assert dict(completion("loss")("")).keys() == set(LOSSES)
    assert dict(completion("conv_init")("")).keys() == set(INITIALIZERS)
    assert completion("decay")("") == [("all", ""), ("weights", "")]


def test_the_shell_completes_the_last_of_several_names():
    assert "flip,crop" in dict(completion("augmentation")("flip,cr"))
