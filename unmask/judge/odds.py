"""Small arithmetic of probabilities: logits, and the interval of a share."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

Z95 = 1.959963984540054
"""Standard normal quantile of a two-sided 95 % interval."""

EDGE = 1e-6
"""Probabilities stay this far from 0 and 1, so that their logits are finite."""


def sigmoid(logit: npt.ArrayLike) -> Array:
    """Return 1 / (1 + exp(-logit)) without overflow.

    Example:
        >>> sigmoid([0.0, 1000.0]).tolist()
        [0.5, 1.0]
    """
    return np.asarray(np.exp(-np.logaddexp(0.0, -np.asarray(logit, np.float64))), np.float64)


def logit(probability: npt.ArrayLike) -> Array:
    """Return ln(p / (1 - p)) of probabilities held `EDGE` away from 0 and 1.

    Example:
        >>> float(logit(0.5))
        0.0
    """
    p = np.clip(np.asarray(probability, np.float64), EDGE, 1 - EDGE)
    return np.asarray(np.log(p) - np.log1p(-p), np.float64)


def log_odds(probability: float) -> float:
    """Return `logit` of one number; arrays of one would cost more than the arithmetic.

    Example:
        >>> log_odds(0.5)
        0.0
    """
    p = min(max(probability, EDGE), 1 - EDGE)
    return math.log(p) - math.log1p(-p)


def chance(log_odds: float) -> float:
    """Return the probability of log-odds, `EDGE` away from 0 and 1.

    Example:
        >>> chance(0.0)
        0.5
    """
    bound = min(max(log_odds, -50.0), 50.0)
    return min(max(1 / (1 + math.exp(-bound)), EDGE), 1 - EDGE)


def wilson(share: npt.ArrayLike, n: npt.ArrayLike) -> tuple[Array, Array]:
    """Return Wilson's 95 % interval of a share seen in `n` trials, elementwise.

    Example:
        >>> low, high = wilson(0.5, 10)
        >>> round(float(low), 3), round(float(high), 3)
        (0.237, 0.763)
    """
    p, n = np.asarray(share, np.float64), np.asarray(n, np.float64)
    z2 = Z95**2 / n
    middle = (p + z2 / 2) / (1 + z2)
    half = Z95 * np.sqrt(p * (1 - p) / n + z2 / (4 * n)) / (1 + z2)
    return middle - half, middle + half
