import pytest
import torch

from core import batches, quantized
from core.batches import Batches, Scale, normalisation
from core.datasets import Images
from core.quantized import QuantizedImages, fits


def noise(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, shape, generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("name", ["unit", "half", "standard"])
@pytest.mark.parametrize("shape", [(50, 1, 28, 28), (50, 3, 32, 32), (50, 2, 1, 5)])
def test_images_are_gathered_and_scaled_as_by_hand(name, shape):
    pixels = noise(*shape)
    pixels[:, 0] //= 3  # so that channels differ in their scales
    scale = normalisation(name, Images(pixels, torch.zeros(len(pixels))))
    rows = torch.randperm(len(pixels))[:20]
    found = QuantizedImages(pixels, scale.factor, scale.offset).gather(rows)
    by_hand = pixels[rows].double() * scale.factor + scale.offset
    assert found.dtype == torch.float32
    assert found.is_contiguous()
    assert found.shape == by_hand.shape
    assert (found - by_hand).abs().max() < 1e-6


def test_any_number_of_rows_in_any_order_also_the_same_twice():
    pixels = noise(7, 3, 4, 4)
    images = QuantizedImages(pixels, torch.ones(3, 1, 1), torch.zeros(3, 1, 1))
    for rows in ([6, 0, 0], [2], [], [1, 1, 5, 4, 3, 2, 6, 0, 1]):
        assert torch.equal(images.gather(torch.tensor(rows, dtype=torch.int64)), pixels[rows])


def test_a_row_that_is_not_there_is_an_error():
    images = QuantizedImages(noise(7, 1, 4, 4), torch.ones(1, 1, 1), torch.zeros(1, 1, 1))
    for row in (-1, 7):
        with pytest.raises(RuntimeError):
            images.gather(torch.tensor([row]))


def test_only_bytes_in_the_memory_of_the_processor_and_not_too_many(monkeypatch):
    assert fits(noise(2, 1, 4, 4))
    assert not fits(noise(2, 1, 4, 4).float())
    assert not fits(noise(2, 1, 4, 4).to("meta"))
    monkeypatch.setattr(quantized, "ROOM", 31)
    assert not fits(noise(2, 1, 4, 4))


@pytest.mark.parametrize("channels", [1, 3])
def test_batches_are_the_same_with_and_without_such_a_table(monkeypatch, channels):
    images = Images(noise(23, channels, 8, 8), torch.arange(23))
    scale = Scale(torch.full((channels, 1, 1), 1 / 255), torch.zeros(channels, 1, 1))
    with_table, without = (
        [source.batch(epoch, index) for epoch in (1, 2) for index in range(len(source))]
        for source in (shuffled(images, scale), without_table(monkeypatch, images, scale))
    )
    for (one, labels), (other, same) in zip(with_table, without, strict=True):
        assert torch.equal(one, other)
        assert torch.equal(labels, same)


def test_of_runs_in_step_one_alone_keeps_a_table(monkeypatch):
    made = []
    monkeypatch.setattr(
        batches, "QuantizedImages", lambda *parts: made.append(1) or QuantizedImages(*parts)
    )
    images = Images(noise(23, 1, 8, 8), torch.arange(23))
    scale = Scale(torch.ones(1, 1, 1), torch.zeros(1, 1, 1))
    sources = [shuffled(images, scale, seed=seed) for seed in range(3)]
    found, labels = batches.stacked_batch(sources, 1, 0)
    assert made == [1]
    for source, pixels, targets in zip(sources, found, labels, strict=True):
        alone, same = source.batch(1, 0)
        assert torch.equal(pixels, alone)
        assert torch.equal(targets, same)


def shuffled(images: Images, scale: Scale, seed: int = 3) -> Batches:
    size = images.pixels.shape[-1]
    return Batches(
        images, batch_size=5, device="cpu", input_size=size, scale=scale, seed=seed, shuffle=True
    )


def without_table(monkeypatch, images: Images, scale: Scale) -> Batches:
    monkeypatch.setattr(batches, "fits", lambda pixels: False)
    return shuffled(images, scale)
