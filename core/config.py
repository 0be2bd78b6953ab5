"""RunConfig: everything that defines a run. The options of `nnlab train`, the launch form,
`config.json` and `--config file.toml` all come from its fields.

Importing this module does not import torch: a form checks itself while the user types.
"""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
)

from core.augmentations import AUGMENTATIONS
from core.build import check_model_name
from core.datasets import DATASETS, Where, check_data_name, is_table
from core.errors import ConfigError, NNLabError
from core.initializers import INITIALIZERS, check_init_options
from core.losses import LOSSES
from core.models import MODELS
from core.optimizers import OPTIMIZERS, has_momentum
from core.registry import check_options
from core.schedules import SCHEDULES
from core.task import CLASSIFICATION, predicts_numbers, wanted_task

Executor = Literal["eager", "compile", "graph", "auto"]


def _checked(check: Callable[[Any], Any]) -> AfterValidator:
    """A validator from a function that raises NNLabError: its advice joins the other problems."""
    return AfterValidator(lambda value: _in_words(check, value))


def _checked_beside(check: Callable[[Any, dict[str, Any]], Any]) -> AfterValidator:
    """The same from a function that takes the settings before this one too, if they are right."""
    return AfterValidator(lambda value, info: _in_words(check, value, info.data))


def _in_words(check: Callable[..., Any], *args: Any) -> Any:
    try:
        return check(*args)
    except NNLabError as error:
        raise ValueError(str(error)) from None


def _model(name: str) -> str:
    """A checked name; a user's file with its whole path, so that it resumes from anywhere."""
    path, colon, attribute = check_model_name(name).rpartition(":")
    return f"{Path(path).expanduser().resolve()}:{attribute}" if colon else name


def _data(name: str) -> str:
    """A checked name; a folder with its whole path, so that the run can be resumed anywhere."""
    return name if check_data_name(name) in DATASETS else str(Path(name).expanduser().resolve())


def _fits(name: str, info: ValidationInfo) -> str:
    """Whether the network, if that is a good one, is for such data."""
    model = info.data.get("model", "")
    table = is_table(name)
    if predicts_numbers(model) and not table:
        raise ValueError(
            f"{model} predicts a number: give it a table (data: file.csv, target: a column), or "
            "choose softmax for the classes of images."
        )
    if table and model in MODELS and not MODELS.declared[model].facts.get("rows"):
        fit = [n for n, d in MODELS.declared.items() if d.facts.get("rows")]
        raise ValueError(f"{model} is for images; a table can go to {', '.join(fit)}.")
    return name


def _target(column: str | None, info: ValidationInfo) -> str | None:
    data = info.data.get("data")  # missing if that is wrong itself
    if column and data and not is_table(data):
        raise ValueError(f"only a table has a target column; {data} has images of classes.")
    return column or None


def _of_images(value: Any, info: ValidationInfo) -> Any:
    if value and is_table(info.data.get("data", "")):
        raise ValueError("this is for images; a table has none.")
    return value


def _normalisation(name: str, info: ValidationInfo) -> str:
    if name != "standard" and is_table(info.data.get("data", "")):
        raise ValueError("the columns of a table are standardised: choose standard.")
    return name


def _loss(name: str | None, info: ValidationInfo) -> str | None:
    model = info.data.get("model", "")
    if name and predicts_numbers(model) and not LOSSES.declared[name].facts.get("numbers"):
        raise ValueError(f"{model} predicts a number: choose squared.")
    return name


def _label_smoothing(share: float, info: ValidationInfo) -> float:
    if share and predicts_numbers(info.data.get("model", "")):
        raise ValueError("a number has no label to smooth.")
    return share


def _names(value: Any) -> Any:
    """A comma-separated string as a list of names, so that the command line can say "flip,crop"."""
    return [n.strip() for n in value.split(",") if n.strip()] if isinstance(value, str) else value


def _pairs(value: Any) -> Any:
    """["width=2", "bias=false"] as {"width": 2, "bias": False}, for the command line."""
    if isinstance(value, str):
        value = _names(value)
    if not isinstance(value, list | tuple):
        return value
    pairs = {}
    for text in value:
        key, equals, number = str(text).partition("=")
        if not equals or not key.strip():
            raise ValueError(f"{text!r} is not of the form name=value")
        try:
            pairs[key.strip()] = json.loads(number)
        except json.JSONDecodeError:
            pairs[key.strip()] = number
    return pairs


def _device(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,3})?", name):
        raise ValueError("Choose auto, cpu, mps, cuda or cuda:N, where N counts from 0.")
    return name


def _devices(count: Any, info: ValidationInfo) -> Any:
    if not re.fullmatch(r"all|[1-9]\d{0,3}", str(count)):
        raise ValueError("Choose a number from 1 to 9999, or all.")
    device = info.data.get("device", "auto")
    if str(count) != "1" and device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"{device} is one device: choose auto, cuda or cpu beside it.")
    return str(count)


def _warmup(epochs: float, before: dict[str, Any]) -> float:
    planned = before.get("epochs")  # missing if that is wrong itself
    if planned is not None and epochs > planned:
        raise ValueError(f"the run has only {planned} epoch{'s' * (planned > 1)}.")
    return epochs


def _model_options(options: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    declared = MODELS.declared.get(before.get("model", ""))
    if declared:  # a user's own network has to be run before its options are known
        check_options(declared.name, options, declared.options)
    return options


def _init_options(options: dict[str, float], before: dict[str, Any]) -> dict[str, float]:
    names = [before.get("initializer"), before.get("conv_init")]
    if names[0]:
        check_init_options(options, filter(None, names))
    return options


def _momentum(momentum: float, before: dict[str, Any]) -> float:
    optimizer = before.get("optimizer")
    if momentum and optimizer and not has_momentum(optimizer):
        others = ", ".join(name for name in OPTIMIZERS if has_momentum(name))
        raise ValueError(f"{optimizer} has no momentum. Set it to 0, or choose {others}.")
    return momentum


class RunConfig(BaseModel, frozen=True, extra="forbid"):
    """Everything that defines a run. Build one with `make_config`, which explains what is wrong."""

    model: Annotated[str, _checked(_model)] = Field(
        description="Network: a name from `nnlab models`, or path/to/net.py:MyNet, which runs the "
        "code in that file."
    )
    model_options: Annotated[
        dict[str, bool | int | float | str],
        BeforeValidator(_pairs),
        _checked_beside(_model_options),
    ] = Field({}, description="The network's own options, such as hidden=512.")
    data: Annotated[str, _checked(_data), AfterValidator(_fits)] = Field(
        "fashion-mini",
        validate_default=True,
        description="Images: a data set's name, or a folder with class sub-folders. Or a table: a "
        "CSV file.",
    )
    target: Annotated[str | None, AfterValidator(_target)] = Field(
        None, description="Column of the table to predict: classes, or a number."
    )
    input_size: Annotated[int | None, AfterValidator(_of_images)] = Field(
        None,
        ge=1,
        le=1024,
        description="Height and width in pixels; images are resized on the fly.",
    )
    epochs: int = Field(10, ge=1, le=1_000_000, description="Passes over the training images.")
    batch_size: int = Field(64, ge=1, le=1_000_000, description="Images in each step.")
    loss: Annotated[Annotated[str, _checked(LOSSES.check)] | None, AfterValidator(_loss)] = Field(
        None,
        description="What training minimises; by default cross_entropy for classes and squared for "
        "numbers. For a column of numbers, it decides which of the two they are.",
    )
    label_smoothing: Annotated[float, AfterValidator(_label_smoothing)] = Field(
        0.0,
        ge=0,
        lt=1,
        allow_inf_nan=False,
        description="Share of a training image's target that is spread over all classes.",
    )
    optimizer: Annotated[str, _checked(OPTIMIZERS.check)] = Field(
        "sgd", description="How gradients become steps."
    )
    lr: float = Field(0.1, gt=0, allow_inf_nan=False, description="Peak learning rate.")
    momentum: Annotated[float, _checked_beside(_momentum)] = Field(
        0.0,
        ge=0,
        lt=1,
        allow_inf_nan=False,
        description="Momentum of sgd, rmsprop and nesterov, beta1 of adam; nesterov and adam take "
        "0.9 if it is 0.",
    )
    schedule: Annotated[str, _checked(SCHEDULES.check)] = Field(
        "constant", description="Learning rate over the run."
    )
    warmup: Annotated[float, _checked_beside(_warmup)] = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="Epochs over which the learning rate first rises from 0, such as 0.5.",
    )
    weight_decay: float = Field(0.0, ge=0, allow_inf_nan=False, description="L2 penalty.")
    l1: float = Field(
        0.0, ge=0, allow_inf_nan=False, description="L1 penalty, which makes many weights 0."
    )
    decay: Literal["all", "weights"] = Field(
        "all",
        description="What the two penalties act on: all parameters, or weights without biases and "
        "the scales of normalisations.",
    )
    initializer: Annotated[str, _checked(INITIALIZERS.check)] = Field(
        "default", description="How the weights begin."
    )
    conv_init: Annotated[str, _checked(INITIALIZERS.check)] | None = Field(
        None, description="How the weights of convolutions begin, if not like the others."
    )
    norm_init: Literal["ones", "uniform"] = Field(
        "ones",
        description="How the scales of normalisations begin: all 1, or uniform from 0 to 1, as in "
        "torch up to 1.1.",
    )
    init_options: Annotated[
        dict[str, Annotated[float, Field(allow_inf_nan=False)]],
        BeforeValidator(_pairs),
        _checked_beside(_init_options),
    ] = Field(
        {}, description="The initializer's own options: std=0.1 of normal, value=0.5 of constant."
    )
    augmentation: Annotated[
        tuple[Annotated[str, _checked(AUGMENTATIONS.check)], ...],
        BeforeValidator(_names),
        AfterValidator(_of_images),
    ] = Field((), description="Random changes to training images, such as flip,crop.")
    normalisation: Annotated[
        Literal["unit", "half", "standard"], AfterValidator(_normalisation)
    ] = Field(
        "unit",
        validate_default=True,
        description="Pixels to [0, 1] (unit), to [-1, 1] (half), or to mean 0 and standard "
        "deviation 1 of the training images (standard, as the columns of a table always are).",
    )
    evaluate_train: bool = Field(
        False,
        description="Evaluate the training images too after each epoch, unchanged and with the "
        "weights at its end. Otherwise training loss and score are those seen on the way.",
    )
    seed: int = Field(0, ge=0, lt=2**63, description="Weights, batch order and augmentation.")
    device: Annotated[str, AfterValidator(_device)] = Field(
        "auto", description="auto, cpu, mps, cuda or cuda:N."
    )
    devices: Annotated[str, BeforeValidator(_devices)] = Field(
        "1",
        description="GPUs that share each batch, or all; on the CPU, processes.",
    )
    sync_batchnorm: bool = Field(
        False,
        description="Where several processes share each batch, normalise it by the statistics of "
        "all its images, and not each part by its own.",
    )
    threads: int | None = Field(
        None, ge=1, le=1024, description="CPU threads; chosen by a short probe if not given."
    )
    executor: Executor = Field(
        "eager",
        description="How a training step runs: eager; compile (torch.compile), which takes a "
        "minute first and then saves convolutional networks about a fifth of the time; "
        "graph (a CUDA graph), for small networks on a GPU; or auto: graph on a GPU, compile for "
        "ten minutes or more of a convolutional network on a CPU, else eager.",
    )
    precision: Literal["float32", "bfloat16", "tf32"] = Field(
        "float32",
        description="Numbers that matrices and convolutions are multiplied in; the two shorter "
        "ones only where the hardware has them.",
    )
    reproducible: bool = Field(
        False,
        description="Deterministic algorithms only, and one CPU thread unless --threads says "
        "otherwise: the same run again has the same bits.",
    )
    report_interval: float = Field(
        0.1, ge=0, le=3600, allow_inf_nan=False, description="Seconds between two reports."
    )
    checkpoint_seconds: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="Seconds between checkpoints, beside one each epoch; 0: only each epoch. "
        "By default every minute and each epoch, while that costs less than 0.4 % of the time.",
    )
    keep_every: int = Field(
        0, ge=0, description="Keep the checkpoint of every N-th epoch for good; 0: of none."
    )

    @property
    def fixed_threads(self) -> int | None:
        """CPU threads, where their number is not left to a probe."""
        return self.threads or (1 if self.reproducible else None)


def make_config(values: Mapping[str, Any], file: Path | None = None) -> RunConfig:
    """The run that `values` describe, on top of `file` and of the network's own recipe.

    The recipe fills in what nobody chose; where another optimizer than the recipe's is chosen, its
    learning rate, momentum and weight decay do not apply, and the optimizer's own defaults do.

    Raises ConfigError naming every bad field at once, so that one edit mends them all.
    """
    given = {**(read_settings(file) if file else {}), **values}
    try:
        return RunConfig(**{**defaults_for(given), **given})
    except ValidationError as error:
        raise ConfigError(
            "This run cannot start." if not file else f"This run cannot start ({file}).",
            "\n  ".join(["Change:", *problems(error).values()]),
        ) from None


def defaults_for(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the chosen network and optimizer suggest for the fields that nobody chose."""
    declared = MODELS.declared.get(str(given.get("model")))
    recipe = dict(declared.facts.get("recipe", {})) if declared else {}
    optimizer = str(given.get("optimizer", recipe.get("optimizer", "sgd")))
    if optimizer != recipe.get("optimizer", "sgd"):
        for setting in ("lr", "momentum", "weight_decay"):
            recipe.pop(setting, None)
    if optimizer in OPTIMIZERS:
        recipe.setdefault("lr", OPTIMIZERS.declared[optimizer].facts["lr"])
    if is_table(str(given.get("data", ""))):
        recipe["normalisation"] = "standard"
    return recipe


def where_of(config: RunConfig, data_dir: Path | None) -> Where:
    """How to load the data of a run."""
    return Where(data_dir, config.seed, config.target, wanted_task(config.model, config.loss))


def check_fields(values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong, field by field, in words for a form; empty when a run could start."""
    try:
        RunConfig(**{**defaults_for(values), **values})
    except ValidationError as error:
        return problems(error)
    return {}


def problems(error: ValidationError) -> dict[str, str]:
    """One line for each bad field: its name, the value, what is wrong with it."""
    lines = {}
    for e in error.errors():
        name = ".".join(map(str, e["loc"]))
        message = e["msg"].removeprefix("Value error, ")
        if e["type"] == "extra_forbidden":
            close = get_close_matches(name, RunConfig.model_fields, n=1)
            message = "there is no such setting." + (
                f" Did you mean {close[0]!r}?" if close else ""
            )
        if e["type"] == "missing":
            lines[name] = f"{name} is missing: {RunConfig.model_fields[name].description}"
        else:
            value = repr(e["input"])
            lines[name] = f"{name} = {value if len(value) < 60 else value[:57] + '...'}: {message}"
    return lines


def read_settings(file: Path) -> dict[str, Any]:
    """The settings in a TOML file, or in a run's config.json. Raises ConfigError."""
    try:
        text = file.read_text(encoding="utf-8")
        return dict(json.loads(text) if file.suffix == ".json" else tomllib.loads(text))
    except OSError as error:
        raise ConfigError(
            f"The settings in {file} cannot be read: {error.strerror}.", "Check --config."
        ) from None
    except (ValueError, TypeError) as error:  # TOMLDecodeError, JSONDecodeError, UnicodeDecodeError
        raise ConfigError(f"{file} cannot be understood: {error}.", "Mend that line.") from None


def command_line(config: RunConfig) -> list[str]:
    """The `nnlab train` command for the same run, without what it would choose anyway."""
    implied = {n: f.default for n, f in RunConfig.model_fields.items()}
    implied |= defaults_for(
        {"model": config.model, "optimizer": config.optimizer, "data": config.data}
    )
    if not is_table(config.data):
        implied["loss"] = CLASSIFICATION.loss
    implied["optimizer"] = defaults_for({"model": config.model}).get("optimizer", "sgd")
    words = ["nnlab", "train", config.model]
    for name, value in config:
        if name == "model" or value == implied[name] or value is None:
            continue
        words.append("--" + name.replace("_", "-"))
        if value is True:
            continue
        if isinstance(value, dict):
            value = ",".join(f"{k}={json.dumps(v)}" for k, v in value.items())
        elif isinstance(value, tuple):
            value = ",".join(value)
        words.append(str(value))
    return words
