"""Reads one photo: the header first, then the limits, and only then the pixels."""

from __future__ import annotations

import importlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from unmask.errors import InputError
from unmask.media import colour, compression, jpeg, provenance, quick
from unmask.media.options import Limits
from unmask.memory import turn
from unmask.types import Fact, Pixels

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

_MOST_SCANS = 100
# Bytes that decoding takes for a pixel: with transparency, then without.
_EACH = 7
# Decoders of animations keep several pictures in memory.
_ANIMATED = 0.25
_ORIENTATION, _SUBFILE, _DNG_VERSION = 274, 254, 50706


class Photo(NamedTuple):
    """A photo's upright pixels in sRGB and the facts about its history."""

    pixels: Pixels
    facts: list[Fact]


def read_photo(data: bytes, name: str, limits: Limits, *, history: bool = True) -> Photo:
    """Decodes a photo; of an animation or a file of many pages, the first picture.

    Args:
        data: The whole file.
        name: The format, as `unmask.media.sniff` names it.
        limits: `pixels` is held against the header, before anything is decoded.
        history: Whether to look for an earlier compression.

    Returns:
        Pixels and facts.

    Raises:
        InputError: `too_many_pixels`, `truncated`, `unreadable`, `unsupported_format`.
    """
    with _border(data, name):
        image = _header(data, name)
        several = name != "JPEG" and bool(getattr(image, "is_animated", False))
        animated = several and name != "TIFF"
        check_pixels(*image.size, limits, share=_ANIMATED if animated else 1.0)
        told = _pages(image, name, several)
        with turn(_EACH * image.width * image.height):
            found = _decoded(data, image, fast=name == "WebP" and not several)
        upright = colour.upright(found.pixels, image.getexif().get(_ORIENTATION, 1))
        told += found.facts
        if image.format == "JPEG":
            told += compression.facts(image, found.pixels if history else None)
        return Photo(upright, told + provenance.photo_facts(image))


def check_pixels(width: int, height: int, limits: Limits, share: float = 1.0) -> None:
    """Holds a picture's size against the limit.

    Args:
        width: Pixels.
        height: Pixels.
        limits: `pixels` counts.
        share: How much of the limit may be used.

    Raises:
        InputError: `too_many_pixels`.
    """
    most = round(limits.pixels * share)
    if width * height > most:
        raise InputError(
            "too_many_pixels", f"{width} × {height} pixels are more than the limit of {most}."
        )


def _header(data: bytes, name: str) -> ImageFile:
    """Opens with the one plugin of Pillow that reads the format, so no other can be reached.

    `Image.open` would load more plugins and add a limit on pixels that belongs to the whole
    process, so it is not ours to change.
    """
    stem = name if name == "WebP" else name.title()
    plugin = importlib.import_module(f"PIL.{stem}ImagePlugin")
    if not getattr(plugin, "SUPPORTED", True):
        raise InputError("unsupported_format", f"The installed Pillow cannot read {name}.")
    reader: type[ImageFile] = getattr(plugin, f"{stem}ImageFile")
    return reader(io.BytesIO(data))


def _decoded(data: bytes, image: ImageFile, *, fast: bool) -> Photo:
    """Pixels as stored, in sRGB.

    Raises:
        InputError: `unreadable` for a JPEG that would keep a decoder busy.
    """
    if image.format == "JPEG":
        layout = jpeg.layout(data)
        if layout.scans > _MOST_SCANS:
            raise InputError("unreadable", f"A JPEG of {layout.scans} scans is no photo.")
        fast = layout.complete and image.mode in ("L", "RGB")
    photo = _quick(data, image) if fast else None
    if photo is None:
        image.load()
        photo = Photo(*colour.to_srgb(image))
    return photo


def _quick(data: bytes, image: ImageFile) -> Photo | None:
    from PIL import Image

    alpha = image.mode == "RGBA"
    pixels = quick.decode(data, alpha=alpha)
    if pixels is None or pixels.shape != (image.height, image.width, 4 if alpha else 3):
        return None
    if not alpha:
        return Photo(*colour.with_profile(pixels, image.info.get("icc_profile")))
    picture = Image.fromarray(pixels)
    picture.info = image.info
    return Photo(*colour.to_srgb(picture))


def _pages(image: ImageFile, name: str, several: bool) -> list[Fact]:
    """Says that there is more than the one picture, and refuses what is only a thumbnail.

    Raises:
        InputError: `unsupported_format` for a camera's raw file, whose first picture is small.
    """
    tags = getattr(image, "tag_v2", {})
    if tags.get(_SUBFILE, 0) & 1 or _DNG_VERSION in tags:
        raise InputError("unsupported_format", "Raw camera files are not read: develop it first.")
    if not several:
        return []
    word = "image.pages" if name == "TIFF" else "image.animated"
    return [Fact(word, True, "Holds several pictures; only the first was examined.")]


@contextmanager
def _border(data: bytes, name: str) -> Iterator[None]:
    """Turns whatever a decoder may raise into one of our codes.

    Raises:
        InputError: `truncated` where the file is cut short, else `unreadable`.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # on broken files Pillow raises a dozen types
        cut = "truncat" in str(error).lower() or _cut_short(data, name)
        raise InputError(
            "truncated" if cut else "unreadable", f"Not a whole {name}: {str(error)[:200]}"
        ) from error


def _cut_short(data: bytes, name: str) -> bool:
    """Looks for the end that each format announces; only asked of files that did not decode."""
    ends = {
        "JPEG": lambda: not jpeg.layout(data).complete,
        "PNG": lambda: b"IEND" not in data[-64:],
        "GIF": lambda: not data.rstrip(b"\x00").endswith(b";"),
        "WebP": lambda: int.from_bytes(data[4:8], "little") + 8 > len(data),
        "BMP": lambda: int.from_bytes(data[2:6], "little") > len(data),
        "AVIF": lambda: _boxes_overrun(data),
    }
    return name in ends and ends[name]()


def _boxes_overrun(data: bytes) -> bool:
    position = 0
    while position + 8 <= len(data):
        position += max(8, int.from_bytes(data[position : position + 4], "big"))
    return position != len(data)
