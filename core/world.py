"""The processes that train one run together, and which part of each batch is whose.

Each has its own copy of the network on a device of its own. All of them know the same batches, the
same permutation of the images, and each takes its slice: so a run does not depend on how many they
are, beyond the order in which floating-point numbers are added.

Importing this module does not import torch.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

LEAST = 2  # images of a slice: one alone has no statistics for batch normalisation


@dataclass(frozen=True)
class Part:
    """What one process computes of a batch."""

    chosen: slice  # of the batch's images
    # What the mean loss over this part counts, so that the mean over all processes, which is what
    # DistributedDataParallel makes of their gradients, is the one over all images of the batch.
    weight: float
    shared: bool  # whether the other processes have other parts, and not all the whole batch
    counted: bool  # whether losses and scores of this part are added up


@dataclass(frozen=True)
class World:
    """One of `size` processes, as torchrun tells it through the environment."""

    rank: int = 0  # among all; 0 keeps the run's folder
    size: int = 1
    local_rank: int = 0  # among those on this machine
    local_size: int = 1
    restarts: int = 0  # how often torchrun has started them all again
    launched: bool = False  # by torchrun or the like, be it alone

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "World":
        """This process' place. Alone where nobody says otherwise.

        Raises ValueError if the environment cannot be understood.
        """

        def number(name: str, otherwise: int) -> int:
            return int(environment.get(name, otherwise))

        size = number("WORLD_SIZE", 1)
        world = cls(
            number("RANK", 0),
            size,
            number("LOCAL_RANK", 0),
            number("LOCAL_WORLD_SIZE", 1),
            number("TORCHELASTIC_RESTART_COUNT", 0),
            "WORLD_SIZE" in environment,
        )
        if not (0 <= world.rank < size and 0 <= world.local_rank < world.local_size <= size):
            raise ValueError(f"no place among processes: {world}")
        return world

    def part(self, count: int) -> Part:
        """This process' part of a batch of `count` images.

        A batch too small to be shared is computed whole by everybody, and counted once.
        """
        if count < LEAST * self.size:
            return Part(slice(0, count), 1.0, False, self.rank == 0)
        start, end = (count * rank // self.size for rank in (self.rank, self.rank + 1))
        weight = (end - start) * self.size / count
        return Part(slice(start, end), weight, self.size > 1, True)


ALONE = World()
