import gc
import weakref

import pytest
from sample_run import END, run_start

from tui.garbage import without_pauses


class Network:
    """Refers to itself, as a training does through what saves it."""

    def __init__(self):
        self.itself = self


def run(seen):
    network = Network()
    seen.append(weakref.ref(network))
    yield run_start()
    seen.append(gc.get_freeze_count())
    yield END


@pytest.fixture(autouse=True)
def thawed():
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_what_is_there_when_training_begins_is_not_searched_again_and_goes_with_the_run():
    seen = []
    assert list(without_pauses(run(seen))) == [run_start(), END]
    network, spared = seen
    assert spared > 10_000  # with all that was imported
    assert network() is None
