"""A classifier that sees no face: what a detector's number has to be read against.

Two sources of photos can nearly always be told apart by size, compression, sharpness or colour
alone. Trained and tested on the very split of a detector, this baseline says how much of a score
such cues could explain; a detector that does not beat it has shown nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import StratifiedGroupKFold

from unmask.types import Pixels

BINS = 24
"""Rings of the spectrum between its centre and half the sampling rate."""
SIDE = 256
"""Pixels of the middle whose spectrum is taken; smaller pictures are taken whole."""
FOLDS = 5
Floats = npt.NDArray[np.float64]
Rows = tuple[Sequence[Sequence[float]], Sequence[int]]
"""Features of pictures, and their labels."""


def features(pixels: Pixels, tables: Mapping[int, Sequence[int]] | None = None) -> Floats:
    """Everything the baseline may know of a picture.

    Args:
        pixels: Shape (h, w, 3), RGB.
        tables: JPEG quantisation tables by number, 64 values each, as Pillow gives them; left out
            for a picture that was never a JPEG file.

    Returns:
        Shape (157,): width and height (log), the first two tables (zeros without), mean colour,
        `BINS` values of the radially averaged log spectrum.

    Example:
        >>> features(np.full((32, 48, 3), 51, np.uint8))[130:133].tolist()
        [0.2, 0.2, 0.2]
    """
    size = np.log(np.array(pixels.shape[1::-1], np.float64))
    flat = [np.asarray((tables or {}).get(index, [0] * 64), np.float64) for index in (0, 1)]
    colour = pixels.mean((0, 1)) / 255
    return np.concatenate([size, np.log1p(np.concatenate(flat)), colour, spectrum(pixels)])


def spectrum(pixels: Pixels) -> Floats:
    """Radially averaged log magnitude of the windowed middle of a picture; shape (`BINS`,).

    Frequencies are in cycles per pixel, so pictures of different sizes are comparable.

    Example:
        >>> spectrum(np.zeros((40, 40, 3), np.uint8)).shape
        (24,)
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float64)
    height, width = (min(SIDE, side) for side in grey.shape)
    top, left = (grey.shape[0] - height) // 2, (grey.shape[1] - width) // 2
    grey = grey[top : top + height, left : left + width]
    taper = np.outer(np.hanning(height), np.hanning(width))
    energy = np.abs(np.fft.fft2((grey - grey.mean()) * taper)) / max(float(taper.sum()), 1.0)
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    ring = np.minimum((radius * 2 * BINS).astype(int), BINS - 1).ravel()
    count = np.maximum(np.bincount(ring, minlength=BINS), 1)
    return np.bincount(ring, np.log(energy + 1e-3).ravel(), minlength=BINS) / count


class Shortcut:
    """The baseline: many shallow random trees over `features`.

    Attributes:
        seed: Same seed, same trees.

    Example:
        >>> rows = np.array([[0.0], [0.1], [0.9], [1.0]] * 5)
        >>> baseline = Shortcut().fit(rows, [0, 0, 1, 1] * 5)
        >>> bool(baseline.score([[1.0]])[0] > baseline.score([[0.0]])[0])
        True
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self._trees = ExtraTreesClassifier(
            400, min_samples_leaf=2, class_weight="balanced", random_state=seed
        )

    def fit(self, rows: npt.ArrayLike, labels: Sequence[int]) -> Shortcut:
        """Learn from features, shape (n, k), and labels (1 manipulated); returns itself."""
        self._trees.fit(np.asarray(rows), np.asarray(labels))
        return self

    def score(self, rows: npt.ArrayLike) -> Floats:
        """Shape (n, k) to (n,): share of the trees' votes for "manipulated"."""
        return np.asarray(self._trees.predict_proba(np.asarray(rows))[:, 1], np.float64)


def rival(train: Rows, test: Rows, units: Sequence[str]) -> tuple[Floats, str]:
    """The baseline's scores for a test split, and how it was trained.

    Without a training split of both classes it learns from four fifths of the test split itself.
    It then knows a source better than any detector that never saw it.

    Args:
        train: What it may learn from.
        test: What it is to score.
        units: Of the test split: nobody is in two folds.

    Returns:
        Shape (n,), 0..1, and "train split" or "cross-fitted".
    """
    if len(set(train[1])) == 2:
        return Shortcut().fit(train[0], train[1]).score(test[0]), "train split"
    rows, labels = np.asarray(test[0], np.float64), list(test[1])
    scores = np.full(len(labels), 0.5)
    parts = min(FOLDS, len(set(units)), labels.count(0), labels.count(1))
    if parts < 2:
        return scores, "cross-fitted"
    folds = StratifiedGroupKFold(parts, shuffle=True, random_state=0)
    for fit, held in folds.split(rows, labels, units):
        chosen = [labels[i] for i in fit]
        if len(set(chosen)) == 2:
            scores[held] = Shortcut().fit(rows[fit], chosen).score(rows[held])
    return scores, "cross-fitted"


def read(path: Path) -> tuple[Pixels, dict[int, list[int]]]:
    """Pixels and quantisation tables (empty when it is no JPEG) of an image file."""
    with Image.open(path) as picture:
        tables = dict(getattr(picture, "quantization", None) or {})
        return np.asarray(picture.convert("RGB"), np.uint8), tables
