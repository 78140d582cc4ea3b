"""Quality: how well a face can be judged at all, in parts and in words.

Every part runs from 0 (useless) to 1 (nothing to complain about), linearly between two values of
something measured. The weakest part decides. Nothing here tells genuine from manipulated.

Pose comes from five points and a rigid model face, so its angles are rough (ten degrees either
way) and a face turned beyond about 60 degrees has no usable points anyhow. Visibility is a proxy
as well: it sees that the finder was unsure or that a part lies beyond the frame, not what covers
the face.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from unmask.faces.align import cut, side
from unmask.judge.card import CropRecipe
from unmask.types import Box, Face, Pixels, Plane, Points, Quality

DOUBTFUL = 0.5
"""A part below this is a reason to doubt a result."""

SIDE = 96
"""Blur and light are measured on the inner face at this size, so that they compare between faces
of all sizes: what counts is detail per face, not detail per pixel."""

_INNER = CropRecipe("box", (SIDE, SIDE), 0.8, (0, 0, 0), (1, 1, 1))

# Each range reads: 0 at the first value, 1 at the second.
SIZE = (24.0, 96.0)
"""Pixels. Below 24 px a finder's box is a guess; from 96 px on no detector asks for more."""

SHARPNESS = (0.03, 0.10)
"""Share of the contrast that lies in fine detail. Ordinary photos of faces measured 0.11 to 0.30;
a Gaussian blur of 1 % of the face's side brings them to 0.10, of 2 % to 0.06, of 5 % to 0.03."""

DARK, BRIGHT = (10.0, 40.0), (245.0, 215.0)
"""Mean grey, 0..255. Well exposed dark skin measures 50 and more, so that skin is no complaint."""

CLIPPED = (0.6, 0.2)
"""Share of pixels at the ends of the range; studio light alone reaches 0.1."""

CONTRAST = (5.0, 15.0)
"""Deviation of grey; ordinary faces measure 22 and more."""

YAW, PITCH, ROLL = (60.0, 30.0), (50.0, 25.0), (120.0, 40.0)
"""Degrees. From about 60 the far eye is hidden; crops undo a roll, the finder copes with less."""

CONFIDENCE = (0.3, 0.7)
"""Of the finder; bare faces lie above 0.8, heavily covered ones between."""

BEYOND = (0.6, 0.15)
"""Share of the box beyond the frame."""

_NOSE_DEPTH = 0.5  # of the eye distance: how far the nose tip stands before the eyes
_FACE_HEIGHT = 1.15  # of the eye distance: from the eyes to the mouth
_NOSE_HEIGHT = 0.57  # of the way from the eyes to the mouth, as finders mark frontal studio faces


def assess(pixels: Pixels, face: Face) -> Quality:
    """Measure a face.

    Args:
        pixels: The upright frame, shape (height, width, 3).
        face: Its box, confidence and five points.

    Example:
        >>> from unmask.faces.align import TEMPLATE
        >>> face = Face((10, 10, 102, 102), 0.9, TEMPLATE.astype(np.float32))
        >>> grey = assess(np.full((112, 112, 3), 128, np.uint8), face)
        >>> grey.score, grey.reasons[0]
        (0.0, 'The face is too blurred: fine detail makes up 0 % of its contrast.')
    """
    found = (
        _size(face.box),
        *_light(pixels, face),
        _pose(face.points),
        _visibility(face, pixels.shape[1], pixels.shape[0]),
    )
    parts = {name: value for name, value, _ in found}
    worst_first = sorted(found, key=lambda part: part[1])
    reasons = tuple(text for _, value, text in worst_first if value < DOUBTFUL)
    return Quality(min(parts.values()), side(face.box), parts, reasons)


def angles(points: Points) -> tuple[float, float, float] | None:
    """Estimate how a head is turned from its five points.

    The nose tip stands before the plane of the eyes and the mouth, so that it moves against them
    when the head turns.

    Args:
        points: Shape (5, 2), the order of `unmask.types.Face`.

    Returns:
        Yaw (positive: towards the picture's right), pitch (positive: down), roll (positive:
        clockwise), in degrees; `None` when the points show no face.

    Example:
        >>> from unmask.faces.align import TEMPLATE
        >>> yaw, pitch, roll = angles(TEMPLATE.astype(np.float32))
        >>> abs(round(yaw)), abs(round(roll))
        (0, 0)
    """
    left, right, nose, mouth_left, mouth_right = np.asarray(points, np.float64)
    across = right - left
    distance = float(np.hypot(*across))
    if not distance > 1e-6:
        return None
    along = across / distance
    down = np.array([-along[1], along[0]])
    eyes, mouth = (left + right) / 2, (mouth_left + mouth_right) / 2
    height = float((mouth - eyes) @ down)
    if not height > 1e-6:
        return None
    # The foot of the nose lies between the middles of the eyes and of the mouth.
    foot = eyes + _NOSE_HEIGHT * (mouth - eyes)
    yaw = math.atan(float((nose - foot) @ along) / (_NOSE_DEPTH * distance))
    rise = _NOSE_DEPTH / _FACE_HEIGHT * height
    pitch = math.atan(float((nose - foot) @ down) / rise)
    roll = math.atan2(across[1], across[0])
    return math.degrees(yaw), math.degrees(pitch), math.degrees(roll)


_Part = tuple[str, float, str]


def _size(box: Box) -> _Part:
    px = side(box)
    return "size", _between(px, SIZE), f"The face is small: {px:.0f} pixels."


def _light(pixels: Pixels, face: Face) -> tuple[_Part, _Part]:
    """Measure sharpness and exposure on the inner face."""
    crops = cut(pixels, face, _INNER)
    if not crops:
        return ("sharpness", 0.0, "The face has no area."), ("exposure", 0.0, "It shows nothing.")
    grey = cv2.cvtColor(crops[0].pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return _sharpness(grey), _exposure(grey)


def _sharpness(grey: Plane) -> _Part:
    detail = float((grey - cv2.GaussianBlur(grey, (0, 0), SIDE / 64)).std())
    # The floor keeps the rounding noise of a flat picture from passing for detail.
    share = detail / max(float(grey.std()), 2 * CONTRAST[0])
    text = f"The face is too blurred: fine detail makes up {share:.0%} of its contrast."
    return "sharpness", _between(share, SHARPNESS), text.replace("%", " %")


def _exposure(grey: Plane) -> _Part:
    mean, clipped = float(grey.mean()), float(((grey < 4) | (grey > 251)).mean())
    return _weakest(
        "exposure",
        (_between(mean, DARK), "The face is too dark."),
        (_between(mean, BRIGHT), "The face is too bright."),
        (_between(clipped, CLIPPED), f"{100 * clipped:.0f} % of the face is black or white."),
        (_between(float(grey.std()), CONTRAST), "The face has hardly any contrast."),
    )


def _pose(points: Points) -> _Part:
    turned = angles(points)
    if turned is None:
        return "pose", 0.0, "The five points show no face from the front."
    ranges = (("to the side", YAW), ("up or down", PITCH), ("over", ROLL))
    return _weakest(
        "pose",
        *(
            (_between(abs(a), limits), f"The head is turned {way} by about {abs(a):.0f} degrees.")
            for a, (way, limits) in zip(turned, ranges, strict=True)
        ),
    )


def _visibility(face: Face, width: int, height: int) -> _Part:
    x0, y0, x1, y1 = face.box
    inside = max(0.0, min(x1, width) - max(x0, 0)) * max(0.0, min(y1, height) - max(y0, 0))
    beyond = 1 - inside / max((x1 - x0) * (y1 - y0), 1e-6)
    hidden = int(((face.points < 0) | (face.points > (width, height))).any(1).sum())
    return _weakest(
        "visibility",
        (_between(beyond, BEYOND), f"{100 * beyond:.0f} % of the face lies beyond the frame."),
        (max(0.0, 1 - hidden / 3), f"{hidden} of its five points lie beyond the frame."),
        (
            _between(face.confidence, CONFIDENCE),
            "The face is hard to find; something may cover it.",
        ),
    )


def _weakest(name: str, *found: tuple[float, str]) -> _Part:
    """Return the smallest value and its words; the first among equals."""
    value, text = min(found, key=lambda pair: pair[0])
    return name, value, text


def _between(value: float, ends: tuple[float, float]) -> float:
    """Return 0 at the first end, 1 at the second, clipped; not-a-number is 0."""
    share = (value - ends[0]) / (ends[1] - ends[0])
    return min(max(share, 0.0), 1.0) if math.isfinite(share) else 0.0
