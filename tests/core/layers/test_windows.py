import pytest
import torch
from torch.nn import functional as F

from core.layers.windows import pad, windows


def test_padding_is_a_frame_of_the_given_value():
    x = torch.randn(2, 3, 4, 5)
    assert torch.equal(pad(x, (1, 2), value=-7.0), F.pad(x, (2, 2, 1, 1), value=-7.0))


def test_windows_are_the_pieces_of_the_image_from_left_to_right_and_down():
    x = torch.arange(20).view(1, 1, 4, 5)
    pieces = windows(x, kernel=(2, 3), stride=(2, 2))
    assert pieces.shape == (1, 1, 2, 3, 2, 2)
    assert pieces[0, 0, :, :, 0, 1].tolist() == [[2, 3, 4], [7, 8, 9]]
    assert pieces[0, 0, :, :, 1, 0].tolist() == [[10, 11, 12], [15, 16, 17]]
    assert pieces.data_ptr() == x.data_ptr()  # a view: nothing is copied


def test_a_kernel_larger_than_the_image_is_refused():
    with pytest.raises(RuntimeError, match="size"):
        windows(torch.zeros(1, 1, 3, 3), kernel=(4, 4), stride=(1, 1))
