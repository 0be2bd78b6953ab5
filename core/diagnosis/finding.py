"""What a rule finds."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.readings import DeviceReading

Readings = Sequence[DeviceReading]  # while it trained, lately; the newest last


@dataclass(frozen=True)
class Finding:
    """One thing to know about a run."""

    name: str  # such as "overfitting"
    evidence: str  # a sentence with the figures it is drawn from
    advice: str = ""  # what to try, with options of `nnlab train`; empty for good news

    @property
    def sentence(self) -> str:
        """All of it on one line."""
        return f"{self.name}: {self.evidence} {self.advice}".rstrip()
