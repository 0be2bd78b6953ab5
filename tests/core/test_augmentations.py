import pytest
import torch
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
        images = noise(5)
        before = images.clone()
        changed = AUGMENTATIONS[name](images, seeded(0))
        assert changed.shape == images.shape
        assert changed.dtype == torch.uint8
        assert torch.equal(images, before)
        assert not torch.equal(changed, images)

    def test_draws_for_each_image_on_its_own(self, name):
        same = noise(1).expand(64, -1, -1, -1)
        results = AUGMENTATIONS[name](same, seeded(0))
        kinds = results.flatten(1).unique(dim=0)
        assert len(kinds) > 1
        # torchvision draws once for a whole batch; here neighbours differ about as often as not.
        alike = (results[1:] == results[:-1]).flatten(1).all(1).float().mean()
        assert alike < 0.7

    def test_what_happens_to_an_image_does_not_depend_on_the_others(self, name):
        images, others = noise(8), noise(8).flip(0)
        others[3] = images[3]
        one, other = (AUGMENTATIONS[name](batch, seeded(5))[3] for batch in (images, others))
        assert torch.equal(one, other)

    def test_is_a_pure_function_of_images_and_generator(self, name):
        images = noise(16)
        torch.manual_seed(1)
        first = AUGMENTATIONS[name](images, seeded(7))
        torch.manual_seed(2)
        assert torch.equal(AUGMENTATIONS[name](images, seeded(7)), first)
        assert not torch.equal(AUGMENTATIONS[name](images, seeded(8)), first)

    def test_changes_all_channels_alike(self, name):
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
