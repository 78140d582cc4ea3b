import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from unmask.media import colour


def names(facts: list) -> dict:
    return {fact.name: fact.value for fact in facts}


def profile(name: str) -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "YCbCr", "HSV", "CMYK"])
def test_modes_without_alpha_keep_their_picture(drawn: Callable, mode: str) -> None:
    image = Image.fromarray(drawn()).convert(mode)
    pixels, facts = colour.to_srgb(image)
    assert np.array_equal(pixels, np.asarray(image.convert("RGB")))
    assert ("image.mode" in names(facts)) == (mode in ("YCbCr", "HSV", "CMYK"))


@pytest.mark.parametrize("dtype", ["<u2", ">u2"])
def test_sixteen_bits_are_scaled_and_not_cut_off(dtype: str) -> None:
    values = np.array([[0, 257, 32768, 65535]], dtype)
    image = Image.frombytes("I;16" if dtype == "<u2" else "I;16B", (4, 1), values.tobytes(), "raw")
    pixels, facts = colour.to_srgb(image)
    assert pixels[0, :, 0].tolist() == [0, 1, 128, 255]
    assert names(facts)["image.mode"].startswith("I;16")


def test_wider_numbers_are_stretched() -> None:
    image = Image.fromarray(np.array([[-1.0, 0.0, 1.0, np.inf]], np.float32))
    assert colour.to_srgb(image)[0][0, :, 0].tolist() == [0, 128, 255, 255]
    nothing = Image.fromarray(np.full((2, 2), np.nan, np.float32))
    assert not colour.to_srgb(nothing)[0].any()
    flat = Image.fromarray(np.full((2, 2), 70_000, np.int32))
    assert not colour.to_srgb(flat)[0].any()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparent_parts_are_laid_on_white(mode: str) -> None:
    image = Image.new("RGBA", (2, 1), (10, 20, 30, 0))
    image.putpixel((1, 0), (200, 200, 200, 255))
    pixels, facts = colour.to_srgb(image.convert(mode))
    assert pixels[0].tolist() == [[255, 255, 255], [200, 200, 200]]
    assert names(facts)["image.alpha"] is True


def test_one_transparent_colour_counts_as_alpha() -> None:
    image = Image.new("P", (2, 1), 0)
    image.putpalette([9, 9, 9, 50, 60, 70])
    image.putpixel((1, 0), 1)
    image.info["transparency"] = 0
    assert colour.to_srgb(image)[0][0].tolist() == [[255, 255, 255], [50, 60, 70]]


@pytest.mark.parametrize("described", [True, False])
def test_lab_is_converted(drawn: Callable, described: bool) -> None:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    original = Image.fromarray(drawn()).resize((24, 16))
    image = ImageCms.profileToProfile(original, srgb, lab, outputMode="LAB")
    assert image is not None
    if not described:
        del image.info["icc_profile"]
    pixels, _ = colour.to_srgb(image)
    assert np.abs(pixels.astype(int) - np.asarray(original)).mean() < 8


def test_an_srgb_profile_costs_nothing(drawn: Callable) -> None:
    pixels = drawn()
    same, facts = colour.with_profile(pixels, profile("sRGB"))
    assert same is pixels
    assert facts == []


def test_another_profile_is_applied(drawn: Callable) -> None:
    pixels = drawn()
    changed, facts = colour.with_profile(pixels.copy(), swapped_profile())
    assert np.array_equal(changed[..., 0] > changed[..., 2], pixels[..., 2] > pixels[..., 0])
    assert "swapped" in names(facts)["icc.profile"]


def swapped_profile() -> bytes:
    """An sRGB profile whose red and blue change places, under another name."""
    data = bytearray(profile("sRGB"))
    count = int.from_bytes(data[128:132], "big")
    for i in range(count):
        entry = 132 + 12 * i
        tag = bytes(data[entry : entry + 4])
        data[entry : entry + 4] = {b"rXYZ": b"bXYZ", b"bXYZ": b"rXYZ"}.get(tag, tag)
    for name in ("sRGB built-in", "sRGB"):
        for coding in ("ascii", "utf-16-be"):
            new = ("swapped" + " " * 9)[: len(name)] if len(name) > 4 else "swap"
            data = bytearray(bytes(data).replace(name.encode(coding), new.encode(coding)))
    return bytes(data)


def test_a_broken_profile_is_ignored_and_said(drawn: Callable) -> None:
    pixels = drawn()
    same, facts = colour.with_profile(pixels.copy(), b"not a profile")
    assert np.array_equal(same, pixels)
    assert "icc.ignored" in names(facts)


def test_a_profile_for_other_colours_is_ignored_and_said(drawn: Callable) -> None:
    image = Image.fromarray(drawn()).convert("L")
    image.info["icc_profile"] = swapped_profile()
    pixels, facts = colour.to_srgb(image)
    assert np.array_equal(pixels[..., 0], np.asarray(image))
    assert "icc.ignored" in names(facts)


def test_a_palette_is_looked_up_before_its_profile(drawn: Callable) -> None:
    image = Image.fromarray(drawn()).quantize(16)
    image.info["icc_profile"] = swapped_profile()
    pixels, facts = colour.to_srgb(image)
    plain = np.asarray(image.convert("RGB"))
    assert pixels.shape == plain.shape
    assert not np.array_equal(pixels, plain)
    assert "icc.profile" in names(facts)


@pytest.mark.parametrize("orientation", range(10))
def test_orientation_is_undone_as_pillow_does_it(
    drawn: Callable, encoded: Callable, orientation: int
) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    with Image.open(io.BytesIO(encoded(drawn(), "PNG", exif=exif.tobytes()))) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(colour.upright(drawn(), orientation), expected)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "I;16", "F", "CMYK"])
def test_strips_join_without_a_seam(
    drawn: Callable, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    grey = drawn()[..., 0]
    makers = {"I;16": lambda: grey.astype(np.uint16) * 257, "F": lambda: grey.astype(np.float32)}
    image = (
        Image.fromarray(makers[mode]())
        if mode in makers
        else Image.fromarray(drawn()).convert(mode)
    )
    image.info["icc_profile"] = swapped_profile() if mode == "RGB" else None
    whole, facts = colour.to_srgb(image)
    monkeypatch.setattr(colour, "_STRIP", 96 * 7)
    striped, same = colour.to_srgb(image)
    assert np.array_equal(striped, whole)
    assert same == facts
    with_profile, _ = colour.with_profile(drawn(), swapped_profile())
    monkeypatch.setattr(colour, "_STRIP", 10**9)
    assert np.array_equal(with_profile, colour.with_profile(drawn(), swapped_profile())[0])
