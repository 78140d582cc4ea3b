"""Find 68 points of each face: jaw, brows, nose, eyes and lips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unmask.faces import align
from unmask.judge.bundle import Bundle
from unmask.judge.runtime import Model
from unmask.types import Face, Pixels, Points

COUNT = 68
EYES = (slice(36, 42), slice(42, 48))
NOSE_TIP, MOUTH_CORNERS = 30, (48, 54)


class Landmarker:
    """Finds the 68 points of faces with a face-landmarks bundle."""

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        """Load the bundle's network.

        Raises:
            BundleError: When the bundle is not what its card says.
        """
        self._recipe = bundle.card.crop
        self._model = Model(bundle, threads=threads)

    def locate(self, pixels: Pixels, faces: Sequence[Face]) -> list[Points | None]:
        """The points of every face, in one batch.

        Args:
            pixels: The frame in which the faces were found, shape (h, w, 3).
            faces: Boxes and five points.

        Returns:
            One per face, shape (68, 2), frame coordinates; `None` for a face too small to cut.

        Example:
            >>> import numpy as np
            >>> from unmask.judge.bundle import resolve
            >>> eyes_nose_mouth = np.float32([[50, 50], [70, 50], [60, 62], [52, 74], [68, 74]])
            >>> face = Face((40, 30, 80, 85), 0.9, eyes_nose_mouth)
            >>> frame = np.zeros((120, 120, 3), np.uint8)
            >>> Landmarker(resolve("face-landmarks")).locate(frame, [face])[0].shape
            (68, 2)
        """
        cuts = [align.cut(pixels, face, self._recipe) for face in faces]
        crops = [crop for cut in cuts for crop in cut]
        if not crops:
            return [None] * len(faces)
        found = self._model.run(np.stack([crop.pixels for crop in crops]))["points"]
        scale = np.array(self._recipe.size[::-1], np.float32)
        moved = iter(
            align.move(points * scale, align.inverse(crop.matrix))
            for points, crop in zip(found, crops, strict=True)
        )
        return [next(moved) if cut else None for cut in cuts]


def five(landmarks: Points) -> Points:
    """The five points of `Face.points` from the 68; steadier than those the finder gives.

    Example:
        >>> import numpy as np
        >>> five(np.zeros((68, 2), np.float32)).shape
        (5, 2)
    """
    eyes = [landmarks[eye].mean(axis=0) for eye in EYES]
    corners = [landmarks[corner] for corner in MOUTH_CORNERS]
    return np.stack([*eyes, landmarks[NOSE_TIP], *corners]).astype(np.float32)
