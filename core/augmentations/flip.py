"""Mirror images."""

import torch
from torch import Tensor

from core.augmentations import AUGMENTATIONS


@AUGMENTATIONS.register()
def flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Each image mirrored left to right, or not, with equal chance."""
    # Drawn on the CPU, so that every device sees the same images for the same seed.
    drawn = torch.rand(len(images), generator=generator) < 0.5
    # Positions, not a mask: a device would have to be asked how many a mask selects.
    mirrored = drawn.nonzero().flatten().to(images.device)
    return images.index_copy(0, mirrored, images.index_select(0, mirrored).flip(-1))
