"""Shifted images."""

import torch
import torch.nn.functional as F
from torch import Tensor

from core.augmentations import AUGMENTATIONS

PADDING = 4  # pixels on each side, as for CIFAR in He et al., arXiv:1512.03385, 4.2


@AUGMENTATIONS.register()
def crop(images: Tensor, generator: torch.Generator) -> Tensor:
    """A random window of the image's own size, after padding it with 4 black pixels."""
    batch, channels, height, width = images.shape
    # Drawn on the CPU, so that every device sees the same images for the same seed.
    top, left = torch.randint(2 * PADDING + 1, (2, batch, 1), generator=generator)
    rows = (top + torch.arange(height)).to(images.device)  # (B, H)
    columns = (left + torch.arange(width)).to(images.device)  # (B, W)
    padded = F.pad(images, (PADDING,) * 4).flatten(2)  # (B, C, H' W')
    # One gather for the whole batch: cropping image by image is twenty times slower.
    window = rows[:, :, None] * (width + 2 * PADDING) + columns[:, None, :]  # (B, H, W)
    index = window.flatten(1)[:, None].expand(-1, channels, -1)  # (B, C, H W)
    return padded.gather(2, index).unflatten(2, (height, width))
