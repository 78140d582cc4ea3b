"""From a unit's pictures to its crops: find faces, follow the main one, cut it as a recipe says.

The main face of a video is the track with the greatest sum of face sides: the one that is seen
longest and largest. Where a mask says what was manipulated it is the track with most of the mask
in its boxes, so that a bystander of a forged face is not taken for it; where it touches no face,
none is usable. Outlined faces with labels of their own (OpenForensics) count as such a mask.

Pictures are read twice, first to follow the faces and then to cut the chosen one, so that memory
does not grow with them.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from unmask.errors import InputError
from unmask.faces import align
from unmask.faces.find import Finder
from unmask.faces.landmarks import Landmarker
from unmask.faces.track import Tracker
from unmask.judge.card import CropRecipe
from unmask.lab.data.units import Mask, Unit, View, views
from unmask.types import Box, Crop, Face, Points

Encoding = Literal["png", "jpg"]

MOST_FACES = 64
"""Largest faces followed in one picture."""

JPEG_QUALITY = 95


@dataclass(frozen=True, slots=True)
class Picture:
    """One crop, ready to be written.

    Attributes:
        key: Of the unit, and which of its crops this is; no dot in it.
        number: Of the frame.
        window: Which crop of the frame, for recipes of several windows.
        image: Encoded as PNG or JPEG.
        mask: The mask cut alike, a grey PNG; `None` where unknown.
        landmarks: Shape (68, 2), pixels of the crop; `None` for faces too small for them.
        facts: Everything known about it, for JSON.
    """

    key: str
    number: int
    window: int
    image: bytes
    mask: bytes | None
    landmarks: Points | None
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cut:
    """What came out of a unit.

    Attributes:
        pictures: In the order of frames; none where no face was usable.
        looked: Pictures that could be read.
        failed: Files that could not be used, with their codes of `InputError`.
        lack: Why there is no crop although pictures could be read: `no_face`, `outside_mask` or
            `unfit`, when the recipe takes no face of that size; "" when there is one.
    """

    pictures: tuple[Picture, ...]
    looked: int
    failed: Mapping[Path, str]
    lack: str = ""


class Cutter:
    """Cuts units; one serves any number of threads.

    Args:
        recipe: How crops are cut.
        frames: At most so many pictures of a video.
        encoding: "png" or "jpg"; the latter adds its own traces.
        finder: Finds faces.
        landmarker: Finds 68 points of each.
    """

    def __init__(
        self,
        recipe: CropRecipe,
        frames: int,
        encoding: Encoding,
        finder: Finder,
        landmarker: Landmarker,
    ) -> None:
        self._recipe, self._frames, self._encoding = recipe, frames, encoding
        self._finder, self._landmarker = finder, landmarker

    def cut(self, unit: Unit) -> Cut:
        """Read a unit's pictures and cut its main face out of each that shows it."""
        failed: dict[Path, str] = {}
        try:
            return self._cut(unit, failed)
        except InputError as error:
            failed[unit.samples[0].path] = error.code
        except (ArithmeticError, LookupError, TypeError, ValueError, cv2.error):
            # A defect of ours or of a library's; thousands of good files must not wait for it.
            logging.getLogger("unmask").exception("defect while cutting %r", unit.name())
            failed[unit.samples[0].path] = "internal"
        return Cut((), 0, failed)

    def _cut(self, unit: Unit, failed: dict[Path, str]) -> Cut:
        read: Callable[[], Iterable[View]] = partial(views, unit, self._frames, failed)
        if unit.weight(self._frames) == 1 and unit.samples[0].kind != "clip":
            read = list(read()).copy  # a photo is decoded but once
        tracker = Tracker()
        seen = [self._look(view, tracker) for view in read()]
        faces = main_faces(seen)
        pictures = tuple(
            picture
            for view, face in zip(read() if any(faces) else (), faces, strict=False)
            if face
            for picture in self._pictures(unit, view, face)
        )
        lack = "" if pictures or not seen else _lack(seen, faces)
        return Cut(pictures, len(seen), failed, lack)

    def _look(self, view: View, tracker: Tracker) -> Seen:
        pixels = view.frame.pixels
        faces = tracker.update(pixels, self._finder.find(pixels)[:MOST_FACES])
        where = view.mask if view.mask is not None else _outlined(view)
        if where is None or not where.any():
            return Seen(tuple((face, 0.0) for face in faces), False)
        total = float(where.sum(dtype=np.float64))
        return Seen(tuple((face, _inside(face.box, where) / total) for face in faces), True)

    def _pictures(self, unit: Unit, view: View, face: Face) -> Iterator[Picture]:
        """The face's crops, several for recipes of several windows."""
        crops = align.cut(view.frame.pixels, face, self._recipe)
        if not crops:
            return
        landmarks = self._landmarker.locate(view.frame.pixels, [face])[0]
        face = replace(face, landmarks=landmarks)
        for window, crop in enumerate(crops):
            key = f"{unit.key}-{view.frame.index:06d}" + (f"-{window}" if len(crops) > 1 else "")
            placed = None if landmarks is None else align.move(landmarks, crop.matrix)
            mask = None if view.mask is None else _cut_mask(view.mask, crop)
            image = _encoded(crop.pixels, self._encoding)
            facts = {"key": key} | _facts(unit, view, face, crop)
            yield Picture(key, view.frame.index, window, image, mask, placed, facts)


@dataclass(frozen=True, slots=True)
class Seen:
    """The faces of one picture.

    Attributes:
        faces: Each with the share of the picture's mask that its box covers, 0..1.
        marked: Whether there is a mask with anything in it.
    """

    faces: tuple[tuple[Face, float], ...]
    marked: bool


def main_faces(seen: Sequence[Seen]) -> list[Face | None]:
    """The main face of each picture, `None` where it is not seen.

    Args:
        seen: Of a unit's pictures, in their order, the faces' tracks numbered.
    """
    marked = any(one.marked for one in seen)
    worth: dict[int, float] = defaultdict(float)
    for face, covered in (pair for one in seen for pair in one.faces):
        worth[face.track] += covered if marked else align.side(face.box)
    best = max(worth, key=lambda track: (worth[track], -track), default=None)
    if best is None or worth[best] <= 0:
        return [None] * len(seen)
    return [next((f for f, _ in one.faces if f.track == best), None) for one in seen]


def _lack(seen: Sequence[Seen], faces: Sequence[Face | None]) -> str:
    if any(faces):
        return "unfit"
    return "outside_mask" if any(one.faces for one in seen) else "no_face"


def _outlined(view: View) -> Mask | None:
    """A mask of the outlined faces that have the picture's label, where faces are outlined."""
    told = view.sample.labels.get("faces")
    if told is None:
        return None
    where = np.zeros(view.frame.pixels.shape[:2], np.uint8)
    for x, y, width, height, label in json.loads(told):
        if label == view.sample.label:
            _part((x, y, x + width, y + height), where)[...] = 255
    return where


def _inside(box: Box, where: Mask) -> float:
    return float(_part(box, where).sum(dtype=np.float64))


def _part(box: Box, where: Mask) -> Mask:
    left, top, right, bottom = (max(0, round(edge)) for edge in box)
    return where[top:bottom, left:right]


def _cut_mask(mask: Mask, crop: Crop) -> bytes:
    drawn = np.repeat(mask[..., None], 3, axis=2)
    height, width = crop.pixels.shape[:2]
    return _encoded(align.warp(drawn, crop.matrix, (height, width)).pixels[..., 0], "png")


def _encoded(pixels: npt.NDArray[np.uint8], encoding: Encoding) -> bytes:
    turned = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if encoding == "jpg" else []
    good, data = cv2.imencode(f".{encoding}", turned, options)
    if not good:
        raise ValueError("the crop cannot be encoded")
    return bytes(data.tobytes())


def _facts(unit: Unit, view: View, face: Face, crop: Crop) -> dict[str, Any]:
    """What is told beside a crop; points in the crop's pixels, boxes in the frame's."""
    sample, frame = view.sample, view.frame
    landmarks = None if face.landmarks is None else align.move(face.landmarks, crop.matrix)
    return {
        "label": sample.label,
        "family": sample.family,
        "source": sample.source,
        "identity": sample.identity,
        "split": sample.split,
        "compression": sample.compression,
        "kind": sample.kind,
        "video": sample.video,
        "unit": unit.key,
        "path": unit.name(sample.path),
        "labels": dict(sample.labels),
        "frame": frame.index,
        "time": None if frame.time is None else round(frame.time, 6),
        "frame_size": [frame.pixels.shape[1], frame.pixels.shape[0]],
        "box": _rounded(face.box),
        "confidence": round(float(face.confidence), 4),
        "points": _rounded(align.move(face.points, crop.matrix)),
        "landmarks": None if landmarks is None else _rounded(landmarks),
        "matrix": np.round(crop.matrix, 6).tolist(),
        "outside": round(float(crop.outside), 4),
    }


def _rounded(values: npt.ArrayLike) -> list[Any]:
    found: list[Any] = np.round(np.asarray(values, np.float64), 2).tolist()
    return found
