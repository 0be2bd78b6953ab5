"""Command lines and files that somebody, or something, could get wrong, as hypothesis strategies.

Made of the commands as they are: a new option is fuzzed without a line here.
"""

import json
import math
from typing import Any

import typer
from hypothesis import strategies as st

from core.config import RunConfig
from tui.cli import Deferred, app

NASTY = (
    *("", " ", "-", "--", "\x1b]0;x\x07", "\x9b2J", "\u202egpj", "[/x]", "[red]", "\u2028", "🦊"),
    *(
        "\udc80",
        "a\nb",
        "x" * 10_000,
        "../..",
        "~nobody-at-all/x",
        "%s",
        "{0}",
        "nan=nan",
        "=",
        ",",
    ),
)
NUMBERS = (
    *("0", "-1", "1", "2", "3", "1.5", "-0.0", "1e-320", "1e999", "-inf", "nan", "0x10", "1_000"),
    *("²", "٣", "9" * 30, "9" * 5000, "1e5", "2147483648", "9223372036854775807"),
)
# In the folder that the fuzzer runs in: made by `conftest.place`.
PATHS = (
    *("here", "here/plain", "here/none", "file", "file/below", "loop", "empty", "closed.toml"),
    *(
        "images",
        "net.py:net",
        "net.py:missing",
        "~nobody-at-all/n.py:x",
        "net.py:",
        "broken.py:net",
        "net.py",
        ".",
        "/dev/null",
    ),
    *("image.png", "damaged.png", "settings.toml", "damaged.toml", "settings.json", "list.json"),
)
NAMES = (
    *("plain", "poisoned", "last", "softmax", "mlp", "lenet", "fashion-mini", "mnist", "images"),
    *("sgd", "adam", "flip,crop", "cosine", "cross_entropy", "normal", "zeros", "relu", "best"),
    *("cpu", "cuda:7", "auto", "hidden=8", "hidden=-1", "hidden=nan", "std=1e999", "blur", "1 -1"),
    *("1x28x28", "3x8x8", "0x0x0", "half", "0,1", "softmax-concise", "all", "weights"),
)

values = st.one_of(
    st.sampled_from(NASTY),
    st.sampled_from(NUMBERS),
    st.sampled_from(PATHS),
    st.sampled_from(NAMES),
    st.integers().map(str),
    st.floats().map(str),
    st.text(st.characters(exclude_characters="\0"), max_size=8),
)


def leaves(group: Any, before: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Every command below `group` with its words."""
    found: dict[tuple[str, ...], Any] = {}
    for name, known in group.commands.items():
        command = known.load() if isinstance(known, Deferred) else known
        words = (*before, name)
        found |= leaves(command, words) if hasattr(command, "commands") else {words: command}
    return found


COMMAND = typer.main.get_command(app)
COMMANDS = leaves(COMMAND)


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """The words after `nnlab`: a command, options with values, now and then nonsense."""
    words = draw(st.sampled_from(sorted(COMMANDS)))
    line = list(words)
    options = [p for p in COMMANDS[words].params if p.name != "help"]
    for parameter in draw(st.lists(st.sampled_from(options), max_size=5)):
        if parameter.param_type_name == "argument":
            line.append(draw(st.sampled_from(NAMES) | values))
            continue
        line.append(draw(st.sampled_from(parameter.opts)))
        if not parameter.is_flag:
            line.append(draw(values))
    match draw(st.integers(0, 19)):
        case 0:
            line.insert(draw(st.integers(0, len(line))), draw(values))
        case 1:
            del line[draw(st.integers(0, len(line) - 1))]
        case 2:
            line.append(f"--{draw(values)}")
    return line


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from((*NAMES, *NASTY, *NUMBERS, *PATHS)),
    st.text(max_size=8),
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=5,
)
settings_of_a_run = st.dictionaries(
    st.sampled_from((*RunConfig.model_fields, "modle", "")), anything, max_size=6
)


def to_toml(value: Any) -> str:
    """TOML of a value; a null, which TOML lacks, as a word that it does not know."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case float() if not math.isfinite(value):
            return str(value)
        case dict():
            inside = ", ".join(f"{json.dumps(k)} = {to_toml(v)}" for k, v in value.items())
            return f"{{{inside}}}"
        case list():
            return f"[{', '.join(map(to_toml, value))}]"
    return json.dumps(value)


@st.composite
def setting_files(draw: st.DrawFn) -> tuple[str, bytes]:
    """The name and the bytes of a file of settings: right, wrong, damaged."""
    settings = draw(settings_of_a_run)
    suffix = draw(st.sampled_from(("toml", "json")))
    text = (
        json.dumps(settings)
        if suffix == "json"
        else "\n".join(f"{json.dumps(k)} = {to_toml(v)}" for k, v in settings.items())
    )
    content = bytearray(text.encode("utf-8", "surrogatepass"))
    for _ in range(draw(st.sampled_from((0, 0, 1, 3)))):
        if content:
            content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    return f"fuzzed.{suffix}", bytes(content)
