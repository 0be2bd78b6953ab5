"""What many tests share: a tiny network, a tiny data set, and real data where it is at hand."""

from pathlib import Path

import pytest
import torch
from torch import nn

from core.datasets import Dataset, Images

# Beside another busy process two threads are many times slower than one, and none of our networks
# here is large enough to gain from the second.
torch.set_num_threads(1)

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


def striped_images(count: int, seed: int, classes: int = 3) -> Images:
    """Noisy 8x8 images with a bright row where the label says: easy to learn, not trivial."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (count,), generator=generator)
    pixels = torch.randint(120, (count, 1, 8, 8), generator=generator)
    pixels[torch.arange(count), 0, 2 * labels + 1] += 100
    return Images(pixels.to(torch.uint8), labels)


@pytest.fixture
def tiny_dataset() -> Dataset:
    """48 + 24 images of 8x8 pixels in three classes."""
    return Dataset(
        "tiny", ("top", "middle", "bottom"), striped_images(48, 1), striped_images(24, 2), "0" * 64
    )


@pytest.fixture
def tiny_model() -> nn.Module:
    """A perceptron for the tiny data set, with dropout so that the random state matters."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3)
    )


@pytest.fixture
def shared_data() -> Path:
    """The complete MNIST and Fashion-MNIST, where a developer has them beside the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip("no ../shared/data: the complete data sets are not at hand")
    return SHARED_DATA
