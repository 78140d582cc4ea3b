"""What error a detector can promise, measured on faces kept back from training."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

ERRORS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
"""Rates that are stated where the sources have faces enough: 19 for 0.05, 199 for 0.005."""


def conformal(
    probability: Floats, label: Floats, source: npt.NDArray[Any], fitted_on: str
) -> dict[str, Any] | None:
    """The card's `conformal`, or the fusion's: bounds that keep their promise in every source.

    Each source gives the bound under which a new face of the same source and class would fall with
    the promised probability; the one that rules out least is stated. Only the order of the
    probabilities counts, so that a rising curve may be fitted on the same faces before.

    Args:
        probability: Of manipulation, as the runtime gives it, shape (n,). Faces that only some of
            several detectors could judge are left out; each of them has its own card for those.
        label: 1 manipulated, 0 genuine, shape (n,).
        source: Of each face, shape (n,); not every one needs both classes.
        fitted_on: Words for the card.

    Returns:
        `None` when a source has so few faces of a class that nothing can be promised.

    Example:
        >>> rising = np.linspace(0.1, 0.9, 9)
        >>> found = conformal(np.r_[rising / 2, rising], np.repeat([0.0, 1.0], 9), np.zeros(18), "")
        >>> [(bound["error"], round(bound["probability"], 2)) for bound in found["genuine"]]
        [(0.1, 0.45), (0.2, 0.4)]
        >>> [(bound["error"], round(bound["probability"], 2)) for bound in found["manipulated"]]
        [(0.1, 0.1), (0.2, 0.2)]
    """
    genuine = _bounds(probability, label == 0, source)
    manipulated = _bounds(-probability, label == 1, source)
    if not genuine or not manipulated:
        return None
    turned = [{**bound, "probability": -bound["probability"]} for bound in manipulated]
    words: dict[str, Any] = {"fitted_on": fitted_on, "n": len(label)}
    return {"genuine": genuine, "manipulated": turned} | words


def _bounds(
    strangeness: Floats, chosen: npt.NDArray[np.bool_], source: npt.NDArray[Any]
) -> list[dict[str, float]]:
    """The highest strangeness that any source needs, at each rate that all of them allow."""
    each = [np.sort(strangeness[chosen & (source == name)]) for name in np.unique(source[chosen])]
    return [
        {"error": rate, "probability": max(float(v[_rank(len(v), rate) - 1]) for v in each)}
        for rate in ERRORS
        if all(_rank(len(values), rate) <= len(values) for values in each)
    ]


def _rank(count: int, rate: float) -> int:
    """Which of so many values, counted from 1, a new one exceeds with at most this probability."""
    return math.ceil((count + 1) * (1 - rate) - 1e-9)
