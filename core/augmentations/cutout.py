"""Images with a part covered.

DeVries and Taylor, "Improved regularization of convolutional neural networks with cutout",
arXiv:1708.04552. Unlike the paper, which covers normalised images with their mean, black: what is
covered are bytes, and black is also what `crop` pads with.
"""

import torch
from torch import Tensor

from core.augmentations import AUGMENTATIONS


@AUGMENTATIONS.register()
def cutout(images: Tensor, generator: torch.Generator) -> Tensor:
    """A black square of half the image's side, anywhere, partly outside too."""
    batch, _, height, width = images.shape
    side = min(height, width) // 2  # 16 of 32 pixels: the paper's for CIFAR-10
    # The centre can be any pixel, so that most images keep more than three quarters of theirs.
    # Drawn on the CPU, so that every device sees the same images for the same seed.
    rows = _covered(height, side, torch.randint(height, (batch, 1), generator=generator))
    columns = _covered(width, side, torch.randint(width, (batch, 1), generator=generator))
    square = rows.to(images.device)[:, :, None] * columns.to(images.device)[:, None, :]
    # On the CPU, multiplying bytes is ten times as fast as filling where a mask is set.
    return images * (1 - square)[:, None]


def _covered(length: int, side: int, centre: Tensor) -> Tensor:
    """1 for the `side` of `length` pixels around `centre`, else 0: (B, 1) -> (B, length), uint8."""
    start = centre - side // 2
    pixel = torch.arange(length)
    return ((pixel >= start) & (pixel < start + side)).to(torch.uint8)
