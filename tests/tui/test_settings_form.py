import pytest
from textual import on
from textual.app import App
from textual.widgets import Select, Static

from core.config import RunConfig, check_fields, make_config
from core.optimizers import OPTIMIZERS
from tui.theme import NNLAB_THEME
from tui.widgets.setting_field import as_text
from tui.widgets.settings_form import PICKED_ELSEWHERE, SettingsForm, grouped, suggestion


class FormApp(App):
    def __init__(self):
        super().__init__()
        self.register_theme(NNLAB_THEME)
        self.theme = NNLAB_THEME.name
        self.changes = 0

    def compose(self):
        yield SettingsForm()

    @on(SettingsForm.Changed)
    def note(self):
        self.changes += 1

    @property
    def form(self):
        return self.query_one(SettingsForm)


@pytest.fixture
def app():
    return FormApp()


def test_every_setting_of_a_run_has_one_field():
    names = [name for names in grouped().values() for name in names]
    assert sorted(names) == sorted(set(RunConfig.model_fields) - set(PICKED_ELSEWHERE))


async def test_names_from_a_registry_are_chosen_and_the_rest_is_typed(app):
    async with app.run_test():
        chosen = {n for n, f in app.form.fields.items() if isinstance(f.control, Select)}
        assert chosen == {
            *("optimizer", "schedule", "loss", "initializer", "conv_init"),
            *("decay", "normalisation", "norm_init", "executor", "precision", "reproducible"),
            *("evaluate_train", "sync_batchnorm"),
        }
        assert app.form.fields["optimizer"].choices == tuple(OPTIMIZERS)


async def test_nothing_is_given_at_first(app):
    async with app.run_test() as pilot:
        await pilot.pause()
        assert app.form.given == {}
        assert app.changes == 0


async def test_what_is_filled_in_makes_the_same_run(app):
    values = {
        "model_options": {"hidden": 32, "activation": "tanh"},
        "batch_size": 100,
        "lr": 1e-5,
        "augmentation": ("flip", "crop"),
        "normalisation": "standard",
        "optimizer": "sgd",
        "loss": "squared",
        "init_options": {"std": 0.1},
        "conv_init": "normal",
        "decay": "weights",
        "warmup": 0.5,
    }
    async with app.run_test() as pilot:
        app.form.fill(values)
        await pilot.pause()
        assert make_config({"model": "mlp", **app.form.given}) == make_config(
            {"model": "mlp", **values}
        )
        app.form.fill({})
        await pilot.pause()
        assert app.form.given == {}


async def test_a_choice_follows_the_suggestion_until_one_is_made(app):
    async with app.run_test() as pilot:
        optimizer = app.form.fields["optimizer"]
        app.form.suggest({"optimizer": "adam"})
        await pilot.pause()
        assert optimizer.control.value == "adam"
        assert app.form.given == {}
        optimizer.control.focus()
        await pilot.press("enter", *"sgd", "enter")
        assert app.form.given == {"optimizer": "sgd"}
        app.form.suggest({"optimizer": "adamw"})
        await pilot.pause()
        assert optimizer.control.value == "sgd"
        assert optimizer.changed


async def test_convolutions_begin_like_the_others_until_something_is_chosen_and_can_again(app):
    async with app.run_test() as pilot:
        field = app.form.fields["conv_init"]
        assert field.control.value == "like the others"
        field.give("zeros")
        assert app.form.given == {"conv_init": "zeros"}
        field.control.focus()
        await pilot.press("enter", *"like", "enter")
        assert app.form.given == {}


async def test_every_name_fits_beside_its_field(app):
    async with app.run_test(size=(60, 60)):
        for name, field in app.form.fields.items():
            label = field.query_one(".label", Static)
            assert len(str(label.render())) <= label.size.width, name


async def test_the_arrow_keys_move_from_field_to_field(app):
    async with app.run_test() as pilot:
        app.form.fields["batch_size"].control.focus()
        await pilot.press("down")
        assert app.focused is app.form.fields["optimizer"].control
        await pilot.press("down")
        assert app.focused is app.form.fields["lr"].control
        await pilot.press("up", "up")
        assert app.focused is app.form.fields["batch_size"].control


async def test_names_are_completed_while_one_types(app):
    async with app.run_test() as pilot:
        app.form.fields["device"].control.focus()
        await pilot.press("c", "u")
        await pilot.pause()
        await pilot.press("right")
        assert app.form.given == {"device": "cuda"}


async def test_a_problem_stands_below_its_field_as_it_is(app):
    async with app.run_test() as pilot:
        problem = app.form.fields["epochs"].query_one(".problem", Static)
        assert not problem.display
        app.form.show_problems({"epochs": "[/b]\x1b[31m"})
        await pilot.pause()
        assert problem.display
        assert str(problem.render()) == "[/b]\ufffd[31m"
        app.form.show_problems({})
        await pilot.pause()
        assert not problem.display


async def test_the_field_that_has_the_focus_is_explained(app):
    async with app.run_test() as pilot:
        app.form.fields["weight_decay"].control.focus()
        await pilot.pause()
        about = app.form.query_one(".about", Static)
        assert str(about.render()) == RunConfig.model_fields["weight_decay"].description
        await pilot.press(*"0.1")
        await pilot.pause()
        assert str(about.render()).endswith("By default 0.")
        assert "▸ weight decay" in str(app.form.fields["weight_decay"].query_one(".label").render())


@pytest.mark.parametrize("name", [n for n in RunConfig.model_fields if n not in PICKED_ELSEWHERE])
def test_what_every_field_suggests_says_something(name):
    assert suggestion(name, {}) or name == "input_size"  # which the network knows


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, "0.1"), (1e-07, "1e-07"), (0.1234567891, "0.1234567891"), (None, ""), ((), "")],
)
def test_a_value_is_written_as_one_would_type_it(value, text):
    assert as_text(value) == text


def test_what_is_written_is_understood(tmp_path):
    file = tmp_path / "net.py"
    file.touch()
    values = {"model": f"{file}:Net", "model_options": as_text({"a": True, "b": 0.5, "c": "x"})}
    assert check_fields(values) == {}
    assert make_config(values).model_options == {"a": True, "b": 0.5, "c": "x"}
