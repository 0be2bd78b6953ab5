"""What can be asked of a run, by the names that people type: to filter, to sort and to group.

The fields are those of RunInfo and of its notes that say something in a list, and every setting of
RunConfig.
"""

import math
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, Union, get_args, get_origin

from core.config import RunConfig
from core.errors import ConfigError
from core.runs import RunInfo

Kind = Literal["text", "number", "duration", "age"]


@dataclass(frozen=True)
class Field:
    """One thing that a run is or has."""

    name: str
    kind: Kind
    find: Callable[[RunInfo], Any]  # a number, a text, or a tuple of texts
    about: str

    def value(self, run: RunInfo) -> Any:
        """What `run` has here, None if that is not known, or not what it should be."""
        found = self.find(run)
        if self.kind == "text":
            return found
        # A run.json that somebody wrote by hand may have anything; and NaN is in no order.
        is_number = isinstance(found, int | float) and not isinstance(found, bool)
        return found if is_number and not math.isnan(found) else None


def _setting(name: str) -> Callable[[RunInfo], Any]:
    def value(run: RunInfo) -> Any:
        found = getattr(run.config, name) if run.config else None
        if isinstance(found, dict):
            return tuple(f"{key}={v}" for key, v in found.items())
        return found

    return value


def _either(of_run: Callable[[RunInfo], Any], setting: str) -> Callable[[RunInfo], Any]:
    """What the run says of itself; before it has begun, what it is asked to do."""
    return lambda run: of_run(run) or _setting(setting)(run)


OF_RUNS = (
    Field("name", "text", lambda run: run.name, "name of the run"),
    Field("state", "text", lambda run: run.state, "training, finished, crashed, …; or running"),
    Field("model", "text", _either(lambda run: run.model, "model"), "network"),
    Field("data", "text", _either(lambda run: run.data, "data"), "data set"),
    Field("score", "number", lambda run: run.best_test_score, "best test score"),
    Field("best_epoch", "number", lambda run: run.best_epoch, "epoch of the best test score"),
    Field("epoch", "number", lambda run: run.epoch, "epochs done"),
    Field("epochs", "number", _either(lambda run: run.epochs, "epochs"), "epochs planned"),
    Field("step", "number", lambda run: run.step, "steps done"),
    Field("took", "duration", lambda run: run.seconds, "time spent training"),
    Field("started", "age", lambda run: run.started or None, "how long ago it started"),
    Field("device", "text", _either(lambda run: run.device, "device"), "cpu, cuda:0, …"),
    Field("threads", "number", _either(lambda run: run.threads, "threads"), "CPU threads"),
    Field("problem", "text", lambda run: run.problem or None, "why it failed"),
    Field("tag", "text", lambda run: run.notes.tags, "tags"),
    Field("note", "text", lambda run: run.notes.note or None, "note"),
    Field("baseline", "text", lambda run: "yes" if run.notes.baseline else None, "pinned"),
    Field("archived", "text", lambda run: "yes" if run.notes.archived else None, "put away"),
)


def _settings() -> Iterator[Field]:
    known = {field.name for field in OF_RUNS}
    for name, declared in RunConfig.model_fields.items():
        if name not in known:
            kind: Kind = "number" if _is_number(declared.annotation) else "text"
            yield Field(name, kind, _setting(name), declared.description or "")


def _is_number(annotation: Any) -> bool:
    if get_origin(annotation) in (Union, types.UnionType):
        return any(map(_is_number, get_args(annotation)))
    return annotation in (int, float)


FIELDS = {field.name: field for field in (*OF_RUNS, *_settings())}
ALIASES = {
    **{"acc": "score", "accuracy": "score", "best": "score", "best_test_score": "score"},
    **{"tags": "tag", "notes": "note", "seconds": "took", "duration": "took", "time": "took"},
    **{"age": "started", "dataset": "data", "network": "model", "batch": "batch_size"},
}


def find_field(name: str) -> Field:
    """The field called `name` or, for short, something else. Raises ConfigError."""
    lower = name.lower().replace("-", "_")
    lower = ALIASES.get(lower, lower)
    if lower in FIELDS:
        return FIELDS[lower]
    close = get_close_matches(lower, [*FIELDS, *ALIASES], n=1)
    raise ConfigError(
        f"Runs have no field {name!r}.",
        f"Did you mean {close[0]!r}?"
        if close
        else f"There are {', '.join(f.name for f in OF_RUNS)}, and every setting, such as lr.",
    )


def sort_runs(
    runs: Iterable[RunInfo], field: Field, *, reverse: bool = False, group: Field | None = None
) -> list[RunInfo]:
    """`runs` by `field`, and before that by `group`; where nothing is known, last in any case."""

    def key(of: Field, run: RunInfo) -> Any:
        value = of.value(run)
        if isinstance(value, tuple):
            value = ", ".join(value) or None
        return str(value).casefold() if of.kind == "text" and value is not None else value

    found = sorted(runs, key=lambda run: run.name)
    known = [run for run in found if key(field, run) is not None]
    known.sort(key=lambda run: key(field, run), reverse=reverse)
    found = known + [run for run in found if key(field, run) is None]
    if group:
        found.sort(key=lambda run: (key(group, run) is None, key(group, run)))
    return found
