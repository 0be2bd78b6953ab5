import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from core.augmentations import AUGMENTATIONS
from core.augmentations.crop import PADDING


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(count: int, channels: int = 3, height: int = 9, width: int = 11) -> Tensor:
    """Not square: swapped height and width must fail."""
    shape = (count, channels, height, width)
    return torch.randint(256, shape, generator=seeded(count), dtype=torch.uint8)


@pytest.mark.parametrize("name", list(AUGMENTATIONS))
class TestEveryAugmentation:
    def test_keeps_shape_and_type_and_leaves_its_input_alone(self, name):
        images = noise(64)
        before = images.clone()
        changed = AUGMENTATIONS[name](images, seeded(0))
        assert changed.shape == images.shape
        assert changed.dtype == torch.uint8
        assert torch.equal(images, before)
        assert not torch.equal(changed, images)

    def test_draws_for_each_image_on_its_own(self, name):
        same = noise(1).expand(64, -1, -1, -1)
        results = AUGMENTATIONS[name](same, seeded(0))
        # torchvision draws once for a whole batch; here neighbours differ, be it one in five.
        alike = (results[1:] == results[:-1]).flatten(1).all(1).float().mean()
        assert alike < 0.9

    def test_what_happens_to_an_image_does_not_depend_on_the_others(self, name):
        images, others = noise(64), noise(64).flip(0)
        others[::2] = images[::2]
        one, other = (AUGMENTATIONS[name](batch, seeded(5))[::2] for batch in (images, others))
        assert torch.equal(one, other)

    def test_is_a_pure_function_of_images_and_generator(self, name):
        images = noise(64)
        torch.manual_seed(1)
        first = AUGMENTATIONS[name](images, seeded(7))
        torch.manual_seed(2)
        assert torch.equal(AUGMENTATIONS[name](images, seeded(7)), first)
        assert not torch.equal(AUGMENTATIONS[name](images, seeded(8)), first)

    def test_changes_all_channels_of_a_grey_image_alike(self, name):
        grey = noise(16, channels=1)
        colour = AUGMENTATIONS[name](grey.expand(-1, 3, -1, -1), seeded(3))
        assert torch.equal(colour, AUGMENTATIONS[name](grey, seeded(3)).expand(-1, 3, -1, -1))


def test_flip_mirrors_about_half_of_the_images_and_nothing_else():
    images = noise(400)
    flipped = AUGMENTATIONS["flip"](images, seeded(0))
    mirrored = (flipped == images.flip(-1)).flatten(1).all(1)
    kept = (flipped == images).flatten(1).all(1)
    assert torch.all(mirrored ^ kept)
    assert 150 < mirrored.sum() < 250  # five standard deviations


def test_crop_gives_every_window_of_the_padded_image_and_nothing_else():
    image = noise(1, height=5, width=6)[0]
    cropped = AUGMENTATIONS["crop"](image.expand(4000, -1, -1, -1), seeded(0))
    padded = torch.zeros(3, 5 + 2 * PADDING, 6 + 2 * PADDING, dtype=torch.uint8)
    padded[:, PADDING:-PADDING, PADDING:-PADDING] = image
    windows = padded.unfold(1, 5, 1).unfold(2, 6, 1)  # (3, 9, 9, 5, 6)
    windows = windows.permute(1, 2, 0, 3, 4).reshape(81, -1)
    # 4,000 draws of 81 windows: none is missing, but for a chance below 1e-19.
    assert torch.equal(cropped.flatten(1).unique(dim=0), windows.unique(dim=0))


def test_grayscale_turns_a_tenth_of_the_images_grey_and_leaves_the_others():
    images = noise(1000)
    changed = AUGMENTATIONS["grayscale"](images, seeded(0))
    grey = (changed == changed[:, :1]).flatten(1).all(1)
    assert 60 < grey.sum() < 140  # four standard deviations
    assert torch.equal(changed[~grey], images[~grey])


def test_grayscale_gives_the_greys_that_pillow_gives():
    images = noise(200, height=16, width=16)
    changed = AUGMENTATIONS["grayscale"](images, seeded(0))
    grey = (changed == changed[:, :1]).flatten(1).all(1)
    for before, after in zip(images[grey], changed[grey], strict=True):
        pillows = Image.fromarray(before.permute(1, 2, 0).numpy()).convert("L")
        assert np.array_equal(after[0].numpy(), np.asarray(pillows))


def test_cutout_covers_a_square_whose_centre_is_any_pixel_and_nothing_else():
    image = noise(1, height=6, width=8)[0].clamp(min=1)
    cut = AUGMENTATIONS["cutout"](image.expand(4000, -1, -1, -1), seeded(0))
    wanted = []
    for row in range(6):
        for column in range(8):  # a square of 3 x 3 pixels: half the shorter side
            covered = image.clone()
            rows, columns = slice(max(row - 1, 0), row + 2), slice(max(column - 1, 0), column + 2)
            covered[:, rows, columns] = 0
            wanted.append(covered)
    # 4,000 draws of 48 squares: none is missing, but for a chance below 1e-34.
    assert torch.equal(cut.flatten(1).unique(dim=0), torch.stack(wanted).flatten(1).unique(dim=0))
    counts = cut.flatten(1).unique(dim=0, return_counts=True)[1]
    assert counts.min() > 38  # 83 each, give or take five standard deviations
    assert counts.max() < 129


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (1, 5)])
@pytest.mark.parametrize("name", list(AUGMENTATIONS))
def test_the_smallest_images_are_taken_too(name, size):
    images = noise(4, height=size[0], width=size[1])
    assert AUGMENTATIONS[name](images, seeded(0)).shape == images.shape


@pytest.mark.cuda
@pytest.mark.parametrize("name", list(AUGMENTATIONS))
def test_a_gpu_changes_the_same_images_in_the_same_way(name):
    images = noise(64)
    on_gpu = AUGMENTATIONS[name](images.cuda(), seeded(2))
    assert torch.equal(on_gpu.cpu(), AUGMENTATIONS[name](images, seeded(2)))
