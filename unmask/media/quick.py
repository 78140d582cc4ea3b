"""Decoding by OpenCV, where that gives the pixels of Pillow sooner or in less memory."""

from __future__ import annotations

import numpy as np

from unmask.types import Pixels


def decode(data: bytes, *, alpha: bool = False) -> Pixels | None:
    """Decodes a JPEG or a WebP, not yet turned upright.

    Both libraries use libjpeg-turbo and libwebp, so the pixels are the same. OpenCV takes two
    thirds of the time for a JPEG, because it writes where the pixels stay while Pillow's pass
    through two copies; and a third of the memory for a WebP, which Pillow opens as an animation.

    Args:
        data: The whole file, complete: of a JPEG OpenCV fills what is missing with grey and says
            nothing.
        alpha: Keep the transparency as a fourth channel.

    Returns:
        Shape (height, width, 3), or 4 with `alpha`; `None` when OpenCV cannot read it.
    """
    import cv2

    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels: Pixels | None = cv2.imdecode(
            np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED if alpha else flags
        )
    except cv2.error:
        return None
    if pixels is not None and alpha:
        cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA, dst=pixels)
    return pixels
