"""The residual unit, built of the layers of this folder: note 003; He et al., arXiv:1512.03385."""

from torch import Tensor, nn

from core.layers.activation import relu
from core.layers.conv import Conv2d
from core.layers.norm import BatchNorm


class Residual(nn.Module):
    """Two 3x3 convolutions whose result is added to the input: (B, I, H, W) -> (B, O, H/s, W/s).

    A 1x1 convolution fits the input to the sum where `stride` is not 1 or the channels change. The
    paper's figure 2, with batch normalisation after each convolution and before the sum.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = Conv2d(in_channels, out_channels, 3, stride=stride, padding=1)
        self.conv2 = Conv2d(out_channels, out_channels, 3, padding=1)
        self.shortcut = (
            None
            if stride == 1 and in_channels == out_channels
            else Conv2d(in_channels, out_channels, 1, stride=stride)
        )
        self.bn1 = BatchNorm(out_channels)
        self.bn2 = BatchNorm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        y = relu(self.bn1(self.conv1(x)))  # (B, O, H/s, W/s)
        y = self.bn2(self.conv2(y))  # the same shape
        return relu(y + (x if self.shortcut is None else self.shortcut(x)))
