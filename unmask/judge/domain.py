"""Is this a face of the kind that the detector was calibrated on?

A face and its crop are described by ten numbers that say how they were taken, not who they show.
How far they lie from those of the calibration faces is their Mahalanobis distance; beyond the
distance that 99 of 100 calibration faces keep, the detector's interval is widened and the finding
says so. A distance in such plain numbers notices another kind of picture, not another kind of
forgery.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from unmask.errors import BundleError
from unmask.judge.odds import Array, chance, log_odds
from unmask.types import Crop, Interval, Quality, Score

PARTS = ("size", "sharpness", "exposure", "pose", "visibility")
"""Parts of a face's quality."""

FEATURES = (*PARTS, "side", "brightness", "contrast", "detail", "noise")
"""All that a description holds, each of them of the order of 1."""

SIDE = 128
"""Pixels: of larger crops only the middle is measured, so that the cost does not grow."""


@dataclass(frozen=True)
class Domain:
    """What a card says of the faces that its detector was calibrated on.

    Attributes:
        features: Names among `FEATURES`, k of them.
        mean: Shape (k,).
        precision: Inverse covariance, shape (k, k).
        threshold: Squared distance beyond which a face is unlike them.
        factor: By which the interval of such a face widens in log-odds, at least 1.
        fitted_on: Words for the calibration set.
        n: Its size.

    Raises:
        BundleError: `bundle_invalid` when the numbers do not fit together.

    Example:
        >>> domain = Domain(("size",), (0.5,), ((4.0,),), threshold=2.0, factor=3.0)
        >>> domain.distance(np.array([1.5]))
        4.0
    """

    features: tuple[str, ...]
    mean: tuple[float, ...]
    precision: tuple[tuple[float, ...], ...]
    threshold: float
    factor: float
    fitted_on: str = ""
    n: int = 0

    def __post_init__(self) -> None:
        k = len(self.features)
        if len(self.mean) != k or [len(row) for row in self.precision] != [k] * k:
            raise _invalid("the mean or the precision does not match the features")
        matrix = self._matrix
        if not np.allclose(matrix, matrix.T) or np.linalg.eigvalsh(matrix)[0] < -1e-6:
            raise _invalid("the precision is not that of any spread")

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Domain:
        """Read the section as it stands in JSON, checked against the schema before."""
        names, mean = tuple(document["features"]), tuple(document["mean"])
        rows = tuple(tuple(row) for row in document["precision"])
        return cls(**{**document, "features": names, "mean": mean, "precision": rows})

    def distance(self, values: Array) -> float:
        """Return the squared Mahalanobis distance of a description, shape (k,)."""
        away = values - np.array(self.mean)
        return float(away @ self._matrix @ away)

    def holds(self, quality: Quality, crop: Crop) -> bool:
        """Tell whether a face is of the kind that the detector was calibrated on."""
        return self.distance(describe(quality, crop, self.features)) <= self.threshold

    def widened(self, score: Score) -> Score:
        """Return the score with the doubt that an unfamiliar face deserves."""
        centre = log_odds(score.probability)
        low, high = (centre + self.factor * (log_odds(end) - centre) for end in score.interval)
        interval: Interval = (chance(low), chance(high))
        return replace(score, interval=interval)

    @cached_property
    def _matrix(self) -> Array:
        return np.array(self.precision, np.float64)


def describe(quality: Quality, crop: Crop, features: tuple[str, ...] = FEATURES) -> Array:
    """Describe how a face was taken.

    Args:
        quality: Of the face, with all of `PARTS`.
        crop: What the detector is shown of it.
        features: Names among `FEATURES`.

    Returns:
        Shape (k,), in the order of the names.

    Example:
        >>> grey = Crop(np.full((32, 32, 3), 51, np.uint8), np.eye(2, 3))
        >>> describe(Quality(1, 64.0, {}), grey, ("side", "brightness", "noise")).tolist()
        [0.75, 0.2, 0.0]
    """
    values = quality.parts | _statistics(crop.pixels)
    values["side"] = math.log2(max(quality.size, 1.0)) / 8
    return np.array([values[name] for name in features])


def _statistics(pixels: npt.NDArray[np.uint8]) -> dict[str, float]:
    height, width = pixels.shape[:2]
    top, left = max(height - SIDE, 0) // 2, max(width - SIDE, 0) // 2
    middle = pixels[top : top + SIDE, left : left + SIDE]
    grey = cv2.cvtColor(middle, cv2.COLOR_RGB2GRAY)
    mean, spread = (float(value[0, 0]) for value in cv2.meanStdDev(grey))
    blurred = cv2.GaussianBlur(grey, (5, 5), 0)
    fine = cv2.norm(grey, blurred, cv2.NORM_L2) / math.sqrt(grey.size)
    # Blind to planes and straight edges; its size tells the noise (Immerkær, Fast Noise Variance
    # Estimation, 1996).
    rough = cv2.norm(cv2.Sobel(grey, cv2.CV_16S, 2, 2), cv2.NORM_L1) / grey.size
    return {
        "brightness": mean / 255,
        "contrast": spread / 128,
        "detail": fine / max(spread, 10.0),
        "noise": math.sqrt(math.pi / 2) / 6 * rough / 10,
    }


def _invalid(problem: str) -> BundleError:
    return BundleError("bundle_invalid", f"domain: {problem}.")
