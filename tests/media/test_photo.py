import importlib
import io
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, features

from unmask.errors import InputError
from unmask.media import Limits, quick
from unmask.media.photo import read_photo

LOSSLESS = {"PNG": {}, "BMP": {}, "TIFF": {"compression": "tiff_lzw"}, "WebP": {"lossless": True}}
needs_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")


def code(data: bytes, name: str, **limits: int) -> str:
    with pytest.raises(InputError) as caught:
        read_photo(data, name, Limits(**limits))
    return caught.value.code


def names(data: bytes, name: str) -> dict:
    return {fact.name: fact.value for fact in read_photo(data, name, Limits()).facts}


@pytest.mark.parametrize("name", LOSSLESS)
def test_lossless_formats_give_the_very_pixels(
    drawn: Callable, encoded: Callable, name: str
) -> None:
    data = encoded(drawn(), name.upper(), **LOSSLESS[name])
    assert np.array_equal(read_photo(data, name, Limits()).pixels, drawn())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("JPEG", {"quality": 95, "subsampling": 0}),
        ("JPEG", {"quality": 95, "subsampling": 0, "progressive": True}),
        ("WebP", {"quality": 95}),
        pytest.param("AVIF", {"quality": 95}, marks=needs_avif),
    ],
)
def test_lossy_formats_come_close(
    drawn: Callable, encoded: Callable, name: str, options: dict
) -> None:
    photo = read_photo(encoded(drawn(), name.upper(), **options), name, Limits())
    assert photo.pixels.shape == drawn().shape
    assert np.abs(photo.pixels.astype(int) - drawn()).mean() < 12


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_jpeg(drawn: Callable, encoded: Callable, mode: str) -> None:
    data = encoded(Image.fromarray(drawn()).convert(mode), "JPEG", quality=95)
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(image.convert("RGB"))
    assert np.array_equal(read_photo(data, "JPEG", Limits()).pixels, expected)


def test_grey_png_of_sixteen_bits(encoded: Callable) -> None:
    deep = Image.fromarray(np.array([[0, 32768, 65535]], np.uint16))
    pixels = read_photo(encoded(deep, "PNG"), "PNG", Limits()).pixels
    assert pixels[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("name", ["GIF", "PNG", "WebP"])
def test_of_an_animation_the_first_picture(drawn: Callable, encoded: Callable, name: str) -> None:
    first, second = (Image.fromarray(drawn(i)).quantize(64) for i in (1, 2))
    data = encoded(
        first.convert("RGB") if name != "GIF" else first,
        name.upper(),
        save_all=True,
        append_images=[second.convert("RGB") if name != "GIF" else second],
        **({"lossless": True} if name == "WebP" else {}),
    )
    pixels = read_photo(data, name, Limits()).pixels
    assert np.array_equal(pixels, np.asarray(first.convert("RGB")))
    assert names(data, name)["image.animated"] is True


def test_of_many_pages_the_first(drawn: Callable, encoded: Callable) -> None:
    data = encoded(drawn(1), "TIFF", save_all=True, append_images=[Image.fromarray(drawn(2))])
    assert np.array_equal(read_photo(data, "TIFF", Limits()).pixels, drawn(1))
    assert names(data, "TIFF")["image.pages"] is True


@pytest.mark.parametrize("name", ["JPEG", "PNG", "TIFF", "WebP"])
def test_exif_orientation_is_applied_once(drawn: Callable, encoded: Callable, name: str) -> None:
    exif = Image.Exif()
    exif[274] = 6
    upright = read_photo(encoded(drawn(), name.upper()), name, Limits()).pixels
    turned = read_photo(encoded(drawn(), name.upper(), exif=exif.tobytes()), name, Limits()).pixels
    assert np.array_equal(turned, np.rot90(upright, -1))


def test_a_jpeg_with_another_profile_is_converted(
    drawn: Callable, encoded: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    from unmask.media import colour

    seen: list[bytes] = []
    monkeypatch.setattr(colour, "with_profile", lambda p, icc: (seen.append(icc), (p, []))[1])
    read_photo(encoded(drawn(), "JPEG", icc_profile=b"mine"), "JPEG", Limits())
    assert seen == [b"mine"]


@pytest.mark.parametrize(
    "name", ["JPEG", "PNG", "GIF", "TIFF", "BMP", "WebP", pytest.param("AVIF", marks=needs_avif)]
)
def test_a_file_cut_short_is_truncated(drawn: Callable, encoded: Callable, name: str) -> None:
    data = encoded(drawn(), name.upper())
    assert code(data[: len(data) // 2], name) == "truncated"


def test_damage_is_not_called_truncation(drawn: Callable, encoded: Callable) -> None:
    data = bytearray(encoded(drawn(), "PNG"))
    data[60:90] = bytes(30)
    assert code(bytes(data), "PNG") == "unreadable"
    assert code(b"II*\x00\x08\x00\x00\x00\x00\x00", "TIFF") == "unreadable"


def test_a_jpeg_without_its_end_marker_but_with_all_its_pixels_is_read(
    drawn: Callable, encoded: Callable
) -> None:
    data = encoded(drawn(), "JPEG", quality=95)
    whole = read_photo(data, "JPEG", Limits()).pixels
    assert np.array_equal(read_photo(data[:-2] + bytes(16), "JPEG", Limits()).pixels, whole)


@pytest.mark.parametrize("name", ["JPEG", "WebP"])
def test_pillow_stands_in_where_opencv_fails(
    drawn: Callable, encoded: Callable, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    data = encoded(drawn(), name.upper())
    expected = read_photo(data, name, Limits()).pixels
    monkeypatch.setattr(quick, "decode", lambda *_, **__: None)
    assert np.abs(read_photo(data, name, Limits()).pixels.astype(int) - expected).max() <= 1


def test_a_transparent_webp_lies_on_white(drawn: Callable, encoded: Callable) -> None:
    picture = np.dstack([drawn(), np.where(drawn()[..., :1] > 128, 255, 0)]).astype(np.uint8)
    data = encoded(picture, "WEBP", lossless=True)
    expected = np.where(picture[..., 3:] > 0, picture[..., :3], 255)
    assert np.array_equal(read_photo(data, "WebP", Limits()).pixels, expected)
    assert names(data, "WebP")["image.alpha"] is True


@pytest.mark.parametrize(("name", "share"), [("GIF", 0.25), ("WebP", 0.25), ("TIFF", 1.0)])
def test_an_animation_may_be_a_quarter_as_large(
    drawn: Callable, encoded: Callable, name: str, share: float
) -> None:
    second = Image.fromarray(drawn(2))
    data = encoded(drawn(1), name.upper(), save_all=True, append_images=[second])
    enough = round(96 * 64 / share)
    read_photo(data, name, Limits(pixels=enough))
    assert code(data, name, pixels=enough - 8) == "too_many_pixels"


@pytest.mark.parametrize("name", ["JPEG", "PNG", "GIF", "TIFF", "BMP", "WebP"])
def test_pixels_are_limited_before_decoding(
    drawn: Callable, encoded: Callable, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encoded(drawn(size=(40, 30)), name.upper())
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda _: pytest.fail("decoded"))
    assert code(data, name, pixels=40 * 30 - 1) == "too_many_pixels"


def test_a_huge_png_header_is_refused_without_pillows_warning(
    drawn: Callable, encoded: Callable
) -> None:
    data = encoded(drawn(), "PNG")
    header = data[12:16] + (100_000).to_bytes(4, "big") * 2 + data[24:29]
    bomb = data[:12] + header + zlib.crc32(header).to_bytes(4, "big") + data[33:]
    assert code(bomb, "PNG") == "too_many_pixels"


def test_a_jpeg_of_endless_scans_is_refused(drawn: Callable, encoded: Callable) -> None:
    data = encoded(drawn(), "JPEG", progressive=True)
    last = data.rfind(b"\xff\xda")
    assert code(data[:last] + data[last:-2] * 500 + data[-2:], "JPEG") == "unreadable"


@pytest.mark.parametrize("tag", [{254: 1}, {50706: b"\x01\x04\x00\x00"}])
def test_the_thumbnail_of_a_raw_file_is_not_taken_for_the_photo(
    drawn: Callable, encoded: Callable, tag: dict
) -> None:
    assert code(encoded(drawn(), "TIFF", tiffinfo=tag), "TIFF") == "unsupported_format"


def test_a_pillow_without_a_codec_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = importlib.import_module("PIL.AvifImagePlugin")
    monkeypatch.setattr(plugin, "SUPPORTED", False)
    assert code(b"", "AVIF") == "unsupported_format"
