"""What the launch form asks for: a run, a sweep, or something that cannot be."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.config import RunConfig, check_fields, command_line, make_config
from core.errors import ConfigError
from core.presets import PRESETS, Preset
from core.sweep import Sweep, plan_sweep, sweep_command, values_of
from tui.widgets.setting_field import as_text
from tui.widgets.settings_form import PICKED_ELSEWHERE


@dataclass(frozen=True)
class Asked:
    """One run, or a sweep whose first run it is; neither while there are problems."""

    config: RunConfig | None = None
    sweep: Sweep | None = None
    problems: Mapping[str, str] = field(default_factory=dict)  # by setting

    @property
    def command(self) -> str:
        """The command line for the same, empty while there is none."""
        if self.sweep:
            return shlex.join(sweep_command(self.sweep))
        return shlex.join(command_line(self.config)) if self.config else ""


def read_form(values: Mapping[str, str]) -> Asked:
    """What these settings, as typed, ask for."""
    lists: dict[str, list[str]] = {}
    problems: dict[str, str] = {}
    for name, text in values.items():
        try:
            lists[name] = [text] if name in PICKED_ELSEWHERE else values_of(name, text)
        except ConfigError as error:
            problems[name] = f"{_without(error.problem, name, text)} {error.fix}"
    if problems:
        return Asked(problems=problems)
    several = [name for name, found in lists.items() if len(found) > 1]
    first = {**values, **{name: lists[name][0] for name in several}}
    # Each value with the first of all others: that tells whose fault a problem is.
    for changed in [{}, *({name: value} for name in several for value in lists[name])]:
        tried = {**first, **changed}
        for name, problem in field_problems(tried).items():
            problems.setdefault(name, f"{tried[name]}: {problem}" if name in several else problem)
    if problems:
        return Asked(problems=problems)
    if not several:
        return Asked(make_config(values))
    try:
        sweep = plan_sweep(values)
    except ConfigError as error:  # two that do not go together, or too many
        return Asked(problems={several[-1]: f"{error.problem} {error.fix}"})
    return Asked(sweep.trials[0].config, sweep)


def field_problems(values: Mapping[str, str]) -> dict[str, str]:
    """What is wrong, by setting, without the name and the value that a form shows anyway."""
    found: dict[str, str] = {}
    for where, line in check_fields(values).items():
        name = where.partition(".")[0]  # "augmentation.0" is the first of a list
        found.setdefault(name, _without(line, where, values.get(name)))
    return found


def preset_of(values: Mapping[str, str]) -> Preset | None:
    """The preset that these settings are, if nothing was changed since."""
    for preset in PRESETS:
        if values == {name: as_text(value) for name, value in preset.values.items()}:
            return preset
    return None


def _without(line: str, name: str, value: str | None) -> str:
    return line.removeprefix(f"{name} = ").removeprefix(f"{value!r}: ")
