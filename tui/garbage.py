"""Python's search for garbage: while it lasts the screen and the training stand still.

torch comes with hundreds of thousands of objects that are kept for good, some imported with the
first optimizer. Searched again and again, they made the screen stand still for 200 ms at a time.
"""

import atexit
import gc
from collections.abc import Iterable, Iterator

from core.events import Event, RunStart

# At the end Python takes everything down; what was spared would be told as leaked, by triton.
atexit.register(gc.unfreeze)


def spare_what_is_there() -> None:
    """Search once more, and from now on only among what is made after this."""
    gc.unfreeze()  # among what was spared last time there may be garbage by now
    gc.collect()
    gc.freeze()


def without_pauses(events: Iterable[Event]) -> Iterator[Event]:
    """Pass the events of a run on, without a long search for garbage while it trains.

    Afterwards the network and the images can be found as garbage: they refer to each other.
    """
    try:
        for event in events:
            if isinstance(event, RunStart):
                spare_what_is_there()
            yield event
    finally:
        spare_what_is_there()
