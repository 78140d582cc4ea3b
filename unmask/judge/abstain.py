"""When not to answer, and what to say about an answer that stands on weak ground.

Every reason has a code for programs, which stays the same between versions, and a sentence for
people. Its level says what it does: a mild doubt is told; a strong one keeps a face from being
cleared; a refusal keeps it from being scored at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from unmask.types import Crop, Face, Media

REASONS: dict[str, str] = {
    "no_face": "No face was found; nothing was judged.",
    "all_abstained": "No face could be judged.",
    "largest_abstained": "The largest face could not be judged.",
    "face_too_small": "The face is too small.",
    "outside_domain": "The face is smaller or larger than the detector was trained on.",
    "too_blurred": "The face is too blurred.",
    "badly_exposed": "The face is too dark, too bright or without contrast.",
    "extreme_pose": "The head is turned too far.",
    "occluded": "The face is partly hidden, or hard to find.",
    "outside_frame": "The face reaches too far beyond the frame.",
    "unfamiliar": "The face is unlike those that a detector was calibrated on.",
    "partly_judged": "Not every detector could judge the face.",
    "heavy_compression": "The file is compressed so strongly that fine traces are lost.",
    "few_frames": "The person was seen in too few of the examined frames.",
    "undecided": "No answer keeps the promised error.",
}
"""Code to sentence, in the order in which a finding names them."""


class Level(IntEnum):
    """What a reason does."""

    MILD = 1
    STRONG = 2
    REFUSED = 3


@dataclass(frozen=True, slots=True, order=True)
class Doubt:
    """A reason and its level."""

    code: str
    level: Level


_CODES = {
    "size": "face_too_small",
    "sharpness": "too_blurred",
    "exposure": "badly_exposed",
    "pose": "extreme_pose",
    "visibility": "occluded",
}
_MILD, _STRONG = 0.5, 0.25
"""A quality part below the first is worth a word; below the second half of the room between
"worth a word" and "useless" is used up, and the absence of evidence means little."""

OUTSIDE_TOLD, OUTSIDE_REFUSED = 0.15, 0.35
"""Share of a crop beyond the frame. Detectors see some black in training, where a margin runs over
the edge; a third of the crop is more than any margin explains and cuts into the face."""

LOW_JPEG_QUALITY = 40
"""Below it the quantisation of even the lowest frequencies shows, and blends are smoothed over."""


def usable(face: Face) -> bool:
    """Tell whether a face is worth a detector's time; one without a quality is.

    Example:
        >>> import numpy as np
        >>> usable(Face((0, 0, 9, 9), 0.9, np.zeros((5, 2), np.float32)))
        True
    """
    return all(doubt.level < Level.REFUSED for doubt in of_face(face))


def of_face(face: Face) -> list[Doubt]:
    """Turn the parts of a face's quality into doubts."""
    parts = face.quality.parts if face.quality else {}
    return [
        Doubt(_CODES[name], level)
        for name, value in parts.items()
        if name in _CODES and (level := _level(value))
    ]


def of_crops(crops: Sequence[Crop]) -> list[Doubt]:
    """Judge what one detector was shown: nothing at all, or much that lies beyond the frame."""
    if not crops:
        return [Doubt("outside_domain", Level.REFUSED)]
    outside = sum(crop.outside for crop in crops) / len(crops)
    if outside > OUTSIDE_REFUSED:
        return [Doubt("outside_frame", Level.REFUSED)]
    return [Doubt("outside_frame", Level.MILD)] if outside > OUTSIDE_TOLD else []


def of_media(media: Media) -> list[Doubt]:
    """Judge the file by its facts: strong compression hides traces in every face."""
    for fact in media.facts:
        if fact.name == "jpeg.quality" and isinstance(fact.value, (int, float)):
            if fact.value < LOW_JPEG_QUALITY / 2:
                return [Doubt("heavy_compression", Level.STRONG)]
            if fact.value < LOW_JPEG_QUALITY:
                return [Doubt("heavy_compression", Level.MILD)]
    return []


def _level(value: float) -> Level | None:
    if value <= 0:
        return Level.REFUSED
    if value < _STRONG:
        return Level.STRONG
    return Level.MILD if value < _MILD else None
