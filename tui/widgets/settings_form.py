"""The settings of a run as a form, made of the fields of RunConfig."""

from collections.abc import Mapping
from itertools import permutations
from typing import Any, Literal, get_args, get_origin

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.widgets import Static

from core.augmentations import AUGMENTATIONS
from core.config import RunConfig
from core.initializers import INITIALIZERS
from core.losses import LOSSES
from core.optimizers import OPTIMIZERS
from core.registry import Registry
from core.schedules import SCHEDULES
from tui.format import safe_text
from tui.widgets.setting_field import SettingField, as_text

PICKED_ELSEWHERE = ("model", "data")
GROUPS: dict[str, tuple[str, ...]] = {
    "": ("epochs", "batch_size", "optimizer", "lr", "target"),
    "learning": ("schedule", "warmup", "momentum", "loss", "label_smoothing"),
    "weights": (
        *("initializer", "init_options", "conv_init", "norm_init", "weight_decay", "l1", "decay"),
    ),
    "images": ("augmentation", "normalisation", "input_size"),
    "run": (
        *("model_options", "seed", "device", "devices", "sync_batchnorm", "threads", "executor"),
        *("precision", "reproducible", "evaluate_train"),
        *("report_interval", "checkpoint_seconds", "keep_every"),
    ),
}
CHOICES: dict[str, Registry[Any]] = {
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "loss": LOSSES,
    "initializer": INITIALIZERS,
    "conv_init": INITIALIZERS,
}
# What an empty field means where RunConfig's default is None or empty.
UNSET = {
    "model_options": "none",
    "target": "of a table",
    "loss": "auto",
    "augmentation": "none",
    "init_options": "none",
    "conv_init": "like the others",
    "threads": "auto",
    "checkpoint_seconds": "auto",
}
# How to start a sweep, at the settings that people try most.
SEVERAL = {
    "lr": "Several: 0.01,0.1 or 0.001:1:x10.",
    "batch_size": "Several: 32,64 or 64:256:64.",
    "seed": "Repeats: 0:4:1 trains with seeds 0 to 4.",
}


class FormScroll(VerticalScroll, can_focus=False):
    """The fields; it follows the one that has the focus."""


class SettingsForm(Vertical):
    """All settings but network and data set, the usual ones first."""

    DEFAULT_CSS = """
    SettingsForm {
        border: round $panel-border;
        border-title-color: $foreground;
        border-subtitle-color: $foreground-muted;
        padding: 0 1;
        &:focus-within { border: round $primary; }
        FormScroll { height: 1fr; min-height: 2; scrollbar-size: 1 1; }
        .group { color: $foreground-muted; margin-top: 1; }
        .about { height: auto; color: $foreground-muted; }
    }
    """

    class Changed(Message):
        """A setting was given another value."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.border_title = "settings"
        self.fields = {
            name: SettingField(name, suggestion(name, {}), **_values(name))
            for names in grouped().values()
            for name in names
        }

    def compose(self) -> ComposeResult:
        with FormScroll():
            for title, names in grouped().items():
                if title:
                    yield Static(title, classes="group", markup=False)
                for name in names:
                    yield self.fields[name]
        yield Static(classes="about", markup=False)

    @property
    def given(self) -> dict[str, str]:
        """What the user chose, as typed; settings left to the suggestion are missing."""
        return {name: field.text for name, field in self.fields.items() if field.text}

    def fill(self, values: Mapping[str, Any]) -> None:
        """Take these settings as given, and leave all others to the suggestion."""
        for name, field in self.fields.items():
            field.give(as_text(values.get(name)))

    def suggest(self, recipe: Mapping[str, Any]) -> None:
        """Show what `recipe` (see `core.config.defaults_for`) says where nothing was given."""
        for name, field in self.fields.items():
            field.suggested = suggestion(name, recipe)

    def show_problems(self, problems: Mapping[str, str]) -> None:
        """Show each problem (see `core.config.check_fields`) at its field."""
        for name, field in self.fields.items():
            field.problem = problems.get(name, "")

    def focus_problem(self) -> None:
        """Put the cursor into the first field that has a problem."""
        for field in self.fields.values():
            if field.problem:
                field.control.focus()
                return

    @on(SettingField.Changed)
    def _changed(self, message: SettingField.Changed) -> None:
        message.stop()
        if message.field.control.has_focus:
            self.query_one(".about", Static).update(about(message.field))
        self.post_message(self.Changed())

    @on(SettingField.Focused)
    def _explain(self, message: SettingField.Focused) -> None:
        message.stop()
        self.query_one(".about", Static).update(about(message.field))


def about(field: SettingField) -> str:
    """What the setting is, what it would be by itself, and how to try several of its values."""
    parts = [RunConfig.model_fields[field.setting].description or ""]
    if field.changed:
        parts.append(f"By default {safe_text(field.suggested) or 'none'}.")
    if several := SEVERAL.get(field.setting):
        parts.append(several)
    return " ".join(parts)


def grouped() -> dict[str, tuple[str, ...]]:
    """GROUPS, and every field of RunConfig that they don't name at the end."""
    named = {*PICKED_ELSEWHERE, *(name for names in GROUPS.values() for name in names)}
    rest = tuple(name for name in RunConfig.model_fields if name not in named)
    return {**GROUPS, "run": (*GROUPS["run"], *rest)}


def suggestion(name: str, recipe: Mapping[str, Any]) -> str:
    """What the setting will be if nothing is given, as text."""
    value = recipe.get(name, RunConfig.model_fields[name].default)
    return as_text(value) or UNSET.get(name, "")


def _values(name: str) -> dict[str, tuple[str, ...]]:
    """The only values that there are for this setting, or those worth completing."""
    if name in CHOICES:
        unset = (UNSET[name],) if name in UNSET else ()
        return {"choices": (*unset, *CHOICES[name])}
    annotation = RunConfig.model_fields[name].annotation
    if get_origin(annotation) is Literal:
        return {"choices": get_args(annotation)}
    if annotation is bool:
        return {"choices": ("no", "yes")}
    if name == "device":
        return {"known": ("auto", "cpu", "cuda", "mps")}
    if name == "devices":
        return {"known": ("1", "2", "all")}
    if name == "augmentation":
        names = tuple(AUGMENTATIONS)
        orders = [p for n in range(1, len(names) + 1) for p in permutations(names, n)]
        return {"known": tuple(",".join(p) for p in orders)}
    return {}
