"""From whatever a photo's file holds to upright sRGB with eight bits a channel."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from unmask.media.provenance import clean
from unmask.types import Fact, Pixels

if TYPE_CHECKING:
    from PIL.Image import Image

_PLAIN: Final = {"RGB", "L", "1", "P", "RGBA", "LA", "PA", "RGBX"}
# OpenCV's flips that follow the transposition of numbers 5 to 8: 0 upside down, 1 left to right.
_FLIPS: Final = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}
_STRIP = 4_000_000
_SRGB = (b"sRGB", "sRGB".encode("utf-16-be"))


def to_srgb(image: Image) -> tuple[Pixels, list[Fact]]:
    """Converts any of Pillow's modes.

    Sixteen bits are scaled, not cut off. Transparent parts are laid on white, because that is
    what nearly every viewer and web page shows them on, so it is the picture that people saw. An
    embedded colour profile other than sRGB is applied.

    Args:
        image: A loaded picture.

    Returns:
        The pixels, and what the conversion has to tell.

    Raises:
        ValueError: The mode is one that Pillow cannot convert either.
    """
    facts = [] if image.mode in _PLAIN else [_mode_fact(image.mode)]
    if image.has_transparency_data:
        facts.append(_ALPHA)
    managed = _Managed(image.info.get("icc_profile"))
    extent = _extent(image) if image.mode in ("I", "F") else (0.0, 0.0)
    pixels: Pixels = np.empty((image.height, image.width, 3), np.uint8)
    for top, strip in _strips(image):
        flat = _flat(_eight_bits(strip, extent), managed)
        pixels[top : top + flat.height] = np.asarray(flat)
    return pixels, facts + managed.facts


def _strips(image: Image) -> Iterator[tuple[int, Image]]:
    """Rows at the top and some below, so that not all stages of a large picture are in memory."""
    rows = max(1, _STRIP // image.width)
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(image.height, top + rows)))


def with_profile(pixels: Pixels, profile: bytes | None) -> tuple[Pixels, list[Fact]]:
    """Applies an embedded colour profile to pixels that were decoded without Pillow.

    Args:
        pixels: Shape (height, width, 3), in the profile's colours; changed in place.
        profile: The ICC profile, if the file has one.

    Returns:
        Pixels in sRGB, and what was done.
    """
    if profile is None or _is_srgb(profile):
        return pixels, []
    from PIL import Image

    managed = _Managed(profile)
    rows = max(1, _STRIP // pixels.shape[1])
    for top in range(0, len(pixels), rows):
        strip = pixels[top : top + rows]
        strip[:] = np.asarray(managed.applied(Image.fromarray(strip)))
    return pixels, managed.facts


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undoes the rotation that EXIF says the camera was held at.

    Args:
        pixels: As stored.
        orientation: EXIF's number, 1 to 8; anything else counts as 1.

    Returns:
        Pixels as they are to be seen.

    Example:
        >>> upright(np.zeros((2, 3, 3), np.uint8), 6).shape
        (3, 2, 3)
    """
    if orientation not in range(2, 9):
        return pixels
    import cv2

    if orientation >= 5:
        pixels = cv2.transpose(pixels)
    return cv2.flip(pixels, _FLIPS[orientation]) if orientation in _FLIPS else pixels


_ALPHA = Fact("image.alpha", True, "Has transparent parts; they were laid on white.")


def _mode_fact(mode: str) -> Fact:
    return Fact(
        "image.mode", mode, "Stored in these colours and converted; seldom so in camera photos."
    )


def _flat(image: Image, managed: _Managed) -> Image:
    """One strip, its colours managed and its transparent parts laid on white."""
    if not image.has_transparency_data:
        return managed.applied(image)
    from PIL import Image as Pillow

    image = image.convert("RGBA")
    white = Pillow.new("RGB", image.size, "white")
    white.paste(managed.applied(image.convert("RGB")), mask=image.getchannel("A"))
    return white


def _extent(image: Image) -> tuple[float, float]:
    """Least and greatest finite value."""
    low, high = np.inf, -np.inf
    for _, strip in _strips(image):
        values = np.asarray(strip, np.float64)
        finite = np.isfinite(values)
        low = min(low, float(values.min(where=finite, initial=np.inf)))
        high = max(high, float(values.max(where=finite, initial=-np.inf)))
    return (low, high) if low <= high else (0.0, 0.0)


def _eight_bits(image: Image, extent: tuple[float, float]) -> Image:
    """Modes of Pillow that hold more than eight bits become grey ones; the others stay.

    Files of 32 bits do not say which value is white, so their `extent` becomes 0 to 255.
    """
    from PIL import Image as Pillow

    if image.mode.startswith("I;16"):
        import cv2

        deep = np.asarray(image).astype(np.uint16, copy=False)
        return Pillow.fromarray(cv2.convertScaleAbs(deep, alpha=255 / 65535))
    if image.mode in ("I", "F"):
        low, high = extent
        values = np.nan_to_num(np.asarray(image, np.float64), nan=low, posinf=high, neginf=low)
        scaled = (values - low) * (255.0 / ((high - low) or 1.0))
        return Pillow.fromarray((scaled + 0.5).astype(np.uint8))
    return image


class _Managed:
    """A colour profile, made ready once for all strips of a picture.

    Attributes:
        facts: What the profile has to tell, known after the first strip.
    """

    def __init__(self, profile: bytes | None) -> None:
        self._profile = None if profile is None or _is_srgb(profile) else profile
        self._transform: Any = None
        self.facts: list[Fact] = []

    def applied(self, image: Image) -> Image:
        """The picture in sRGB, by Pillow's plain conversion where no profile can be used."""
        if self._profile is None:
            return _plain(image)
        from PIL import ImageCms

        if image.mode not in ("RGB", "L", "CMYK", "LAB"):
            image = image.convert("RGB")
        try:
            if self._transform is None:
                self._transform = self._prepared(self._profile, image.mode)
            found = ImageCms.applyTransform(image, self._transform)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
            self._profile = None
            self.facts = [Fact("icc.ignored", clean(error), "The profile is broken.")]
            return _plain(image)
        assert found is not None  # only an in-place conversion gives nothing
        return found

    def _prepared(self, profile: bytes, mode: str) -> Any:
        from PIL import ImageCms

        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        name = clean(ImageCms.getProfileDescription(source))
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
        self.facts = [Fact("icc.profile", name, "Colours were converted to sRGB.")]
        return transform


def _plain(image: Image) -> Image:
    if image.mode == "LAB":
        from PIL import ImageCms

        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        found = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
        assert found is not None  # only an in-place conversion gives nothing
        return found
    return image if image.mode == "RGB" else image.convert("RGB")


def _is_srgb(profile: bytes) -> bool:
    return any(name in profile for name in _SRGB)
