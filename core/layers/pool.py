"""Max and average pooling: note 000, section 5.5. Each channel is pooled by itself."""

from torch import Tensor, nn

from core.layers.windows import Size, pad, pair, windows


class Pool2d(nn.Module):
    """What the two have in common; the stride is the kernel's size unless it is given."""

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> None:
        super().__init__()
        self.kernel_size, self.padding = pair(kernel_size), pair(padding)
        self.stride = self.kernel_size if stride is None else pair(stride)

    def windows(self, x: Tensor, frame: float) -> Tensor:
        """(B, C, H, W) -> (B, C, h * w, H', W'), padded with `frame`."""
        return windows(pad(x, self.padding, frame), self.kernel_size, self.stride).flatten(2, 3)


class MaxPool2d(Pool2d):
    """The largest of each window: (B, C, H, W) -> (B, C, H', W')."""

    def forward(self, x: Tensor) -> Tensor:
        # Of several that are largest, max() gives the gradient to the first, as torch.nn does;
        # amax() would share it among them.
        return self.windows(x, frame=float("-inf")).max(2).values


class AvgPool2d(Pool2d):
    """The mean of each window, zeros of the padding included: (B, C, H, W) -> (B, C, H', W')."""

    def forward(self, x: Tensor) -> Tensor:
        return self.windows(x, frame=0.0).mean(2)
