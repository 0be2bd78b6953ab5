"""The table of a run's epochs, a line each, as wide as there is room for."""

from collections.abc import Callable
from dataclasses import dataclass

from core.events import EpochEnd
from tui.format import count, duration, score


@dataclass(frozen=True)
class Column:
    title: str
    width: int
    text: Callable[[EpochEnd], str]


SHORT = {"accuracy": "acc", "images": "img"}
LESS_NEEDED = (7, 5, 3, 6, 1)  # columns: the first to go where room is short
TEST_SCORE = 4
BEST = "*"  # behind the highest test score


def columns(metric: str = "accuracy", samples: str = "images") -> tuple[Column, ...]:
    """What the table of a run has, whose scores and samples are called so."""
    short, unit = SHORT.get(metric, metric), SHORT.get(samples, samples)
    return (
        Column("epoch", 5, lambda e: str(e.epoch)),
        Column("loss", 8, lambda e: loss(e.train_loss)),
        Column(f"train {short}", 9, lambda e: score(e.train_score, 8)),
        Column("test loss", 9, lambda e: loss(e.test_loss)),
        Column(f"test {short}", 8, lambda e: score(e.test_score, 8)),
        Column("lr", 8, lambda e: f"{e.lr:.3g}"),
        Column("time", 8, lambda e: duration(e.seconds)),
        Column(f"{unit}/s", 7, lambda e: count(e.samples_per_second)),
    )


def loss(nats: float) -> str:
    """0.12583 -> "0.1258"; what diverges gets an exponent instead of more digits."""
    return f"{nats:.4f}" if abs(nats) < 1000 else f"{nats:.2e}"


class EpochTable:
    """Lines of text under one header, none wider than `width`."""

    def __init__(
        self, width: int | None = None, metric: str = "accuracy", samples: str = "images"
    ) -> None:
        every = columns(metric, samples)
        self._columns = list(every)
        self._marked = every[TEST_SCORE]
        for place in LESS_NEEDED:
            if width is not None and len(self.header()) > width:
                self._columns.remove(every[place])

    def header(self) -> str:
        return self._line([c.title for c in self._columns])

    def row(self, end: EpochEnd, best: bool) -> str:
        """The line of one epoch, marked if it is the best."""
        return self._line([c.text(end) for c in self._columns], BEST if best else " ")

    def _line(self, cells: list[str], mark: str = " ") -> str:
        texts = [
            f"{cell:>{c.width}}" + mark * (c is self._marked)
            for c, cell in zip(self._columns, cells, strict=True)
        ]
        return "  ".join(texts).rstrip()
