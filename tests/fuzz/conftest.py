"""A folder to run in, and a program that begins no training, no download and no other process."""

import io
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from grammar import COMMAND
from PIL import Image

from core.errors import RunError
from core.events import Event

LONGEST = 60  # seconds for one command; they take hundredths

NET = """
from torch import nn

def net(in_channels, num_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(784 * in_channels, num_classes))
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended, and all that it wrote."""

    code: int
    output: str


def too_long(*_: Any) -> None:
    raise TimeoutError(f"it takes more than {LONGEST} s")


def invoke(line: list[str]) -> Ended:
    """Run `nnlab` with the words of `line`. Raises what it raises, except its exit."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="replace", write_through=True)
    code: Any = None
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LONGEST)
    with redirect_stdout(out), redirect_stderr(out):
        try:
            COMMAND(line, prog_name="nnlab")
        except SystemExit as end:
            code = end.code
        finally:
            signal.alarm(0)
    return Ended(code or 0, out.buffer.getvalue().decode("utf-8"))  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a run, images, a network and broken things; the working directory meanwhile."""
    patch = pytest.MonkeyPatch()
    folder = tmp_path_factory.mktemp("fuzz")
    patch.chdir(folder)
    patch.setenv("NNLAB_RUNS", "here")
    patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    patch.setenv("COLUMNS", "80")
    for name in ("a", "b"):
        (folder / "images" / name).mkdir(parents=True)
        for i in range(2):
            Image.new("L", (28, 28), i).save(folder / "images" / name / f"{i}.png")
    Image.new("RGB", (9, 7), "red").save(folder / "image.png")
    (folder / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(99)))
    (folder / "net.py").write_text(NET)
    (folder / "broken.py").write_text("raise SystemExit('\\x1b[2J')")
    (folder / "file").write_text("\x1b[2J")
    (folder / "empty").mkdir()
    (folder / "loop").symlink_to("loop")
    (folder / "settings.toml").write_text("model = 'softmax'\nepochs = 2\n")
    (folder / "damaged.toml").write_bytes(b"model = '\xff\x00\x1b[2J\n")
    (folder / "settings.json").write_text(json.dumps({"model": "softmax", "lr": 0.5}))
    (folder / "list.json").write_text("[1, 2")
    begin_nothing(patch)
    yield folder
    patch.undo()


def begin_nothing(patch: pytest.MonkeyPatch) -> None:
    """Let everything happen up to the first step, and nothing that takes long or leaves here."""
    import core.foreign_weights
    import core.prepare
    import core.recorded
    import core.shift
    import core.speed
    import tui.commands.devices
    import tui.commands.models
    import tui.commands.reproduce

    def not_now(*_: Any, **__: Any) -> Any:
        raise RunError("Not in this test.", "Go on.")

    def one_step_less(training: Any) -> Iterator[Event]:
        training.stopping = True
        yield from ()

    def once(show: Callable[[Any], None]) -> None:
        show(tui.commands.devices._read_once())

    def offline(self: httpx.Client, request: httpx.Request, **_: Any) -> httpx.Response:
        raise httpx.ConnectError("no network", request=request)

    patch.setattr(core.recorded, "train", one_step_less)
    patch.setattr(core.prepare, "choose_threads", lambda *_: (1, "1 CPU thread"))
    patch.setattr(core.foreign_weights, "_read_elsewhere", not_now)
    patch.setattr(core.speed, "measure_speed", not_now)
    patch.setattr(core.shift, "covariate_shift", not_now)
    patch.setattr(core.shift, "label_shift", not_now)
    patch.setattr(tui.commands.reproduce, "measure", not_now)
    patch.setattr(tui.commands.devices, "FIRST", 0.0)
    patch.setattr(tui.commands.devices, "_each", once)
    patch.setattr(tui.commands.models, "describe_all", cache(tui.commands.models.describe_all))
    patch.setattr(httpx.Client, "send", offline)
    patch.setattr("sys.stdin", io.StringIO())  # a question gets no answer
