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

import math
from collections.abc import Mapping, Sequence

from unmask.errors import ConfigError
from unmask.judge.odds import chance, log_odds
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
    total = below = above = 0.0
    for score in scores:
        weight, middle = named.get(score.detector, 1.0), log_odds(score.probability)
        total += weight * middle
        below += (weight * max(middle - log_odds(score.interval[0]), 0.0)) ** 2
        above += (weight * max(log_odds(score.interval[1]) - middle, 0.0)) ** 2
    return chance(total), (chance(total - math.sqrt(below)), chance(total + math.sqrt(above)))
