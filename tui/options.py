"""The options of a run on the command line, made from the fields of RunConfig.

A new field of RunConfig is an option at once. What is typed reaches RunConfig as text, so that it
is pydantic that reads it and reports every problem of a run together.
"""

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from core.augmentations import AUGMENTATIONS
from core.config import RunConfig, make_config
from core.datasets import DATASETS
from core.initializers import INITIALIZERS
from core.losses import LOSSES
from core.models import MODELS
from core.optimizers import OPTIMIZERS
from core.registry import Registry
from core.schedules import SCHEDULES

REGISTRIES: dict[str, Registry] = {
    "model": MODELS,
    "data": DATASETS,
    "augmentation": AUGMENTATIONS,
    "loss": LOSSES,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "initializer": INITIALIZERS,
    "conv_init": INITIALIZERS,
}
OPEN = ("model", "data")  # any path too; `nnlab models` and the data's own errors list the names

PANELS: dict[str, tuple[str, ...]] = {
    "Network and images": (
        *("model_options", "data", "target", "input_size", "augmentation", "normalisation"),
    ),
    "Training": ("epochs", "batch_size", "loss", "label_smoothing", "evaluate_train", "seed"),
    "Optimizer and learning rate (a network may bring its own)": (
        *("optimizer", "lr", "momentum", "schedule", "warmup"),
    ),
    "Weights: start and penalties (a network may bring its own)": (
        *("initializer", "init_options", "conv_init", "norm_init", "weight_decay", "l1", "decay"),
    ),
    "Machine": (
        *("device", "devices", "sync_batchnorm", "threads"),
        *("executor", "precision", "reproducible"),
        *("report_interval", "checkpoint_seconds", "keep_every"),
    ),
}
PANEL_OF = {name: panel for panel, names in PANELS.items() for name in names}
RUN = "The run"

RunsDir = Annotated[
    Path | None,
    typer.Option(
        help="Folder that runs are kept in. Default: runs.",
        envvar="NNLAB_RUNS",
        rich_help_panel=RUN,
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        help="The only folder to look for data sets in, and to download them to.",
        envvar="NNLAB_DATA",
        rich_help_panel=RUN,
    ),
]
Share = Annotated[
    bool,
    typer.Option("--share", help="Let your group read the run's folder.", rich_help_panel=RUN),
]


SCREEN = "The screen"
LowBandwidth = Annotated[
    bool,
    typer.Option(
        "--low-bandwidth",
        help="For a slow line: news every two seconds, at most 4 KiB/s.",
        envvar="NNLAB_LOW_BANDWIDTH",
        rich_help_panel=SCREEN,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@dataclass(frozen=True)
class Given:
    """What was asked for on the command line, not yet checked."""

    values: dict[str, Any]  # field of RunConfig -> text
    file: Path | None  # --config

    def __bool__(self) -> bool:
        return bool(self.values) or self.file is not None

    def config(self) -> RunConfig:
        """Raises ConfigError naming every bad setting at once."""
        return make_config(self.values, self.file)


def with_run_options(model: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for each field of RunConfig, and --config FILE below them.

    The command's first parameter is a `Given` with what was typed; `model` is the typer Argument or
    Option that names the network.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def parse(**typed: Any) -> None:
            named = {field: typed.pop(field) for field in RunConfig.model_fields}
            given = {field: typed for field, typed in named.items() if typed not in (None, False)}
            values = {field: _text(text) for field, text in given.items()}
            command(Given(values, typed.pop("config")), **typed)

        own = list(inspect.signature(command).parameters.values())[1:]
        parameters = [_parameter("model", Annotated[str | None, model]), *_options(), *own]
        parameters.sort(key=lambda p: p.default is not p.empty)  # as Python wants them
        parse.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        parse.__annotations__ = {p.name: p.annotation for p in parameters}
        return parse

    return decorate


def completion(field: str) -> Callable[[str], list[tuple[str, str]]]:
    """What the shell offers for `field`: names and what they are, without importing torch."""

    def complete(incomplete: str) -> list[tuple[str, str]]:
        # In a list of names, such as flip,crop, the last one is being typed.
        before, comma, _ = incomplete.rpartition(",") if field == "augmentation" else ("", "", "")
        return [(f"{before}{comma}{name}", about) for name, about in _choices(field)]

    return complete


def _options() -> Iterable[inspect.Parameter]:
    for name, field in RunConfig.model_fields.items():
        if name == "model":
            continue
        kind = _kind(field)
        flag, panel = "--" + name.replace("_", "-"), PANEL_OF.get(name, "Training")
        if kind is bool:
            on = typer.Option(flag, help=_help(name, field), rich_help_panel=panel)
            yield _parameter(name, Annotated[bool, on], False)
            continue
        option = typer.Option(
            flag,
            help=_help(name, field),
            # Checked by RunConfig; the type is only what the help shows.
            parser=str,
            autocompletion=completion(name),
            rich_help_panel=panel,
        )
        yield _parameter(name, Annotated[kind | None, option])
    file = typer.Option(
        help="Settings from a TOML file or a run's config.json; options go before them.",
        rich_help_panel=RUN,
    )
    yield _parameter("config", Annotated[Path | None, file])


def _parameter(name: str, annotation: Any, default: Any = None) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation
    )


def _kind(field: FieldInfo) -> Any:
    """int, float, bool or str; a list of str for what can be given several times."""
    kinds = [k for k in get_args(field.annotation) if k is not type(None)] or [field.annotation]
    if get_origin(field.annotation) in (tuple, dict):
        return list[str]
    return kinds[0] if kinds[0] in (int, float, bool) else str


def _text(typed: bool | str | Sequence[str]) -> str:
    """`--augmentation flip --augmentation crop` as "flip,crop"."""
    if isinstance(typed, bool):
        return str(typed).lower()
    return typed if isinstance(typed, str) else ",".join(typed)


def _choices(field: str) -> list[tuple[str, str]]:
    """The names that `field` can take, and what they are."""
    if field in REGISTRIES:
        return [(d.name, d.summary) for d in REGISTRIES[field].declared.values()]
    if field == "device":
        return [("auto", "the GPU with most free memory"), ("cpu", ""), ("mps", ""), ("cuda:0", "")]
    if field == "devices":
        return [("1", ""), ("2", ""), ("all", "every GPU")]
    annotation = RunConfig.model_fields[field].annotation
    return [(n, "") for n in get_args(annotation)] if get_origin(annotation) is Literal else []


def _help(name: str, field: FieldInfo) -> str:
    words = [field.description or ""]
    if name in REGISTRIES and name not in OPEN:
        words.append(f"One of: {', '.join(REGISTRIES[name])}.")
    if name == "lr":
        own: dict[float, list[str]] = {}
        for declared in OPTIMIZERS.declared.values():
            own.setdefault(declared.facts["lr"], []).append(declared.name)
        rates = [f"{lr:g} with {', '.join(names)}" for lr, names in sorted(own.items())]
        words.append(f"Default: {'; '.join(rates)}.")
    elif field.default is not False and field.default not in (None, (), {}):
        default = field.default
        words.append(
            f"Default: {default:g}." if isinstance(default, float) else f"Default: {default}."
        )
    return " ".join(words)
