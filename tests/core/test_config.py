import json
import subprocess
import sys

import pytest

from core.config import RunConfig, check_fields, command_line, make_config
from core.errors import ConfigError


def test_a_network_alone_is_a_whole_run():
    config = make_config({"model": "mlp"})
    assert config.data == "fashion-mini"
    assert config.model == "mlp"


def test_every_problem_is_reported_at_once_with_its_value_and_advice():
    with pytest.raises(ConfigError) as caught:
        make_config({"model": "lenett", "epochs": 0, "lr": "fast", "optimiser": "adam"})
    fix = caught.value.fix
    assert "model = 'lenett': There is no network called 'lenett'. Did you mean 'lenet'?" in fix
    assert "epochs = 0: Input should be greater than or equal to 1" in fix
    assert "lr = 'fast': Input should be a valid number" in fix
    assert "optimiser = 'adam': there is no such setting. Did you mean 'optimizer'?" in fix
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lr", "nan"), ("lr", "inf"), ("lr", 0), ("lr", -1), ("momentum", 1), ("momentum", -0.1),
        ("batch_size", 0), ("epochs", "1.5"), ("seed", -1), ("seed", 2**63), ("threads", 0),
        ("device", "gpu"), ("device", "cuda:x"), ("weight_decay", -1), ("report_interval", -1),
        ("normalisation", "z"), ("augmentation", "flip,flop"), ("input_size", 0),
        ("data", "fashion"), ("schedule", "cosinus"), ("initializer", "xavier"),
        ("model_options", "hidden"), ("optimizer", ""), ("loss", "crossentropy"),
        ("label_smoothing", 1), ("label_smoothing", -0.1), ("l1", -1), ("l1", "inf"),
        ("decay", "biases"), ("warmup", -1), ("warmup", "nan"), ("init_options", "std"),
        ("init_options", "std=x"), ("init_options", "std=NaN"), ("conv_init", "kaiming"),
    ],
)  # fmt: skip
def test_a_value_out_of_range_is_refused_and_named(field, value):
    with pytest.raises(ConfigError, match=rf"\b{field}\b"):
        make_config({"model": "mlp", field: value})


def test_options_and_lists_can_be_written_on_a_command_line():
    config = make_config(
        {"model": "mlp", "model_options": "hidden=512", "augmentation": "flip, crop"}
    )
    assert config.model_options == {"hidden": 512}
    assert config.augmentation == ("flip", "crop")


def test_a_warm_up_has_to_end_within_the_run():
    assert make_config({"model": "mlp", "epochs": 2, "warmup": 2}).warmup == 2
    with pytest.raises(ConfigError) as caught:
        make_config({"model": "mlp", "epochs": "2", "warmup": "2.5"})
    assert "warmup = '2.5': the run has only 2 epochs." in caught.value.fix
    # Of a number of epochs that is none, it is this that is reported.
    assert set(check_fields({"model": "mlp", "epochs": "x", "warmup": 2})) == {"epochs"}


EXCLUDED = [
    ({"optimizer": "adagrad", "momentum": 0.9}, "adagrad has no momentum. Set it to 0"),
    ({"optimizer": "adadelta_scratch", "momentum": 0.9}, "adadelta_scratch has no momentum"),
    ({"model_options": "hiddn=3"}, "mlp has no option 'hiddn'. Did you mean 'hidden'?"),
    ({"init_options": "std=0.1"}, "default has no option 'std'. It takes no options."),
    (
        {"initializer": "normal", "conv_init": "constant", "init_options": "sdt=1"},
        "normal or constant has no option 'sdt'. Did you mean 'std'? It takes: std, value.",
    ),
]


@pytest.mark.parametrize(("values", "problem"), EXCLUDED)
def test_choices_that_exclude_each_other_are_refused(values, problem):
    [(_, line)] = check_fields({"model": "mlp", **values}).items()
    assert problem in line


def test_choices_are_refused_without_importing_torch():
    tried = [{"model": "mlp", **values} for values, _ in EXCLUDED]
    code = "import sys; from core.config import check_fields\n"
    code += f"for values in {tried}: check_fields(values)\n"
    code += "print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def test_of_two_problems_the_first_is_not_reported_as_the_second_as_well():
    assert set(check_fields({"model": "mlp", "optimizer": "adagard", "momentum": 0.9})) == {
        "optimizer"
    }
    bad = {"model": "mpl", "model_options": "hiddn=3", "initializer": "x", "init_options": "y=1"}
    assert set(check_fields(bad)) == {"model", "initializer"}


def test_a_users_network_answers_for_its_options_itself(tmp_path):
    file = tmp_path / "net.py"
    file.write_text("")
    assert check_fields({"model": f"{file}:Net", "model_options": "anything=1"}) == {}


def test_a_toml_file_can_say_everything(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text(
        'model = "lenet"\nloss = "squared"\nlabel_smoothing = 0.1\nwarmup = 0.5\nl1 = 1e-5\n'
        'decay = "weights"\ninitializer = "normal"\nconv_init = "kaiming_normal"\n'
        'augmentation = ["cutout", "grayscale"]\n[init_options]\nstd = 0.1\n'
        '[model_options]\nactivation = "tanh"\n'
    )
    config = make_config({}, file)
    assert (config.loss, config.label_smoothing, config.warmup, config.l1, config.decay) == (
        *("squared", 0.1, 0.5, 1e-5, "weights"),
    )
    assert (config.initializer, config.init_options, config.conv_init) == (
        *("normal", {"std": 0.1}, "kaiming_normal"),
    )
    assert config.augmentation == ("cutout", "grayscale")
    assert config.model_options == {"activation": "tanh"}


def test_a_run_described_before_there_were_more_settings_means_what_it_meant():
    config = make_config({"model": "mlp", "weight_decay": 0.1, "initializer": "normal"})
    assert config.loss is None  # cross-entropy for classes
    assert (config.label_smoothing, config.l1, config.warmup) == (0, 0, 0)
    assert (config.decay, config.init_options, config.conv_init) == ("all", {}, None)


def test_a_file_is_overruled_by_what_is_typed(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text('model = "mlp"\nlr = 0.5\noptimizer = "sgd"\n[model_options]\nhidden = 32\n')
    config = make_config({"lr": "0.25"}, file)
    assert (config.lr, config.optimizer, config.model_options) == (0.25, "sgd", {"hidden": 32})


def test_a_runs_own_config_starts_the_same_run_again(tmp_path):
    config = make_config({"model": "mlp", "lr": 0.123, "augmentation": "flip", "threads": 2})
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config.model_dump(mode="json")))
    assert make_config({}, file) == config


@pytest.mark.parametrize("text", ["model = ", "\x00", "[]]"])
def test_a_file_that_is_not_toml_is_named(tmp_path, text):
    file = tmp_path / "run.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"run\.toml"):
        make_config({}, file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.toml"):
        make_config({}, tmp_path / "absent.toml")


def test_another_optimizer_than_the_recipes_brings_its_own_learning_rate():
    recipe = make_config({"model": "mlp"})
    other = "sgd" if recipe.optimizer != "sgd" else "adam"
    assert (
        make_config({"model": "mlp", "optimizer": other}).lr == {"sgd": 0.1, "adam": 0.001}[other]
    )
    assert make_config({"model": "mlp", "optimizer": other, "lr": 0.7}).lr == 0.7


def test_a_form_learns_what_is_wrong_field_by_field():
    assert check_fields({"model": "mlp"}) == {}
    found = check_fields({"model": "mlp", "lr": "x", "epochs": ""})
    assert set(found) == {"lr", "epochs"}


@pytest.mark.parametrize(
    "values",
    [
        {"model": "mlp"},
        {"model": "mlp", "optimizer": "sgd"},
        {"model": "mlp", "optimizer": "sgd", "lr": 0.1234567, "epochs": 3},
        {"model": "lenet", "augmentation": "flip,crop", "data": "mnist", "threads": 1},
        {"model": "mlp", "model_options": "hidden=32,activation=tanh"},
        {"model": "lenet", "loss": "squared", "label_smoothing": 0.1, "warmup": 0.5, "l1": 1e-5},
        {"model": "lenet", "decay": "weights", "init_options": "std=0.1", "conv_init": "normal"},
    ],
)
def test_the_command_line_it_suggests_makes_the_same_run(values):
    config = make_config(values)
    words = command_line(config)
    assert words[:2] == ["nnlab", "train"]
    options = dict(zip(words[3::2], words[4::2], strict=True))
    typed = {key.removeprefix("--").replace("-", "_"): value for key, value in options.items()}
    assert make_config({"model": words[2], **typed}) == config


def test_every_field_says_what_it_is():
    assert all(field.description for field in RunConfig.model_fields.values())


def test_paths_are_kept_whole_so_that_a_run_can_be_resumed_from_anywhere(tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text("def tiny(in_channels, num_classes): ...")
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    config = make_config({"model": "net.py:tiny", "data": "./photos"})
    assert config.model == f"{tmp_path / 'net.py'}:tiny"
    assert config.data == str(tmp_path / "photos")
