"""In place of core.prefetch.Link where there is no GPU."""

import threading
from collections.abc import Sequence

import torch
from torch import Tensor

from core.prefetch import Rows, gather


class FakeLink:
    """What was fetched is there only once it was received, as on a GPU."""

    def __init__(self, device: object = None) -> None:
        self.threads: list[str] = []  # that fetched, by name
        self.held_back = 0  # times

    def fetch(self, sources: Sequence[Tensor], rows: Rows) -> list[tuple[Tensor, Tensor]]:
        self.threads.append(threading.current_thread().name)
        parts = [gather(source, rows, pinned=False) for source in sources]
        return [(torch.zeros_like(part), part) for part in parts]

    def receive(self, fetched: list[tuple[Tensor, Tensor]]) -> list[Tensor]:
        return [there.copy_(sent) for there, sent in fetched]

    def hold_back(self) -> None:
        self.held_back += 1
