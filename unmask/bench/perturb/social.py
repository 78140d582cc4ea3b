"""What happens to a photo that is posted or sent on: resized to a long side, JPEG, sharpened.

Each chain is named after what it does. Severity 1 is one upload as documented; every further step
is one more time that somebody shares the result: a preview a tenth smaller, a quality three lower.
Pictures are brought back to their size at the end, as on the screen that shows them.

Known parameters: Telegram's Android client boxes photos at 1280 pixels and saves JPEG at quality 87
(as told in the public tracker of DrKLO/Telegram, 2098). WhatsApp was seen to box at 1600 by 1200
(the same tracker, 1261, in 2015). Uploads measured for the Photo Taco podcast came back with 1080
(Instagram), 1920 (Facebook) and 4096 pixels (Twitter) on the long side. Services change these
without notice. All other qualities, the halved chroma and the sharpening are our estimates.
"""

from __future__ import annotations

import cv2

from unmask.bench.perturb._registry import Rng, perturbation
from unmask.bench.perturb._tools import coded, jpeg, sized, unsharp
from unmask.types import Pixels

SHARES = (1, 2, 3, 4, 5)
SMALLER, WORSE = 0.9, 3


@perturbation(times=SHARES)
def side_1280_q87(pixels: Pixels, rng: Rng, times: float) -> Pixels:
    """Long side 1280, JPEG 87, halved chroma: a messenger's photo."""
    return _shared(pixels, round(times), 1280, 87)


@perturbation(times=SHARES)
def side_1600_q75(pixels: Pixels, rng: Rng, times: float) -> Pixels:
    """Long side 1600, JPEG 75, halved chroma: a thriftier messenger's."""
    return _shared(pixels, round(times), 1600, 75)


@perturbation(times=SHARES)
def side_1080_q78_sharp(pixels: Pixels, rng: Rng, times: float) -> Pixels:
    """Long side 1080, sharpened after shrinking, JPEG 78, halved chroma: a photo feed."""
    return _shared(pixels, round(times), 1080, 78, sharp=0.4)


@perturbation(times=SHARES)
def side_1920_q71_to_q95(pixels: Pixels, rng: Rng, times: float) -> Pixels:
    """Long side 1920, JPEG of a quality that follows the content (drawn), slightly sharpened."""
    return _shared(pixels, round(times), 1920, rng.uniform(71, 95), sharp=0.15)


@perturbation(times=SHARES)
def side_4096_q85(pixels: Pixels, rng: Rng, times: float) -> Pixels:
    """Long side 4096, JPEG 85, halved chroma: a service for large pictures."""
    return _shared(pixels, round(times), 4096, 85)


@perturbation(share=(0.75, 0.55, 0.4, 0.3, 0.22))
def preview_webp(pixels: Pixels, rng: Rng, share: float) -> Pixels:
    """A search engine's or chat's preview: a share of the sides and WebP of quality 70."""
    small = _boxed(pixels, share * max(pixels.shape[:2]))
    small = coded(small, ".webp", [cv2.IMWRITE_WEBP_QUALITY, 70])
    return sized(small, pixels.shape[0], pixels.shape[1], cv2.INTER_CUBIC)


def _shared(pixels: Pixels, times: int, side: int, quality: float, sharp: float = 0) -> Pixels:
    height, width = pixels.shape[:2]
    shown, box = pixels, min(side, max(height, width))
    for number in range(times):
        smaller = _boxed(shown, box * SMALLER**number)
        shown = jpeg(unsharp(smaller, 0.7, sharp) if sharp else smaller, quality - WORSE * number)
    return sized(shown, height, width, cv2.INTER_CUBIC)


def _boxed(pixels: Pixels, side: float) -> Pixels:
    """Shrunk until the long side is at most `side`."""
    height, width = pixels.shape[:2]
    factor = min(1.0, side / max(height, width))
    return sized(pixels, height * factor, width * factor)
