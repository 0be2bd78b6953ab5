"""How somebody looked at the screens the last time, and what was started: a small file of the
user's state folder."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from platformdirs import user_state_path
from pydantic import TypeAdapter, ValidationError

from tui.axes import Axes, XAxis
from tui.grid import MOST, Grid


@dataclass(frozen=True)
class Kept:
    """Everything that is kept. Of `Axes` not the window and the cursor: a part of one run's x axis
    says nothing of another's."""

    x: XAxis = "epoch"
    x_log: bool = False
    y_log: bool = False
    smoothing: float = Axes.smoothing
    charts: tuple[str, ...] = ()
    rows: int = 0
    columns: int = 0
    theme: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)  # of the run that was started last

    @property
    def axes(self) -> Axes:
        return Axes(self.x, self.x_log, self.y_log, self.smoothing)

    @property
    def grid(self) -> Grid:
        return Grid(self.charts, self.rows, self.columns)


def state_file() -> Path:
    """Where it is kept."""
    return user_state_path("nnlab", appauthor=False) / "screens.json"


def kept() -> Kept:
    """As it was left, or as it begins. Raises nothing: a damaged file is as good as none."""
    try:
        found = TypeAdapter(Kept).validate_json(state_file().read_bytes())
    except (OSError, ValidationError):
        return Kept()
    possible = range(MOST + 1)
    if not (0 <= found.smoothing < 1 and found.rows in possible and found.columns in possible):
        return Kept()
    return found


def keep_axes(axes: Axes) -> None:
    """Keep them for the next time."""
    _keep(x=axes.x, x_log=axes.x_log, y_log=axes.y_log, smoothing=axes.smoothing)


def keep_grid(grid: Grid) -> None:
    """Keep it for the next time."""
    _keep(**asdict(grid))


def keep_theme(name: str) -> None:
    """Keep it for the next time."""
    _keep(theme=name)


def keep_settings(settings: Mapping[str, str]) -> None:
    """Keep those of a run that was started, as they were typed, for the next time."""
    _keep(settings=dict(settings))


def _keep(**changes: Any) -> None:
    """Keep some of it for the next time, if the folder can be written."""
    file = state_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(replace(kept(), **changes))) + "\n")
        temporary.replace(file)
    except OSError:
        return  # a read-only home must not get in the way of looking at a chart
