"""Each screen as it looks, in files beside this one; `make snapshots` writes them anew.

A file has what is written, then below it which colours it is written in: a letter for each
foreground. Without colours the same must be written.
"""

import os
from itertools import product, zip_longest
from pathlib import Path
from string import ascii_letters

import pytest
from lab import HeldRun, Lab
from sample_devices import gpu, reading
from sample_run import HALF_RUN, WHOLE_RUN, layer_figures, run_start
from textual.pilot import Pilot

from core.view import RunView
from tui.screens.model import ModelScreen

FOLDER = Path(__file__).with_name("snapshots")
WRITE = "NNLAB_WRITE_SNAPSHOTS" in os.environ
PATIENCE = 400  # pauses of 10 ms in which nothing may be missing any more
QUIET = 30  # of them without a change, before a picture is written


def text_of(lab: Lab) -> str:
    return "\n".join(line.rstrip() for line in lab.picture.splitlines())


def colours_of(lab: Lab) -> str:
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


async def settled(pilot: Pilot[int], lab: Lab, expected: str, found_in: str) -> str:
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


async def over(pilot: Pilot[int], lab: Lab) -> None:
    await lab.run_is_held()
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


SCREENS = {
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
        daily = screen == "live" or (screen in ("over", "model", "charts") and size == (80, 24))
        name = f"{screen}-{size[0]}x{size[1]}-{'colour' if colour else 'no-colour'}"
        slow = [] if daily and (colour or screen == "live") else [pytest.mark.slow]
        found.append(pytest.param(screen, size, colour, id=name, marks=slow))
    return found


@pytest.mark.parametrize(("screen", "size", "colour"), cases())
async def test_a_screen_looks_as_it_did(screen, size, colour, monkeypatch):
    monkeypatch.setattr("core.sampler.reader", lambda: lambda: reading(gpu()))
    monkeypatch.delenv("NO_COLOR", raising=False)
    if not colour:
        monkeypatch.setenv("NO_COLOR", "1")
    path = FOLDER / f"{screen}-{size[0]}x{size[1]}.txt"
    expected = path.read_text(encoding="utf-8") if path.exists() else ""
    text = "\n".join(expected.splitlines()[: size[1]])
    lab = Lab(HeldRun(HALF_RUN, WHOLE_RUN[len(HALF_RUN) :]))
    async with lab.run_test(size=size) as pilot:
        await SCREENS[screen](pilot, lab)
        wanted = expected if colour else text
        found = await settled(pilot, lab, wanted, "all" if colour else "text")
        lab.start.release.set()
    if WRITE and colour:
        path.write_text(found, encoding="utf-8")
    elif found != wanted:
        pytest.fail(f"{path.name} differs:\n{beside(wanted, found)}", pytrace=False)
