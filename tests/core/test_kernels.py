import pytest
import torch
import torch.nn.functional as F

from core.errors import ConfigError, UnknownName
from core.kernels import KERNELS, convolve, output_size, read_kernel

ONCE, NONE = (1, 1), (0, 0)


def test_the_notes_edge_detector_finds_the_notes_edges():
    # Note 000, "convolution for edge detection": a bar in columns 2 to 5.
    image = torch.zeros(1, 4, 8)
    image[:, :, 2:6] = 1
    found = convolve(image, KERNELS["edge_vertical"](), ONCE, NONE)
    assert found.tolist() == [[[0, -1, 0, 0, 0, 1, 0]] * 4]


def test_padding_and_stride_of_the_note_give_its_shape():
    # Note 000: kernel (3, 5), padding (0, 1), stride (3, 4) on 8x8 give 2x2.
    found = convolve(torch.zeros(1, 8, 8), torch.ones(3, 5), (3, 4), (0, 1))
    assert found.shape == (1, 2, 2)
    assert (output_size(8, 3, 3, 0), output_size(8, 5, 4, 1)) == (2, 2)


@pytest.mark.parametrize("name", list(KERNELS))
def test_every_kernel_treats_each_channel_as_torch_does(name):
    image = torch.rand(3, 9, 11, generator=torch.Generator().manual_seed(0))
    kernel = KERNELS[name]()
    expected = F.conv2d(image[:, None], kernel[None, None], stride=(2, 1), padding=(1, 2))[:, 0]
    torch.testing.assert_close(convolve(image, kernel, (2, 1), (1, 2)), expected)


@pytest.mark.parametrize("name", list(KERNELS))
def test_every_kernel_keeps_brightness_or_finds_changes(name):
    total = KERNELS[name]().sum().item()
    assert total == pytest.approx(1 if name in ("blur", "gaussian", "sharpen", "emboss") else 0)


def test_a_filter_sums_over_channels():
    image = torch.rand(3, 6, 6, generator=torch.Generator().manual_seed(0))
    weight = torch.rand(3, 2, 2, generator=torch.Generator().manual_seed(1))
    expected = F.conv2d(image[None], weight[None])[0]
    torch.testing.assert_close(convolve(image, weight, ONCE, NONE), expected)


@pytest.mark.parametrize("image", [(1, 2, 9), (1, 9, 2)])
def test_a_kernel_larger_than_the_image_is_refused(image):
    with pytest.raises(ConfigError, match="does not fit"):
        convolve(torch.zeros(image), torch.ones(3, 3), ONCE, NONE)
    assert convolve(torch.zeros(image), torch.ones(3, 3), ONCE, (1, 1)).numel() == 18


def test_a_kernel_can_be_typed():
    assert read_kernel("1 -1").tolist() == [[1, -1]]
    assert read_kernel("0, .5; -2e1 3").tolist() == [[0, 0.5], [-20, 3]]
    assert torch.equal(read_kernel("blur"), KERNELS["blur"]())


@pytest.mark.parametrize("text", ["1 2; 3", "1 x", "1;", ";1", "1e999 0", " ".join(["1"] * 32)])
def test_what_is_no_kernel_is_refused(text):
    with pytest.raises(ConfigError, match="is no kernel"):
        read_kernel(text)


def test_a_misspelt_kernel_is_guessed():
    with pytest.raises(UnknownName, match="Did you mean 'sharpen'"):
        read_kernel("sharpn")
