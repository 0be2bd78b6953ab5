"""Each screen as it looks, in files beside this one; `make snapshots` writes them anew.

A file has what is written, then below it which colours it is written in: a letter for each
foreground. Without colours the same must be written.
"""

import os
from itertools import product, zip_longest
from pathlib import Path
from string import ascii_letters
from types import SimpleNamespace

import pytest
from lab import HeldRun, Lab
from run_folder import write_run
from sample_devices import gpu, reading
from sample_run import HALF_RUN, WHOLE_RUN, layer_figures, run_start
from textual.pilot import Pilot
from workspace import Workspace

from core.runs import read_facts, write_facts
from core.view import RunView
from tui.app import NNLabApp
from tui.screens.model import ModelScreen
from tui.widgets.device_pane import DevicePane

FOLDER = Path(__file__).with_name("snapshots")
WRITE = "NNLAB_WRITE_SNAPSHOTS" in os.environ
LONG_AGO = 1e9  # Unix seconds
PATIENCE = 400  # pauses of 10 ms in which nothing may be missing any more
QUIET = 30  # of them without a change, before a picture is written


class Form(NNLabApp):
    """Opens on the launch screen, and imports no torch."""

    def import_torch(self) -> None:
        """The screen is looked at before."""


def text_of(lab: NNLabApp) -> str:
    strips = lab.screen._compositor.render_strips()
    return "\n".join("".join(part.text for part in strip).rstrip() for strip in strips)


def colours_of(lab: NNLabApp) -> str:
    """A letter for each foreground, in the order in which they appear; blank where nothing is."""
    names: dict[str, str] = {}
    lines = []
    for strip in lab.screen._compositor.render_strips():
        line = ""
        for text, style, _ in strip:
            colour = style.color.name if style and style.color else ""
            for character in text:
                shown = not character.isspace()
                line += names.setdefault(colour, ascii_letters[len(names)]) if shown else " "
        lines.append(line.rstrip())
    legend = "\n".join(f"{letter} {colour}" for colour, letter in names.items())
    return "\n".join(lines) + f"\n\n{legend}"


async def settled(pilot: Pilot[int], lab: NNLabApp, expected: str, found_in: str) -> str:
    """What is shown, once it is as expected; or once it does not change any more."""
    found, quiet = "", 0
    for _ in range(PATIENCE):
        await pilot.pause(0.01)
        now = text_of(lab) if found_in == "text" else f"{text_of(lab)}\n\n{colours_of(lab)}\n"
        quiet = quiet + 1 if now == found else 0
        found = now
        if found == expected or (WRITE and quiet >= QUIET):
            break
    return found


def beside(expected: str, found: str) -> str:
    """The lines that differ, as they should be and as they are."""
    lines = zip_longest(expected.splitlines(), found.splitlines(), fillvalue="")
    return "\n".join(f"{n:>3} - {a}\n    + {b}" for n, (a, b) in enumerate(lines, 1) if a != b)


async def live(pilot: Pilot[int], lab: Lab) -> None:
    await lab.run_is_held()
    for pane in lab.dashboard.query(DevicePane):
        pane.redraw()  # it shows the run as it was at the last reading, which may have been before


async def over(pilot: Pilot[int], lab: Lab) -> None:
    await live(pilot, lab)
    lab.start.release.set()
    await lab.run_is_over()


async def asked(pilot: Pilot[int], lab: Lab, key: str) -> None:
    await live(pilot, lab)
    await pilot.pause()
    await pilot.press(key)


async def network(pilot: Pilot[int], lab: Lab) -> None:
    await live(pilot, lab)
    view = RunView(start=run_start(), layers=tuple(layer_figures(s) for s in (100, 200, 300)))
    lab.push_screen(ModelScreen("brave-otter: lenet", None, lambda: view))


async def listed(pilot: Pilot[int], lab: Workspace) -> None:
    await lab.settle(pilot)


async def compared(pilot: Pilot[int], lab: Workspace) -> None:
    await lab.settle(pilot)
    await pilot.press("space", "space", "space", "=")


async def form(pilot: Pilot[int], lab: Form) -> None:
    """It opens by itself."""


def runs_in(folder: Path) -> Path:
    """Three runs, of which one has failed, all long ago."""
    for number, (name, settings) in enumerate(
        (
            ("brave-otter", {"lr": 0.5, "score": 0.7}),
            ("calm-heron", {"lr": 0.05, "score": 0.9}),
            ("odd-newt", {"state": "failed", "problem": "The loss is nan.", "score": 0.1}),
        )
    ):
        path = write_run(folder, name, **settings)
        write_facts(path, read_facts(path) | {"started": LONG_AGO + 60 * number})
    return folder


def app_of(screen: str, folder: Path) -> NNLabApp:
    if screen == "launch":
        return Form(runs_dir=folder, data_dir=folder / "data")
    if screen in ("runs", "compare"):
        return Workspace(runs_in(folder))
    return Lab(HeldRun(HALF_RUN, WHOLE_RUN[len(HALF_RUN) :]))


SCREENS = {
    "runs": listed,
    "compare": compared,
    "launch": form,
    "live": live,
    "over": over,
    "model": network,
    **{
        name: lambda pilot, lab, key=key: asked(pilot, lab, key)
        for name, key in (
            ("help", "question_mark"),
            ("charts", "g"),
            ("quit", "q"),
            ("learning-rate", "l"),
        )
    },
}


def cases():
    """Each screen, in both sizes, in colour and without; a few of them are for every day."""
    found = []
    for screen, size, colour in product(SCREENS, [(80, 24), (120, 40)], [True, False]):
        small = screen in ("over", "model", "charts", "compare") and size == (80, 24)
        daily = screen == "live" or small
        name = f"{screen}-{size[0]}x{size[1]}-{'colour' if colour else 'no-colour'}"
        slow = [] if daily and (colour or screen == "live") else [pytest.mark.slow]
        found.append(pytest.param(screen, size, colour, id=name, marks=slow))
    return found


@pytest.mark.parametrize(("screen", "size", "colour"), cases())
async def test_a_screen_looks_as_it_did(screen, size, colour, monkeypatch, tmp_path):
    monkeypatch.setattr("core.sampler.reader", lambda: lambda: reading(gpu()))
    later = SimpleNamespace(time=lambda: LONG_AGO + 3600.0)
    monkeypatch.setattr("tui.widgets.run_table.time", later)
    monkeypatch.setattr("tui.widgets.run_preview.time", later)
    monkeypatch.setattr("tui.screens.launch.LaunchScreen.find_cost", lambda self: None)
    monkeypatch.delenv("NO_COLOR", raising=False)
    if not colour:
        monkeypatch.setenv("NO_COLOR", "1")
    path = FOLDER / f"{screen}-{size[0]}x{size[1]}.txt"
    expected = path.read_text(encoding="utf-8") if path.exists() else ""
    text = "\n".join(expected.splitlines()[: size[1]])
    monkeypatch.chdir(tmp_path)  # paths on the screen are as long everywhere
    lab = app_of(screen, Path("runs"))
    async with lab.run_test(size=size) as pilot:
        await SCREENS[screen](pilot, lab)
        wanted = expected if colour else text
        found = await settled(pilot, lab, wanted, "all" if colour else "text")
        if isinstance(lab, Lab):
            lab.start.release.set()
    if WRITE and colour:
        path.write_text(found, encoding="utf-8")
    elif found != wanted:
        pytest.fail(f"{path.name} differs:\n{beside(wanted, found)}", pytrace=False)
