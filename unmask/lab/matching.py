"""Match faces that were found with faces that are there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from unmask.faces.find import Found, overlaps, suppress

Array = npt.NDArray[Any]
FACE, BLIND = 1, 2
ENOUGH = 0.4
"""Intersection over union from which two boxes are the same face."""


def match(boxes: Array, true: Array, enough: float = ENOUGH) -> Array:
    """For every found box, the surest first, the number of the true one it is, or -1.

    Example:
        >>> import numpy as np
        >>> square = np.array([[0.0, 0.0, 10.0, 10.0]])
        >>> match(np.concatenate([square, square]), square).tolist()
        [0, -1]
    """
    free = np.ones(len(true), bool)
    taken = np.full(len(boxes), -1)
    for index, box in enumerate(boxes):
        shared = np.where(free, overlaps(box, true), 0.0) if len(true) else np.zeros(1)
        best = int(shared.argmax())
        if shared[best] >= enough:
            taken[index], free[best] = best, False
    return taken


def points_error(found: Array, true: Array) -> float:
    """Mean distance of five points as a share of the true eye distance."""
    eyes = max(float(np.linalg.norm(true[0] - true[1])), 1e-6)
    return float(np.linalg.norm(found - true, axis=1).mean()) / eyes


def rate(
    found: Sequence[Found], truth: Sequence[tuple[Array, Array, Array]], threshold: float
) -> dict[str, float]:
    """Average precision over all pictures, and recall, precision and points at the threshold.

    Args:
        found: Per picture, overlapping boxes included.
        truth: Per picture boxes (m, 4), points (m, 10) and kinds (m,): 0 none, FACE, BLIND.
            What is found where a BLIND face lies counts neither for nor against.
        threshold: Confidence from which a face counts as found.
    """
    scores, right, errors, total = [], [], [], 0
    for seen, (true, points, kind) in zip(found, truth, strict=True):
        boxes, sure, spots = suppress(seen)
        real = kind == FACE
        total += int(real.sum())
        taken = match(boxes, true[real])
        ignored = (taken < 0) & (match(boxes, true[kind == BLIND], 0.2) >= 0)
        errors += [
            points_error(spots[i], points[real][t].reshape(5, 2))
            for i, t in enumerate(taken)
            if t >= 0 and sure[i] >= threshold
        ]
        scores.append(sure[~ignored])
        right.append(taken[~ignored] >= 0)
    score, good = np.concatenate(scores), np.concatenate(right)
    return _curve(score, good, total, threshold) | {
        "points": float(np.median(errors)) if errors else 1.0
    }


def _curve(score: Array, good: Array, total: int, threshold: float) -> dict[str, float]:
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(good[order])
    precision = hits / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    over = score >= threshold
    return {
        "ap": float(envelope[good[order]].sum() / max(total, 1)),
        "recall": float(good[over].sum() / max(total, 1)),
        "precision": float(good[over].sum() / max(over.sum(), 1)),
    }
