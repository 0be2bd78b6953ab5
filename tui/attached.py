"""Whose run a dashboard shows when another process trains it."""

import socket
from dataclasses import dataclass
from pathlib import Path

from core.runs import read_facts
from tui.format import safe_text


@dataclass(frozen=True)
class Attached:
    """The process that trains, or trained, a run; None where the run's folder does not tell."""

    host: str | None = None
    pid: int | None = None
    user: str | None = None

    @property
    def elsewhere(self) -> str | None:
        """The name of its machine, if that is not this one."""
        return self.host if self.host != socket.gethostname() else None

    def __str__(self) -> str:
        whose = "@".join(part for part in (self.user, self.host) if part)
        return safe_text(f"attached to {whose}, process {self.pid}" if whose else "attached")


def attached_to(run: Path) -> Attached:
    """Whose the run in the folder `run` is."""
    facts = read_facts(run)
    return Attached(*(facts.get(name) for name in ("host", "pid", "user")))
