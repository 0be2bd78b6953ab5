"""JSON for scripts, the same from every command."""

import json
import math
from typing import Any


def print_json(value: Any) -> None:
    """Print one line of JSON.

    A number that is not finite becomes "NaN", "Infinity" or "-Infinity", as in a run's rows: JSON
    has no word for it.
    """
    print(to_json(value))


def to_json(value: Any) -> str:
    """The line that `print_json` prints. It is in ASCII, and without control characters."""
    # json escapes all of them but DEL, which is ASCII's last.
    return json.dumps(_speakable(value), allow_nan=False).replace("\x7f", "\\u007f")


def _speakable(value: Any) -> Any:
    match value:
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        case dict():
            return {key: _speakable(v) for key, v in value.items()}
        case list() | tuple():
            return [_speakable(v) for v in value]
    return value
