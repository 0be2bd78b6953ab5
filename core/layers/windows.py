"""The windows that convolutions and pooling look through: note 000, sections 5.3 and 5.5."""

from torch import Tensor

Size = int | tuple[int, int]  # the same along both sides, or (height, width)


def pair(size: Size) -> tuple[int, int]:
    """`size` as (height, width)."""
    return (size, size) if isinstance(size, int) else size


def pad(x: Tensor, padding: tuple[int, int], value: float = 0.0) -> Tensor:
    """`x` in a frame of `value`: (B, C, H, W) -> (B, C, H + 2 p_h, W + 2 p_w)."""
    if padding == (0, 0):
        return x
    (b, c, h, w), (above, left) = x.shape, padding
    padded = x.new_full((b, c, h + 2 * above, w + 2 * left), value)
    padded[:, :, above : above + h, left : left + w] = x
    return padded


def windows(x: Tensor, kernel: tuple[int, int], stride: tuple[int, int]) -> Tensor:
    """All windows of the size of `kernel`: (B, C, H, W) -> (B, C, h, w, H', W').

    H' = (H - h) / stride + 1, rounded down. What stands at one place of every window makes a
    picture of H' x W', and whole rows are copied at once where the windows are. A view: a pixel
    that several windows share is there once.

    Raises RuntimeError if the kernel is larger than the image.
    """
    patches = x.unfold(2, kernel[0], stride[0]).unfold(3, kernel[1], stride[1])
    return patches.permute(0, 1, 4, 5, 2, 3)  # (B, C, H', W', h, w) -> (B, C, h, w, H', W')
