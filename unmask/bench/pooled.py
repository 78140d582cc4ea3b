"""Calibration over several test sets taken together, each of which counts alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from unmask.bench import metrics
from unmask.bench.measures import Judged

BINS = 15
Rows = npt.NDArray[np.int64]


def ece(
    parts: Sequence[Judged], draws: int = 1000, seed: int = 0
) -> tuple[float, tuple[float, float]]:
    """Expected calibration error of all parts together, with its 95 % interval.

    A probability is a promise about all that it is said of: what one set has too many another may
    have too few, so this is lower than the mean of the parts' own errors.

    Args:
        parts: One a test set; the largest weighs no more than the smallest.
        draws: Of the bootstrap, which draws units anew within each part.
        seed: Of the bootstrap.

    Returns:
        0..1; NaN where nothing was judged. Resampling adds noise to bins, so that the interval may
        lie above the value.

    Example:
        >>> sure = Judged(np.array([0, 1]), np.array([0.0, 1.0]), ["a", "b"], [], float)
        >>> wrong = Judged(np.array([0, 1]), np.array([1.0, 0.0]), ["a", "b"], [], float)
        >>> ece([sure], draws=20)[0], ece([sure, wrong], draws=20)[0]
        (0.0, 0.5)
    """
    parts = [part for part in parts if part.labels.size]
    if not parts:
        return float("nan"), (float("nan"), float("nan"))
    labels = np.concatenate([part.labels for part in parts])
    stated = np.concatenate([part.probabilities() for part in parts])
    member = np.repeat(np.arange(len(parts)), [part.labels.size for part in parts])

    def gap(rows: Rows) -> float:
        weights = 1 / np.bincount(member[rows])[member[rows]]
        index = np.minimum((stated[rows] * BINS).astype(int), BINS - 1)
        gaps = np.bincount(index, weights=weights * (labels[rows] - stated[rows]))
        return float(np.abs(gaps).sum() / weights.sum())

    starts = np.cumsum([0, *(part.labels.size for part in parts)])
    groups = [
        [start + rows for rows in metrics.members(part.units)]
        for start, part in zip(starts.tolist(), parts, strict=False)
    ]
    return gap(np.arange(labels.size)), metrics.spread(gap, groups, draws, 0.95, seed)
