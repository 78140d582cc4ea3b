"""Find faces: where they are, how sure that is, and five points of each.

The picture is shown to the finder's network as it is up to 640 pixels; a larger one at 0.3 of its
size or with a long side of 576 pixels, whichever is larger. Where small faces turn up, it is shown
once more, twice as large, for those that are smaller still. Where nothing turns up, it is shown
coarser and turned by quarters, and finer if it was shrunk; a face must then convince with a higher
confidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from unmask.faces import align
from unmask.judge.bundle import Bundle
from unmask.judge.card import CropRecipe
from unmask.judge.runtime import Model
from unmask.memory import turn
from unmask.types import Face, Pixels

Floats = npt.NDArray[np.float32]
Found = tuple[Floats, Floats, Floats]
"""Boxes (k, 4), confidences (k,) and points (k, 5, 2), in pixels."""

_EACH = 80
"""Bytes that the network takes for a pixel."""

STRIDES = (8, 16, 32)
WHOLE, LONG_SIDE = 640, 576
"""Pixels: a picture up to the first is not shrunk, a larger one to the second, but at most to"""
LEAST = 0.3
LARGEST = 2048
SAME_FACE = 0.3
CANDIDATES = 2000
HINT = 0.5
"""Confidence from which something may be a face."""

SMALL, TINY = 24.0, 16.0
"""Pixels: a face below the first asks for a finer look, one below the second must be surer."""

COARSER, FINER, TRIM = 0.4, 2.0, 0.97
UPRIGHT = 0.9
"""Confidence from which a face is taken to stand upright."""

CLEARLY = 0.03
TURNED = 8
"""At most so many faces of a picture are looked at turned."""

ALONE = CropRecipe("box", (160, 160), 2.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
"""How a face is cut out to be looked at turned."""


class Finder:
    """Finds the faces of a picture with a face-finder bundle."""

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        """Load the bundle's network.

        Raises:
            BundleError: When the bundle is not what its card says.
        """
        options = bundle.card.options
        self._threshold = float(options["threshold"])
        self._tiny = float(options.get("tiny_threshold", self._threshold))
        self._doubtful = float(options.get("second_threshold", self._threshold))
        self._model = Model(bundle, threads=threads)

    def find(self, pixels: Pixels) -> list[Face]:
        """All faces, the largest first, numbered in that order.

        Args:
            pixels: Shape (h, w, 3), any size.

        Example:
            >>> import numpy as np
            >>> from unmask.judge.bundle import resolve
            >>> Finder(resolve("face-finder")).find(np.zeros((120, 160, 3), np.uint8))
            []
        """
        scale = working_scale(pixels)
        hints = self._look(pixels, scale, HINT)
        found = self._believed(hints, scale)
        if scale < 1 and (sides(hints[0]) * scale < SMALL).any():
            fine = finer(pixels, scale)
            found = joined([found, self._believed(self._look(pixels, fine, HINT), fine)])
        if not len(found[0]):
            found = self._insist(pixels, scale)
        found = suppress(found)
        for number in np.flatnonzero(found[1] < UPRIGHT)[:TURNED]:
            self._straighten(pixels, found, int(number))
        return _faces(found)

    def _believed(self, hints: Found, scale: float) -> Found:
        """Those of the hints, seen at `scale`, that are sure enough; tiny ones must be surer."""
        boxes, scores, points = hints
        least = np.where(sides(boxes) * scale < TINY, self._tiny, self._threshold)
        kept = scores >= least
        return boxes[kept], scores[kept], points[kept]

    def _straighten(self, pixels: Pixels, found: Found, number: int) -> None:
        """Put right, in place, a face that convinces more when turned by quarters.

        The network sees faces that lie on their side or on their head, but sets their points as if
        they stood upright.
        """
        boxes, scores, points = found
        x0, y0, x1, y1 = boxes[number].tolist()
        face = Face((x0, y0, x1, y1), float(scores[number]), points[number])
        for crop in align.cut(pixels, face, ALONE):
            seen = [middle(each, len(crop.pixels)) for each in self._turned(crop.pixels, 0.3)]
            sure = [max(each[1], default=0.0) for each in seen]
            best = int(np.argmax(sure))
            if sure[best] > max(sure[0] + CLEARLY, float(scores[number])):
                back = align.inverse(crop.matrix)
                corners = align.move(seen[best][0].reshape(-1, 2), back)
                boxes[number] = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
                scores[number], points[number] = sure[best], align.move(seen[best][2][0], back)

    def _insist(self, pixels: Pixels, scale: float) -> Found:
        """Second looks at a picture in which the first one found nothing."""
        small, shrink = resized(pixels, scale * COARSER)
        square = padded(small, side=max(small.shape[:2]))
        boxes, scores, points = joined(self._turned(square, self._doubtful))
        again = [(boxes / np.concatenate([shrink, shrink]), scores, points / shrink)]
        if scale < 1:
            again.append(self._look(pixels, finer(pixels, scale), self._doubtful))
        return joined(again)

    def _turned(self, square: Pixels, threshold: float) -> list[Found]:
        """What a square picture shows when turned by 0, 1, 2, 3 quarters; as it lies upright."""
        views = np.stack([np.rot90(square, quarters) for quarters in range(4)])
        answer, size = self._answer(views), square.shape[:2]
        return [
            turned_back(decode(evidence, offsets, size, threshold), -quarters % 4, size)
            for quarters, (evidence, offsets) in enumerate(
                zip(answer["evidence"], answer["offsets"], strict=True)
            )
        ]

    def _answer(self, views: npt.NDArray[np.uint8]) -> dict[str, Floats]:
        with turn(_EACH * views.size // 3):
            return self._model.run(views)

    def _look(self, pixels: Pixels, scale: float, threshold: float) -> Found:
        """Faces seen at one scale, overlapping ones included."""
        small, shrink = resized(pixels, scale)
        answer = self._answer(padded(small)[None])
        size = (-(-small.shape[0] // 32) * 32, -(-small.shape[1] // 32) * 32)
        boxes, scores, points = decode(answer["evidence"][0], answer["offsets"][0], size, threshold)
        return boxes / np.concatenate([shrink, shrink]), scores, points / shrink


def working_scale(pixels: Pixels) -> float:
    """How much a picture is shrunk before the network sees it.

    Example:
        >>> import numpy as np
        >>> round(working_scale(np.zeros((1080, 1920, 3), np.uint8)), 3)
        0.3
    """
    longest = int(max(pixels.shape[:2]))
    return 1.0 if longest <= WHOLE else min(max(LONG_SIDE / longest, LEAST), LARGEST / longest)


def finer(pixels: Pixels, scale: float) -> float:
    """The scale of the second, finer look."""
    return min(scale * FINER, LARGEST / int(max(pixels.shape[:2])))


def sides(boxes: Floats) -> Floats:
    """Longer side of boxes (k, 4), pixels."""
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).max(axis=1), np.float32)


def joined(several: Sequence[Found]) -> Found:
    """What several looks found, as one."""
    boxes, scores, points = (np.concatenate(part) for part in zip(*several, strict=True))
    return boxes, scores, points


def turned_back(found: Found, quarters: int, size: tuple[int, ...]) -> Found:
    """Boxes and points after the picture they lie in is turned left by quarters, as by `rot90`.

    Args:
        found: In the picture as it is.
        quarters: 0 to 4.
        size: Height and width of the picture as it is.
    """
    boxes, scores, points = found
    corners = boxes.reshape(-1, 2, 2)
    height, width = size
    for _ in range(quarters):
        corners, points = (
            np.stack([part[..., 1], width - part[..., 0]], axis=-1) for part in (corners, points)
        )
        height, width = width, height
    low, high = corners.min(axis=1), corners.max(axis=1)
    return np.concatenate([low, high], axis=1), scores, points


def resized(pixels: Pixels, scale: float) -> tuple[Pixels, Floats]:
    """The picture at about `scale` times its size, and the exact factors of x and y.

    A little less than `scale` where that saves the network a row or a column of cells.
    """
    if scale < 1:
        whole = [side * scale for side in pixels.shape[:2]]
        trimmed = scale * min(1.0, *(each // 32 * 32 / each for each in whole))
        scale = trimmed if trimmed > TRIM * scale else scale
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    shrink = np.array([width / pixels.shape[1], height / pixels.shape[0]], np.float32)
    if (height, width) == pixels.shape[:2]:
        return pixels, shrink
    if scale < 1:
        return align.shrunk(pixels, (width, height)), shrink
    return np.asarray(cv2.resize(pixels, (width, height)), np.uint8), shrink


def padded(pixels: Pixels, side: int = 0) -> Pixels:
    """Black at the right and at the bottom, up to multiples of 32 and at least `side`."""
    down, right = (-max(each, side) % 32 + max(each, side) - each for each in pixels.shape[:2])
    if not (down or right):
        return pixels
    return np.asarray(cv2.copyMakeBorder(pixels, 0, down, 0, right, cv2.BORDER_CONSTANT), np.uint8)


def decode(evidence: Floats, offsets: Floats, size: tuple[int, int], threshold: float) -> Found:
    """Turn what the network says of each cell into pixels, for the cells above the threshold.

    Args:
        evidence: Squared confidence, shape (cells,); the cells of stride 8 first, row by row.
        offsets: Shape (14, cells): centre, log size and five points in strides.
        size: Height and width of the network's picture, multiples of 32.
        threshold: Least confidence.
    """
    chosen = np.flatnonzero(evidence >= threshold**2)
    chosen = chosen[np.argsort(-evidence[chosen], kind="stable")[:CANDIDATES]]
    origin, stride = _places(chosen, size)
    values = offsets[:, chosen].T
    centre = origin + values[:, :2] * stride
    half = np.exp(np.minimum(values[:, 2:4], 8.0)) * stride / 2
    points = origin[:, None] + values[:, 4:].reshape(-1, 5, 2) * stride[:, None]
    boxes = np.concatenate([centre - half, centre + half], axis=1)
    return boxes, np.sqrt(evidence[chosen]), points


def _places(cells: npt.NDArray[np.intp], size: tuple[int, int]) -> tuple[Floats, Floats]:
    """Origin (k, 2) and stride (k, 1) of cells by their number."""
    origin = np.empty((len(cells), 2), np.float32)
    strides = np.empty((len(cells), 1), np.float32)
    first = 0
    for stride in STRIDES:
        rows, columns = size[0] // stride, size[1] // stride
        mine = (cells >= first) & (cells < first + rows * columns)
        y, x = np.divmod(cells[mine] - first, columns)
        origin[mine] = np.stack([x, y], axis=1) * stride
        strides[mine] = stride
        first += rows * columns
    return origin, strides


def suppress(found: Found, overlap: float = SAME_FACE) -> Found:
    """Keep the surest of boxes that overlap by more than `overlap` (intersection over union)."""
    boxes, scores, points = found
    order = np.argsort(-scores, kind="stable")
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        order = order[overlaps(boxes[best], boxes[order]) <= overlap]
    return boxes[kept], scores[kept], points[kept]


def overlaps(box: Floats, boxes: Floats) -> Floats:
    """Intersection over union of one box (4,) with each of (k, 4)."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) + np.prod(box[2:] - box[:2])
    return np.asarray(shared / np.maximum(areas - shared, 1e-6), np.float32)


def middle(found: Found, side: int) -> Found:
    """The surest of the boxes that hold the middle of a square picture, or none."""
    boxes, scores, points = found
    holds = ((boxes[:, :2] < side / 2) & (boxes[:, 2:] > side / 2)).all(axis=1)
    first = np.flatnonzero(holds)[:1]
    return boxes[first], scores[first], points[first]


def _faces(found: Found) -> list[Face]:
    faces = [
        Face(box=(float(x0), float(y0), float(x1), float(y1)), confidence=float(s), points=p)
        for (x0, y0, x1, y1), s, p in zip(*found, strict=True)
    ]
    faces.sort(key=lambda f: (f.box[0] - f.box[2]) * (f.box[3] - f.box[1]))
    return [replace(face, track=number) for number, face in enumerate(faces)]
