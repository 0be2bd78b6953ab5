"""Mirror images."""

import torch
from torch import Tensor

from core.augmentations import AUGMENTATIONS


@AUGMENTATIONS.register()
def flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Each image mirrored left to right, or not, with equal chance."""
    # Drawn on the CPU, so that every device sees the same images for the same seed.
    mirrored = torch.rand(len(images), generator=generator) < 0.5
    return torch.where(mirrored.to(images.device)[:, None, None, None], images.flip(-1), images)
