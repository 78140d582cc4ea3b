"""From whatever a photo's file holds to upright sRGB with eight bits a channel."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

import numpy as np

from unmask.types import Fact, Pixels

if TYPE_CHECKING:
    from PIL.Image import Image

_PLAIN: Final = {"RGB", "L", "1", "P", "RGBA", "LA", "PA", "RGBX"}
# OpenCV's flips that follow the transposition of numbers 5 to 8: 0 upside down, 1 left to right.
_FLIPS: Final = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}
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
    profile = image.info.get("icc_profile")
    if image.has_transparency_data:
        facts.append(_ALPHA)
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        image, told = _managed(image.convert("RGB"), profile)
        image = _on_white(image, alpha)
    else:
        image, told = _managed(_eight_bits(image), profile)
    return np.asarray(image), facts + told


def with_profile(pixels: Pixels, profile: bytes | None) -> tuple[Pixels, list[Fact]]:
    """Applies an embedded colour profile to pixels that were decoded without Pillow.

    Args:
        pixels: Shape (height, width, 3), in the profile's colours.
        profile: The ICC profile, if the file has one.

    Returns:
        Pixels in sRGB, and what was done.
    """
    if profile is None or _is_srgb(profile):
        return pixels, []
    from PIL import Image

    image, facts = _managed(Image.fromarray(pixels), profile)
    return np.asarray(image), facts


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


def _eight_bits(image: Image) -> Image:
    """Modes of Pillow that hold more than eight bits become grey ones; the others stay."""
    from PIL import Image as Pillow

    if image.mode.startswith("I;16"):
        import cv2

        deep = np.asarray(image).astype(np.uint16, copy=False)
        return Pillow.fromarray(cv2.convertScaleAbs(deep, alpha=255 / 65535))
    if image.mode in ("I", "F"):
        return Pillow.fromarray(_stretched(np.asarray(image)))
    return image


def _stretched(values: np.ndarray) -> np.ndarray:
    """Maps the finite range onto 0..255: 32-bit files do not say which value is white."""
    values = np.nan_to_num(values.astype(np.float32), posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    return ((values - low) * (255.0 / ((high - low) or 1.0)) + 0.5).astype(np.uint8)


def _managed(image: Image, profile: bytes | None) -> tuple[Image, list[Fact]]:
    """Applies the profile, or Pillow's plain conversion where there is none that can be used."""
    if profile is None or _is_srgb(profile):
        return _plain(image), []
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        name = ImageCms.getProfileDescription(source).strip()
        target = ImageCms.createProfile("sRGB")
        if image.mode not in ("RGB", "L", "CMYK", "LAB"):
            image = image.convert("RGB")
        found = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        return _plain(image), [Fact("icc.ignored", str(error)[:200], "The profile is broken.")]
    assert found is not None  # only an in-place conversion gives nothing
    return found, [Fact("icc.profile", name[:200], "Colours were converted to sRGB.")]


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


def _on_white(image: Image, alpha: Image) -> Image:
    from PIL import Image as Pillow

    white = Pillow.new("RGB", image.size, "white")
    white.paste(image, mask=alpha)
    return white
