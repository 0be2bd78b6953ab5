"""What people write about a run: tags, a note, whether it is the baseline, whether it is archived.

All of it lies in notes.json of the run's folder, apart from run.json, which only the training
writes. A run that nobody wrote about has no such file.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from core.durable import replace_file
from core.errors import RunError

NOTES = "notes.json"
TAG = re.compile(r"[^\s,:<>=~\"()+-][^\s,:<>=~\"()]{0,31}")
LONGEST = 2000  # characters of a note


@dataclass(frozen=True)
class Notes:
    """What was written about one run."""

    tags: tuple[str, ...] = ()  # sorted
    note: str = ""
    baseline: bool = False  # what the other runs of the folder are compared with
    archived: bool = False  # left out of lists unless asked for


NO_NOTES = Notes()


def read_notes(run: Path) -> Notes:
    """The notes of the run in the folder `run`; empty without any, or if they are damaged."""
    try:
        with open(f"{run}/{NOTES}", "rb") as file:  # noqa: PTH123 (a Path costs as much again)
            found = json.loads(file.read())
        return Notes(
            tags=tuple(sorted(str(tag) for tag in found["tags"])),
            note=str(found["note"]),
            baseline=found["baseline"] is True,
            archived=found["archived"] is True,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return NO_NOTES


def write_notes(run: Path, notes: Notes) -> None:
    """Replace the notes of the run, whole or not at all. Raises RunError."""
    try:
        if notes == NO_NOTES:
            (run / NOTES).unlink(missing_ok=True)
            return
        replace_file(run / NOTES, json.dumps(asdict(notes), indent=1).encode())
    except OSError as error:
        raise RunError(
            f"The notes of {run.name} cannot be written: {error.strerror}.",
            f"Free space or mend the permissions of {run}.",
        ) from None


def change_tags(notes: Notes, add: Iterable[str] = (), remove: Iterable[str] = ()) -> Notes:
    """`notes` with some tags more and some fewer. Raises RunError for a word that is no tag."""
    add = list(add)
    for tag in add:
        if not TAG.fullmatch(tag):
            raise RunError(
                f"A tag cannot be {tag!r}.",
                "Use one word of up to 32 characters without commas, colons, quotes and < > = ~, "
                "such as good or to-do.",
            )
    return replace(notes, tags=tuple(sorted({*notes.tags, *add} - set(remove))))


def parse_tags(text: str) -> tuple[list[str], list[str]]:
    """Tags to add and to remove, from words such as "good +fast -slow"."""
    words = text.split()
    add = [word.removeprefix("+") for word in words if not word.startswith("-")]
    return add, [word[1:] for word in words if word.startswith("-")]


def pin_baseline(run: Path, others: Iterable[Path]) -> None:
    """Make `run` the baseline, and none of `others`. Raises RunError."""
    for other in others:
        notes = read_notes(other)
        if notes.baseline and other != run:
            write_notes(other, replace(notes, baseline=False))
    write_notes(run, replace(read_notes(run), baseline=True))
