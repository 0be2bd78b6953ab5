"""Convolution of images, which is really cross-correlation: note 000, sections 5.2 to 5.4."""

import torch
from torch import Tensor, nn

from core.layers.linear import uniform_parameter
from core.layers.windows import Size, pad, pair, windows


def cross_correlate(
    x: Tensor,
    weight: Tensor,  # (O, C, h, w)
    bias: Tensor,  # (O,)
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
) -> Tensor:
    """Each kernel over each window: (B, C, H, W) -> (B, O, H', W').

    A matrix product for each image: its windows become columns (Chellapilla et al. 2006), which
    takes h * w times the memory of the image. With 1x1 kernels it is section 5.4's linear layer
    over the channels.
    """
    _, _, h, w = weight.shape
    patches = windows(pad(x, padding), (h, w), stride)  # (B, C, h, w, H', W')
    columns = patches.flatten(4).flatten(1, 3)  # (B, C h w, H' W')
    # As (O, C h w) alone, matmul would transpose the columns for one large product: a second copy.
    kernels = weight.flatten(1).expand(len(x), -1, -1)  # (B, O, C h w), a view
    out = kernels @ columns + bias[:, None]  # (B, O, C h w) @ (B, C h w, H' W') -> (B, O, H' W')
    return out.unflatten(2, patches.shape[4:])  # (B, O, H', W')


class Conv2d(nn.Module):
    """(B, C, H, W) -> (B, O, H', W').

    H' = (H + 2 padding - kernel) / stride + 1, rounded down, and W' likewise.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = pair(kernel_size), pair(stride), pair(padding)
        height, width = self.kernel_size
        inputs = in_channels * height * width
        self.weight = uniform_parameter((out_channels, in_channels, height, width), inputs)
        self.bias = uniform_parameter((out_channels,), inputs)

    def forward(self, x: Tensor) -> Tensor:
        return cross_correlate(x, self.weight, self.bias, self.stride, self.padding)


def conv2d_by_definition(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
) -> Tensor:
    """The same as `cross_correlate`, pixel by pixel, as its definition says. For tests: slow."""
    x = pad(x, padding)
    (outputs, _, h, w), (down, right) = weight.shape, stride
    height, width = (x.shape[2] - h) // down + 1, (x.shape[3] - w) // right + 1
    y = x.new_empty(len(x), outputs, height, width)
    for b, o, i, j in torch.cartesian_prod(*map(torch.arange, y.shape)).tolist():
        window = x[b, :, i * down : i * down + h, j * right : j * right + w]  # (C, h, w)
        y[b, o, i, j] = (window * weight[o]).sum() + bias[o]
    return y
