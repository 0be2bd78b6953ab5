"""From feature maps to features."""

from torch import Tensor, nn


class Flatten(nn.Module):
    """(B, C, H, W) -> (B, C * H * W), channel after channel."""

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(len(x), -1)
