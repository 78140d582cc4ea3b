"""What a simple classifier can read from features: the worth of an encoder that saw no label."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from unmask.bench.metrics import auc

Floats = npt.NDArray[np.float64]
LEAST = 8
"""Faces of a label below which an AUC says nothing."""


def probe(
    features: Floats, label: Sequence[int], source: Sequence[str], unit: Sequence[str]
) -> dict[str, float]:
    """How well a linear classifier on the features tells forged from genuine within each set.

    Within a set, since a classifier over all of them would tell the sets apart instead. Even so it
    is a relative measure: where forged and genuine files of a set differ in more than the forging,
    random features are well above 0.5 already. Half of the
    units fit, the other half are judged, and the other way about.

    Args:
        features: Shape (n, width).
        label: 1 forged, 0 genuine, length n.
        source: Set of each face.
        unit: Person or source video, never on both sides.

    Returns:
        "auc", the mean over sets that hold `LEAST` faces of each label on both sides, and
        "auc_SET" of each; "auc" is 0.5 when there is none.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> label = [0, 1] * 40
        >>> features = rng.normal(size=(80, 3)) + 4 * np.array(label)[:, None]
        >>> probe(features, label, ["a"] * 80, [str(i) for i in range(80)])["auc"] > 0.99
        True
    """
    labels, sources = np.asarray(label), np.asarray(source)
    fold = np.array([int(hashlib.sha256(u.encode()).hexdigest()[:8], 16) % 2 for u in unit])
    found = {}
    for name in sorted(set(source)):
        here = sources == name
        sides = [(here & (fold == side), here & (fold != side)) for side in (0, 1)]
        if all(np.bincount(labels[fit], minlength=2).min() >= LEAST for fit, _ in sides):
            values = [
                auc(labels[rest], features[rest] @ ridge(features[fit], labels[fit]))
                for fit, rest in sides
            ]
            found[f"auc_{name}"] = float(np.mean(values))
    return {"auc": float(np.mean(list(found.values()))) if found else 0.5} | found


def ridge(features: Floats, label: npt.NDArray[Any], strength: float = 1.0) -> Floats:
    """Direction that tells two classes apart, in closed form, each class weighing the same.

    Args:
        features: Shape (n, width).
        label: 1 or 0, both present, shape (n,).
        strength: Of the penalty, in mean variances of a feature: the more, the simpler.

    Returns:
        Shape (width,): features times it rank 1 above 0.
    """
    weight = np.where(label == 1, 0.5 / (label == 1).sum(), 0.5 / (label == 0).sum())
    centred = features - weight @ features
    spread = (centred * weight[:, None]).T @ centred
    mean = max(float(np.trace(spread)) / len(spread), 1e-12)
    target = (weight * np.where(label == 1, 1.0, -1.0)) @ centred
    found = np.linalg.solve(spread + strength * mean * np.eye(len(spread)), target)
    return np.asarray(found, np.float64)
