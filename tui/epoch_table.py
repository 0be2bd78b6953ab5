"""The table of a run's epochs, a line each, as wide as there is room for."""

from collections.abc import Callable
from dataclasses import dataclass

from core.events import EpochEnd
from tui.format import count, duration


@dataclass(frozen=True)
class Column:
    title: str
    width: int
    text: Callable[[EpochEnd], str]


COLUMNS = (
    Column("epoch", 5, lambda e: str(e.epoch)),
    Column("loss", 8, lambda e: loss(e.train_loss)),
    Column("train acc", 9, lambda e: f"{e.train_score:.4f}"),
    Column("test loss", 9, lambda e: loss(e.test_loss)),
    Column("test acc", 8, lambda e: f"{e.test_score:.4f}"),
    Column("lr", 8, lambda e: f"{e.lr:.3g}"),
    Column("time", 8, lambda e: duration(e.seconds)),
    Column("img/s", 7, lambda e: count(e.samples_per_second)),
)
LESS_NEEDED = ("img/s", "lr", "test loss", "time", "loss")  # the first to go where room is short
BEST = "*"  # behind the highest test accuracy


def loss(nats: float) -> str:
    """0.12583 -> "0.1258"; what diverges gets an exponent instead of more digits."""
    return f"{nats:.4f}" if abs(nats) < 1000 else f"{nats:.2e}"


class EpochTable:
    """Lines of text under one header, none wider than `width`."""

    def __init__(self, width: int | None = None) -> None:
        self._columns = list(COLUMNS)
        for title in LESS_NEEDED:
            if width is not None and len(self.header()) > width:
                self._columns = [c for c in self._columns if c.title != title]

    def header(self) -> str:
        return self._line([c.title for c in self._columns])

    def row(self, end: EpochEnd, best: bool) -> str:
        """The line of one epoch, marked if it is the best."""
        return self._line([c.text(end) for c in self._columns], BEST if best else " ")

    def _line(self, cells: list[str], mark: str = " ") -> str:
        texts = [
            f"{cell:>{c.width}}" + mark * (c.title == "test acc")
            for c, cell in zip(self._columns, cells, strict=True)
        ]
        return "  ".join(texts).rstrip()
