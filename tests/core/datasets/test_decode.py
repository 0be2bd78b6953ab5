from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features
from small_data import finish, save_image

from core.datasets import decode as module
from core.datasets.decode import Decoded, decode, read_image
from core.errors import DataError
from core.events import Progress


def decode_now(folder: Path, *paths: str) -> Decoded:
    return finish(decode(folder, paths))[0]


@pytest.mark.parametrize("name", ["png", "bmp", "ppm", "gif", "webp", "jpg"])
def test_every_format_is_decoded_to_what_pillow_shows(tmp_path, name):
    if name == "webp" and not features.check("webp"):
        pytest.skip("this Pillow knows no WebP")
    save_image(tmp_path / f"x.{name}")
    pixels = decode_now(tmp_path, f"x.{name}").pixels
    assert pixels.shape == (1, 3, 8, 12)
    shown = np.asarray(Image.open(tmp_path / f"x.{name}").convert("RGB"))
    assert np.array_equal(pixels[0], shown.transpose(2, 0, 1))


def test_grey_images_have_one_channel_and_one_in_colour_makes_three_of_all(tmp_path):
    save_image(tmp_path / "a.png", mode="L")
    save_image(tmp_path / "b.png", mode="L", seed=1)
    assert decode_now(tmp_path, "a.png", "b.png").pixels.shape == (2, 1, 8, 12)
    save_image(tmp_path / "c.png")
    pixels = decode_now(tmp_path, "a.png", "c.png").pixels
    assert pixels.shape == (2, 3, 8, 12)
    assert np.array_equal(pixels[0, 0], pixels[0, 2])


def test_other_sizes_are_fitted_to_the_commonest_and_the_centre_is_kept(tmp_path):
    for i in range(3):
        save_image(tmp_path / f"{i}.png", size=(20, 20), seed=i)
    wide = np.zeros((40, 120, 3), np.uint8)
    wide[:, 40:80] = 255  # white where the middle square is
    Image.fromarray(wide).save(tmp_path / "wide.png")
    decoded = decode_now(tmp_path, "wide.png", "0.png", "1.png", "2.png")
    assert decoded.pixels.shape == (4, 3, 20, 20)
    assert decoded.pixels[0, :, :, 1:-1].min() == 255
    assert decoded.notices == (
        "1 of 4 images are not 20x20 like most of them: they were resized and cut at the centre "
        "to 20x20.",
    )


def test_large_images_are_reduced_and_it_is_said(tmp_path):
    save_image(tmp_path / "x.jpg", size=(640, 512))
    decoded = decode_now(tmp_path, "x.jpg")
    assert decoded.pixels.shape == (1, 3, 256, 320)
    assert decoded.notices == ("Images of 640x512 pixels were reduced to 320x256.",)


def test_photos_are_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[module.ORIENTATION] = 6  # the camera was turned clockwise
    lying = Image.new("RGB", (32, 16))
    lying.paste((255, 255, 255), (0, 0, 16, 16))  # its left half is the top of the scene
    lying.save(tmp_path / "x.jpg", exif=exif)
    pixels = decode_now(tmp_path, "x.jpg").pixels[0]
    assert pixels.shape == (3, 32, 16)
    assert pixels[:, :14].min() > 200
    assert pixels[:, 18:].max() < 50


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path):
    deep = np.array([[0, 256, 32768, 65535]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "x.png")
    assert decode_now(tmp_path, "x.png").pixels.tolist() == [[[[0, 1, 128, 255]]]]


def test_transparent_and_palette_images_become_colours(tmp_path):
    Image.new("RGBA", (4, 4), (10, 20, 30, 0)).save(tmp_path / "a.png")
    Image.new("RGB", (4, 4), (10, 20, 30)).quantize(4).save(tmp_path / "b.png", transparency=0)
    for pixels in decode_now(tmp_path, "a.png", "b.png").pixels:
        assert pixels[:, 0, 0].tolist() == [10, 20, 30]


def test_all_damaged_images_are_counted_and_five_named(tmp_path):
    names = [f"{i}.jpg" for i in range(9)]
    for i, name in enumerate(names):
        save_image(tmp_path / name, size=(64, 64), seed=i)
    for name in names[1:8]:
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="7 of 9 images cannot be read") as caught:
        decode_now(tmp_path, *names)
    assert [n for n in names if n in caught.value.problem] == names[1:6]
    assert "and 2 more" in caught.value.problem


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, b"not an image"])
def test_what_is_no_image_is_named(tmp_path, content):
    save_image(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(DataError, match=r"1 of 2 images cannot be read: bad\.png \("):
        decode_now(tmp_path, "good.png", "bad.png")


def test_a_decompression_bomb_is_refused_before_it_is_unpacked(tmp_path):
    # A header that promises 30,000 x 30,000 pixels.
    (tmp_path / "bomb.ppm").write_bytes(b"P6 30000 30000 255\n" + b"\0" * 100)
    (tmp_path / "suspicious.ppm").write_bytes(b"P6 10000 10000 255\n" + b"\0" * 100)
    with pytest.raises(DataError, match=r"2 of 2 images cannot be read.*[Dd]ecompression bomb"):
        decode_now(tmp_path, "bomb.ppm", "suspicious.ppm")


def test_images_that_do_not_fit_into_memory_are_refused_before_they_are_decoded(
    tmp_path, monkeypatch
):
    class Memory:
        available = 1000

    monkeypatch.setattr(module.psutil, "virtual_memory", Memory)
    for i in range(4):
        save_image(tmp_path / f"{i}.png")
    with pytest.raises(DataError, match=r"The 4 images in .* need 0\.0 GB of memory as 12x8"):
        decode_now(tmp_path, *(f"{i}.png" for i in range(4)))


@pytest.mark.parametrize("side", [8, 80])  # with one thread, with several
def test_progress_is_told_in_images_and_the_order_is_kept(tmp_path, side):
    names = [f"{i:03}.ppm" for i in range(150)]
    for i, name in enumerate(names):
        (tmp_path / name).write_bytes(f"P5 {side} {side} 255\n".encode() + bytes([i]) * side**2)
    decoded, said = finish(decode(tmp_path, names))
    assert said[-3:] == [Progress("decoding images", n, 150, "images") for n in (64, 128, 150)]
    assert decoded.pixels[:, 0, -1, -1].tolist() == list(range(150))


def test_it_can_be_left_in_the_middle(tmp_path):
    save_image(tmp_path / "x.png")
    decoding = decode(tmp_path, ["x.png"] * 10_000)
    next(decoding)
    decoding.close()


def test_one_image_is_read_as_those_of_a_data_set_are(tmp_path):
    save_image(tmp_path / "a.png", size=(20, 20))
    save_image(tmp_path / "wide.png", size=(40, 10), seed=1)
    decoded = decode_now(tmp_path, "a.png", "a.png", "wide.png").pixels
    assert np.array_equal(read_image(tmp_path / "wide.png", (3, 20, 20)), decoded[2])
    assert read_image(tmp_path / "wide.png").shape == (3, 10, 40)


def test_one_image_alone_is_grey_or_in_colour_and_not_too_large(tmp_path):
    save_image(tmp_path / "grey.png", mode="L", size=(640, 512))
    assert read_image(tmp_path / "grey.png").shape == (1, 256, 320)
    assert read_image(tmp_path / "grey.png").flags.writeable


@pytest.mark.parametrize(
    ("content", "why"), [(None, "No such file"), (b"no image", "no image of a known format")]
)
def test_one_image_that_cannot_be_read_is_named_with_the_reason(tmp_path, content, why):
    if content:
        (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(DataError, match=why) as caught:
        read_image(tmp_path / "x.png")
    assert str(tmp_path / "x.png") in caught.value.problem


def test_one_image_that_is_cut_short_or_a_bomb_is_refused(tmp_path, monkeypatch):
    save_image(tmp_path / "x.png", size=(50, 50))
    whole = (tmp_path / "x.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cut\.png"):
        read_image(tmp_path / "cut.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(DataError, match="DecompressionBomb"):
        read_image(tmp_path / "x.png")
