"""What training says, in order: the only thing that screens, logs and tests know of it.

Frozen values that can cross threads and be written as JSON. Steps and epochs count from 1, and
`step` counts optimizer updates since the start of the run, over all epochs. Losses are means per
image of the run's own loss, in nats if that is cross-entropy: while training what is minimised,
without the penalties on weights, while testing without label smoothing; of a number they are in
units of its variance in the training part, so that 1 is what guessing its mean gives. Scores are
accuracies, fractions from 0 to 1, or R², at most 1, as RunStart says. Durations are seconds, sizes
bytes.
"""

import math
import time as clock
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError


@dataclass(frozen=True)
class Progress:
    """Work before or between steps that takes a while: a download, decoding, an evaluation."""

    doing: str  # such as "downloading train-images-idx3-ubyte.gz"
    done: int
    total: int | None  # None: unknown
    unit: str = ""  # "bytes", "images", ...


@dataclass(frozen=True)
class Notice:
    """One line that belongs in the log: a choice made, a fact found, something to know."""

    text: str


@dataclass(frozen=True)
class Queued:
    """The run waits for a device that others use; told again when those are others."""

    # Names of the runs that train on it or go first; none while others of its sweep come first.
    behind: tuple[str, ...]


@dataclass(frozen=True)
class Waiting:
    """The run folder cannot be written, or another process of the run gives no sign of life:
    training stands still until that is over, and then goes on."""

    problem: str  # in one line: what, or who, is waited for; "" when it goes on


@dataclass(frozen=True)
class RunStart:
    """Everything is ready and the first step comes next; also sent when a run is resumed."""

    run: str  # the run's name
    path: str  # its folder
    model: str
    data: str
    device: str  # "cpu", "cuda:0", "mps"
    device_name: str
    threads: int
    parameters: int
    classes: tuple[str, ...]
    train_images: int
    test_images: int
    epochs: int
    steps_per_epoch: int
    batch_size: int
    step: int = 0  # steps already done, when resumed
    device_uuid: str | None = None  # of a GPU
    devices: tuple[str, ...] = ()  # UUIDs of all GPUs, where several processes train
    processes: int = 1
    # With these a trained network can be used where its training images are not.
    image_shape: tuple[int, ...] = ()  # (C, H, W) of the images as they were loaded
    scale_factor: tuple[float, ...] = ()  # per channel: what the network saw is
    scale_offset: tuple[float, ...] = ()  # pixel * factor + offset
    metric: str = "accuracy"  # what scores are: "accuracy" or "R²"
    executor: str = "eager"  # how steps are carried out: eager, compile or graph
    table: dict[str, Any] | None = None  # how rows become features: core.datasets.columns.Encoding

    @property
    def gpus(self) -> tuple[str, ...]:
        """The UUIDs of the GPUs that train."""
        return self.devices or ((self.device_uuid,) if self.device_uuid else ())

    @property
    def samples(self) -> str:
        """What the images are, in a word."""
        return "rows" if self.table else "images"


@dataclass(frozen=True)
class StepReport:
    """The training since the last report of this epoch."""

    epoch: int
    step: int
    loss: float
    score: float
    lr: float
    samples_per_second: float
    data_wait: float  # fraction of the time since the last report spent getting batches
    time: float = field(default_factory=clock.time, compare=False)  # when: Unix seconds
    gradient_norm: float | None = None  # Euclidean, of all parameters, in the last step


@dataclass(frozen=True)
class LayerFigures:
    """How the layers are after a step: now and then, at the end of an epoch or between two.

    A layer is a module with parameters of its own. Its norms are of all of them together, its
    histogram of the largest: counts in equal bins from the lowest value to the highest.
    """

    epoch: int
    step: int
    layers: tuple[str, ...]  # names; what follows has a value for each
    weights: tuple[float, ...]  # Euclidean norms
    gradients: tuple[float, ...]  # Euclidean norms in the last step; 0 of a frozen layer
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    histograms: tuple[tuple[int, ...], ...]
    relus: tuple[str, ...] = ()  # names of ReLU layers, at the end of an epoch
    dead: tuple[float, ...] = ()  # fraction of their units that gave 0 for every test image
    # Norm of the last step's change of the largest parameter over that parameter's norm; unknown in
    # older runs.
    updates: tuple[float, ...] = ()
    time: float = field(default_factory=clock.time, compare=False)  # when: Unix seconds

    def __post_init__(self) -> None:
        columns = (self.weights, self.gradients, self.lows, self.highs, self.histograms)
        if (
            {len(self.layers), *map(len, columns)} != {len(self.layers)}
            or len(self.relus) != len(self.dead)
            or len(self.updates) not in (0, len(self.layers))
        ):
            raise ValueError("not as many figures as layers")


@dataclass(frozen=True)
class EpochEnd:
    """One pass over the training images and the evaluation after it.

    The training figures are running means over the epoch, while the weights changed, unless the
    run evaluates its training images; the test figures are those of the weights at its end.
    """

    epoch: int
    step: int
    train_loss: float
    train_score: float
    test_loss: float
    test_score: float
    lr: float
    seconds: float  # training and evaluation together, without pauses
    samples_per_second: float  # training alone
    time: float = field(default_factory=clock.time, compare=False)  # when: Unix seconds


@dataclass(frozen=True)
class DeviceFigures:
    """How busy the device of the run and the machine around it are, every few seconds."""

    step: int  # done by then
    gpu: float | None = None  # fraction of time with a kernel running
    gpu_memory_bytes: int | None = None  # of all processes, as what follows
    gpu_power_watts: float | None = None
    gpu_temperature_celsius: float | None = None
    cpu: float | None = None  # fraction of all cores
    memory_bytes: int | None = None  # of the machine
    time: float = field(default_factory=clock.time, compare=False)  # when: Unix seconds


@dataclass(frozen=True)
class CheckpointSaved:
    """The run can be resumed from here."""

    epoch: int
    step: int
    path: str
    reason: str  # "epoch", "time", "best", "asked", "change" (of lr or epochs), "stop", "final"
    seconds: float
    size: int


@dataclass(frozen=True)
class ControlApplied:
    """A request was carried out between two steps."""

    epoch: int
    step: int
    request: str  # "pause", "resume", "checkpoint", "stop", "stop_after_epoch", "lr", "epochs"
    value: float | None = None  # the new learning rate, the new number of epochs
    id: str = ""  # of the request, if it came from another process


@dataclass(frozen=True)
class RunEnd:
    """The last event of a run."""

    state: str  # "finished", "stopped" or "failed"
    epoch: int  # epochs completed
    step: int
    best_epoch: int | None
    best_test_score: float | None
    seconds: float
    problem: str = ""  # when failed: what was wrong ...
    fix: str = ""  # ... and what to do next


@dataclass(frozen=True)
class StartOver:
    """What came before this no longer holds: the whole story follows anew. Never recorded."""


Event = (
    Progress
    | Notice
    | Queued
    | Waiting
    | RunStart
    | StepReport
    | LayerFigures
    | EpochEnd
    | DeviceFigures
    | CheckpointSaved
    | ControlApplied
    | RunEnd
    | StartOver
)

EVENTS: dict[str, type] = {kind.__name__: kind for kind in Event.__args__}


# JSON has no word for them, and a reader in another language must not stumble.
LARGEST = 2**63  # of whole numbers in a row
NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def to_row(event: Event) -> dict[str, Any]:
    """The event as a JSON object: {"event": its name} and its fields.

    A number that is not finite becomes the string "NaN", "Infinity" or "-Infinity".
    """
    row = {"event": type(event).__name__, **vars(event)}  # asdict would copy every value, slowly
    for name, value in row.items():
        if isinstance(value, float | tuple):
            row[name] = _plain(value)
    return row


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def from_row(row: dict[str, Any]) -> Event:
    """The event that `to_row` wrote; fields it does not know are left out.

    Raises KeyError or TypeError for a row that is no event: it may come from anybody.
    """
    kind = EVENTS[row["event"]]
    values = {name: row[name] for name in _names(kind) if name in row}
    for name, value in values.items():
        if isinstance(value, list):
            values[name] = tuple(value)
        elif kind in (StepReport, EpochEnd) and isinstance(value, str):
            values[name] = NOT_FINITE[value]
    if any(isinstance(value, int) and abs(value) > LARGEST for value in values.values()):
        raise TypeError("a number that no run can have")
    try:
        return _checker(kind).validate_python(values)
    except ValidationError as error:
        raise TypeError(str(error)) from None


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


@cache
def _checker(kind: type) -> TypeAdapter[Event]:
    """Compares values with the types of the fields; made when a row is read first, for its cost."""
    return TypeAdapter(kind)
