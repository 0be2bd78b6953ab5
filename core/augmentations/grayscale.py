"""Colour images without their colours."""

import torch
from torch import Tensor

from core.augmentations import AUGMENTATIONS

SHARE = 0.1  # of the images, as in note 001
# Luma of ITU-R BT.601 in 1/65536 parts, as Pillow computes it: white and greys stay what they are.
RED, GREEN, BLUE = 19595, 38470, 7471


@AUGMENTATIONS.register()
def grayscale(images: Tensor, generator: torch.Generator) -> Tensor:
    """One colour image in ten turned grey; images of one channel are grey already."""
    if images.shape[1] != 3:
        return images
    # Drawn on the CPU, so that every device sees the same images for the same seed.
    drawn = torch.rand(len(images), generator=generator) < SHARE
    # Positions, not a mask: a device would have to be asked how many a mask selects.
    chosen = drawn.nonzero().flatten().to(images.device)
    red, green, blue = images.index_select(0, chosen).to(torch.int32).unbind(1)
    grey = (RED * red + GREEN * green + BLUE * blue + (1 << 15)) >> 16  # (chosen, H, W)
    return images.index_copy(0, chosen, grey.to(torch.uint8)[:, None].expand(-1, 3, -1, -1))
