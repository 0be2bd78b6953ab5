import json
import random

import numpy as np
import pytest
import torch

from core.random_state import random_state, restore_random_state, seed_all

CPU = torch.device("cpu")


def draw():
    return (
        torch.rand(2).tolist(), torch.randn(3).tolist(), random.random(), random.gauss(0, 1),
        np.random.rand(2).tolist(), np.random.randn(),
    )  # fmt: skip


@pytest.mark.parametrize("draws", [0, 1, 700])  # in the middle of the generators' blocks of 624
def test_every_generator_goes_on_where_it_was(draws):
    seed_all(5)
    for _ in range(draws):
        draw()
    state = json.loads(json.dumps(random_state(CPU)))
    expected = [draw() for _ in range(3)]
    seed_all(6)
    restore_random_state(state, CPU)
    assert [draw() for _ in range(3)] == expected


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
def test_a_seed_decides_every_generator(seed):
    seed_all(seed)
    first = draw()
    assert draw() != first
    seed_all(seed)
    assert draw() == first
