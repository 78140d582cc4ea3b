"""Several detectors, one probability: calibrated log-odds are added.

Each calibrated probability is read as evidence beside a prior of one half; its log-odds are then
the weight of that evidence, and independent pieces of evidence add up (naive Bayes):

    logit(fused) = sum over detectors of weight * logit(probability)

Two assumptions stand behind that sum. Every detector was calibrated on data of the same kind, all
families of manipulation included; one that was calibrated on its own family alone says "genuine"
too loudly about the others. And the detectors err independently, given the truth. Detectors that
look at the same trace do not: their sum counts one observation twice, so the fused probability
lies too far from one half and its interval is too narrow. A weight below 1 on each of them mends
that; two copies of one detector deserve 0.5 each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from unmask.errors import ConfigError
from unmask.judge.odds import EDGE, logit, sigmoid
from unmask.types import Interval, Score


def fuse(
    scores: Sequence[Score], weights: Mapping[str, float] | None = None
) -> tuple[float, Interval]:
    """Fuse scores of one face.

    The doubt of each score, taken as independent, is carried through the sum; its two ends are
    carried apart, because they lie unevenly far.

    Args:
        scores: At least one.
        weights: Detector name to weight, at least 0; 1 for those not named.

    Returns:
        Probability and its 95 % interval.

    Raises:
        ConfigError: `bad_option` when there is no score.

    Example:
        >>> agree = [Score("a", 0, 0.8, (0.7, 0.9)), Score("b", 0, 0.8, (0.7, 0.9))]
        >>> round(fuse(agree)[0], 3)
        0.941
    """
    if not scores:
        raise ConfigError("bad_option", "There is no score to fuse.")
    named = weights or {}
    weight = np.array([named.get(s.detector, 1.0) for s in scores])
    middle = logit([s.probability for s in scores])
    low, high = logit(np.array([s.interval for s in scores])).T
    total = float(weight @ middle)
    below = float(np.linalg.norm(weight * np.maximum(middle - low, 0)))
    above = float(np.linalg.norm(weight * np.maximum(high - middle, 0)))
    ends = np.clip(sigmoid([total - below, total, total + above]), EDGE, 1 - EDGE).tolist()
    return ends[1], (ends[0], ends[2])
