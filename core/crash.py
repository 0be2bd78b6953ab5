"""Why a process is gone that said nothing: what it left behind, and what the machine counted.

Called crashed is a run whose process ended without a RunEnd. An exception says so itself (see
core.record); a signal from a library's own code leaves a trace in log.txt, the kernel counts whom
it killed for want of memory, and of anything else it can only be said when it was not that.
"""

import faulthandler
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.owner import Owner, is_here, restarted_since
from core.permissions import open_private

LOG = "log.txt"
LOG_TAIL = 256 * 1024  # bytes; a trace of many threads is long
DATED = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ", re.MULTILINE)
# What faulthandler writes, and how the field calls it.
FATAL = re.compile(r"^Fatal Python error: (.+)$", re.MULTILINE)
SIGNALS = {
    "Segmentation fault": "SIGSEGV",
    "Aborted": "SIGABRT",
    "Bus error": "SIGBUS",
    "Floating point exception": "SIGFPE",
    "Illegal instruction": "SIGILL",
}
CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")
VMSTAT = Path("/proc/vmstat")


@contextmanager
def traces_kept(run: Path) -> Iterator[None]:
    """While the context lasts, a signal such as SIGSEGV leaves the threads' traces in log.txt."""
    if faulthandler.is_enabled():  # somebody wants them elsewhere, as PYTHONFAULTHANDLER does
        yield
        return
    with open_private(run / LOG, "a", encoding="utf-8") as log:
        faulthandler.enable(log)
        try:
            yield
        finally:
            faulthandler.disable()


def memory_facts() -> dict[str, Any]:
    """How often the kernel has killed for want of memory where this process counts: for run.json.

    {"file": what says it, "kills": how often until now}, or nothing where no file does.
    """
    for file in (*_cgroup_files(), VMSTAT):
        if (kills := _kills(file)) is not None:
            return {"oom": {"file": str(file), "kills": kills}}
    return {}


def cause(run: Path, facts: dict[str, Any], owner: Owner) -> str:
    """A sentence on how the process `owner` ended, as far as it can be told afterwards.

    `facts` are those of run.json.
    """
    process = f"Process {owner.pid} on {owner.host}"
    if name := _fatal_error(run):
        return f"{process} was ended by {name}; {LOG} has the trace."
    if is_here(owner) and restarted_since(owner):
        return f"{process} was at work when the machine was restarted or lost power."
    if is_here(owner) and (told := _out_of_memory(facts)):
        return f"{process} was {told}"
    return f"{process} ended without a word: kill -9, power loss or a crash."


def exit_words(returncode: int) -> str:
    """How a process ended, by its return code as subprocess gives it: negative for a signal."""
    if returncode >= 0:
        return f"ended with exit status {returncode}"
    try:
        return f"was ended by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"was ended by signal {-returncode}"


def _out_of_memory(facts: dict[str, Any]) -> str:
    """What the kernel's counter says since the run began; empty if it says nothing."""
    try:
        file, before = Path(facts["oom"]["file"]), facts["oom"]["kills"]
        kills = (_kills(file) or 0) - before
    except (KeyError, TypeError):
        return ""
    if kills <= 0:
        return ""
    where = "on its machine" if file == VMSTAT else "in its cgroup"
    plural = "s" * (kills > 1)
    return f"probably killed for lack of memory: {kills} oom kill{plural} {where} since it began."


def _fatal_error(run: Path) -> str | None:
    """The signal whose trace ends log.txt, if that is how it ends."""
    try:
        with (run / LOG).open("rb") as log:
            log.seek(max((run / LOG).stat().st_size - LOG_TAIL, 0))
            tail = log.read().decode(errors="replace")
    except OSError:
        return None
    # Behind the last line of the story: what stands before it was survived.
    end = max((found.end() for found in DATED.finditer(tail)), default=0)
    fatal = FATAL.search(tail, end)
    return SIGNALS.get(fatal[1], fatal[1]) if fatal else None


def _cgroup_files() -> Iterator[Path]:
    """Where this process' cgroups count, version 2 and 1; also as a container sees them."""
    try:
        lines = OWN_CGROUPS.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            root, file = CGROUPS, "memory.events"
        elif "memory" in controllers.split(","):
            root, file = CGROUPS / "memory", "memory.oom_control"
        else:
            continue
        # A container may see its own cgroup as the root, under a path of the world outside.
        yield from (root / path.lstrip("/") / file, root / file)


def _kills(file: Path) -> int | None:
    try:
        found = re.search(r"^oom_kill (\d+)$", file.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) if found else None
