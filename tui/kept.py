"""How somebody looked at charts the last time, in a small file of the user's state folder."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from platformdirs import user_state_path
from pydantic import TypeAdapter, ValidationError

from tui.axes import Axes, XAxis


@dataclass(frozen=True)
class KeptAxes:
    """What is kept of `Axes`: a part of one run's x axis says nothing of another's."""

    x: XAxis = "epoch"
    x_log: bool = False
    y_log: bool = False
    smoothing: float = Axes.smoothing


def state_file() -> Path:
    """Where it is kept."""
    return user_state_path("nnlab", appauthor=False) / "charts.json"


def kept_axes() -> Axes:
    """As they were left, or as they begin. Raises nothing: a damaged file is as good as none."""
    try:
        kept = TypeAdapter(KeptAxes).validate_json(state_file().read_bytes())
    except (OSError, ValidationError):
        return Axes()
    if not 0 <= kept.smoothing < 1:
        return Axes()
    return Axes(**asdict(kept))


def keep_axes(axes: Axes) -> None:
    """Keep them for the next time, if the folder can be written."""
    kept = KeptAxes(axes.x, axes.x_log, axes.y_log, axes.smoothing)
    file = state_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(kept)) + "\n")
        temporary.replace(file)
    except OSError:
        return  # a read-only home must not get in the way of looking at a chart
