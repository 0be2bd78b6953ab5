from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image

from core.batches import Batches, Scale, normalisation
from core.config import RunConfig
from core.datasets import Dataset, Images, Where, load
from core.world import World


def numbered(count: int, channels: int = 1, size: int = 4) -> Images:
    """Image i is filled with i, its label is i too."""
    labels = torch.arange(count)
    pixels = labels.to(torch.uint8)[:, None, None, None].expand(-1, channels, size, size)
    return Images(pixels.contiguous(), labels)


def noise(count: int, channels: int = 3, size: int = 8) -> Images:
    generator = torch.Generator().manual_seed(0)
    shape = (count, channels, size, size)
    return Images(
        torch.randint(256, shape, generator=generator, dtype=torch.uint8), torch.arange(count)
    )


def as_they_are(channels: int = 1) -> Scale:
    return Scale(torch.ones(channels, 1, 1), torch.zeros(channels, 1, 1))


def batches_of(images: Images, **options) -> Batches:
    channels, size = images.pixels.shape[1], images.pixels.shape[-1]
    defaults = {"batch_size": 4, "device": "cpu", "input_size": size}
    return Batches(images, **{**defaults, "scale": as_they_are(channels), **options})


def order(batches: Batches, epoch: int) -> list[int]:
    return torch.cat([batches.batch(epoch, i)[1] for i in range(len(batches))]).tolist()


@pytest.fixture(scope="module")
def fashion_mini() -> Dataset:
    loading = load("fashion-mini", Where())
    while True:
        try:
            next(loading)
        except StopIteration as end:
            return end.value


def test_without_shuffling_images_come_in_file_order_and_the_last_batch_is_smaller():
    batches = batches_of(numbered(10))
    assert len(batches) == 3
    assert [len(batches.batch(1, i)[1]) for i in range(3)] == [4, 4, 2]
    assert order(batches, 1) == order(batches, 2) == list(range(10))


def test_images_and_labels_stay_together():
    batches = batches_of(numbered(100), shuffle=True, augmentations=("flip",))
    for index in range(len(batches)):
        pixels, labels = batches.batch(1, index)
        assert torch.equal(pixels[:, 0, 0, 0], labels.float())


def test_every_epoch_has_every_image_once_in_an_order_of_its_own():
    batches = batches_of(numbered(100), shuffle=True)
    orders = [order(batches, epoch) for epoch in (1, 2, 3)]
    assert all(sorted(o) == list(range(100)) for o in orders)
    assert len({tuple(o) for o in (*orders, range(100))}) == 4


def test_runs_with_neighbouring_seeds_share_no_order():
    orders = {
        (seed, epoch): tuple(order(batches_of(numbered(50), shuffle=True, seed=seed), epoch))
        for seed in range(4)
        for epoch in range(1, 5)
    }
    assert len(set(orders.values())) == 16


@pytest.mark.parametrize("augmentations", [(), ("flip", "crop")])
def test_a_batch_is_a_pure_function_of_seed_epoch_and_index(augmentations):
    options = {"shuffle": True, "seed": 2**63 - 1, "augmentations": augmentations}
    straight = batches_of(noise(10), **options)
    wanted = {(e, i): straight.batch(e, i) for e in (1, 2, 3) for i in range(len(straight))}
    resumed = batches_of(noise(10), **options)
    torch.manual_seed(123)  # the global state has no say
    for epoch, index in [(3, 1), (1, 2), (3, 0), (2, 2), (1, 0)]:
        for one, other in zip(resumed.batch(epoch, index), wanted[epoch, index], strict=True):
            assert torch.equal(one, other)


def test_augmentation_differs_from_batch_to_batch_and_from_epoch_to_epoch():
    same = Images(noise(1).pixels.expand(64, -1, -1, -1), torch.zeros(64, dtype=torch.int64))
    batches = batches_of(same, batch_size=32, augmentations=("crop",))
    seen = [batches.batch(e, i)[0] for e, i in ((1, 0), (1, 1), (2, 0))]
    assert not any(torch.equal(seen[a], seen[b]) for a, b in ((0, 1), (0, 2), (1, 2)))


def test_augmentations_are_applied_one_after_the_other_before_resizing():
    images = noise(6)
    both = batches_of(images, augmentations=("flip", "crop"), batch_size=6, input_size=8)
    flipped = batches_of(images, augmentations=("flip",), batch_size=6).batch(1, 0)[0]
    again = Images(flipped.to(torch.uint8), images.labels)
    cropped = batches_of(again, augmentations=("crop",), batch_size=6).batch(1, 0)[0]
    assert torch.equal(both.batch(1, 0)[0], cropped)


@pytest.mark.parametrize("index", [-1, 3])
def test_a_batch_that_is_not_there_is_an_error(index):
    with pytest.raises(IndexError, match=f"batch {index} of 3"):
        batches_of(numbered(10)).batch(1, index)


@pytest.mark.parametrize("shuffle", [True, False])
def test_the_images_stay_bytes_are_not_copied_and_are_never_changed(shuffle):
    images = noise(10)
    before = images.pixels.clone()
    batches = batches_of(images, shuffle=shuffle, augmentations=("flip", "crop"))
    scaled = batches.batch(1, 0)[0]
    scaled.zero_()
    assert batches.pixels.data_ptr() == images.pixels.data_ptr()
    assert torch.equal(images.pixels, before)


@pytest.mark.parametrize("size", [5, 28, 32, 96])
def test_resizing_is_what_pillow_does_within_one_grey_level(fashion_mini, size):
    images = fashion_mini.test
    resized = batches_of(images, input_size=size).batch(1, 0)[0]
    assert resized.shape == (4, 1, size, size)
    for ours, pixels in zip(resized, images.pixels, strict=False):
        theirs = Image.fromarray(pixels[0].numpy()).resize((size, size), Image.Resampling.BILINEAR)
        assert (ours[0] - torch.from_numpy(np.array(theirs))).abs().max() <= 1


@pytest.mark.parametrize("name", get_args(RunConfig.model_fields["normalisation"].annotation))
def test_every_normalisation_is_known_and_gives_floats_for_every_channel(name):
    images = noise(10)
    scaled = batches_of(images, scale=normalisation(name, images)).batch(1, 0)[0]
    assert scaled.dtype == torch.float32
    assert scaled.shape == (4, 3, 8, 8)
    assert scaled.is_contiguous()


@pytest.mark.parametrize(("name", "black", "white"), [("unit", 0.0, 1.0), ("half", -1.0, 1.0)])
def test_black_and_white_become_the_ends_of_the_range(name, black, white):
    pixels = torch.tensor([0, 255], dtype=torch.uint8)[:, None, None, None]
    images = Images(pixels, torch.zeros(2, dtype=torch.int64))
    scaled = batches_of(images, scale=normalisation(name, images)).batch(1, 0)[0].flatten()
    assert scaled.tolist() == [black, white]


def test_standard_gives_training_images_mean_0_and_deviation_1_in_each_channel():
    images = noise(64)
    images.pixels[:, 1] //= 3
    scale = normalisation("standard", images)
    scaled = batches_of(images, scale=scale, batch_size=64).batch(1, 0)[0]
    assert scaled.mean((0, 2, 3)).abs().max() < 1e-6
    assert (scaled.std((0, 2, 3), correction=0) - 1).abs().max() < 1e-6


def test_a_channel_without_contrast_becomes_zero_and_not_infinite():
    images = Images(torch.full((4, 1, 2, 2), 77, dtype=torch.uint8), torch.zeros(4).long())
    scaled = batches_of(images, scale=normalisation("standard", images)).batch(1, 0)[0]
    assert scaled.abs().max() < 1e-5


def test_standard_finds_the_published_moments(fashion_mini, shared_data):
    # The mean and deviation that everybody uses for these two sets, in units of 255.
    for name, mean, deviation in (("mnist", 0.1307, 0.3081), ("fashion-mnist", 0.2860, 0.3530)):
        loading = load(name, Where(shared_data))
        with pytest.raises(StopIteration) as end:
            next(loading)
        scale = normalisation("standard", end.value.value.train)
        assert 1 / scale.factor.item() / 255 == pytest.approx(deviation, abs=5e-5)
        assert -scale.offset.item() / scale.factor.item() / 255 == pytest.approx(mean, abs=5e-5)


def test_real_images_arrive_as_they_are_in_the_file(fashion_mini):
    train = fashion_mini.train
    batches = batches_of(train, batch_size=256, scale=normalisation("unit", train), shuffle=True)
    assert len(batches) == 24
    pixels, labels = batches.batch(1, 23)
    assert len(labels) == 6000 - 23 * 256
    first = (train.pixels.float() / 255 - pixels[0]).abs().flatten(1).amax(1).argmin()
    assert train.labels[first] == labels[0]
    assert torch.allclose(pixels[0], train.pixels[first] / 255, atol=1e-6)


@pytest.mark.parametrize("augmentations", [(), ("flip", "crop", "cutout")])
def test_the_parts_of_several_processes_make_up_the_batch_of_one(augmentations):
    images = noise(23)
    options = {"batch_size": 8, "shuffle": True, "augmentations": augmentations}
    options["scale"] = as_they_are(3)
    whole = batches_of(images, **options)
    ranks = [batches_of(images, world=World(rank, 2), **options) for rank in range(2)]
    for index in range(3):  # the last one has seven images
        parts = [batches.batch(1, index) for batches in ranks]
        pixels, labels = whole.batch(1, index)
        assert torch.equal(torch.cat([part[0] for part in parts]), pixels)
        assert torch.equal(torch.cat([part[1] for part in parts]), labels)
