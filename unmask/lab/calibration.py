"""What a card says of a detector's probabilities, measured on pictures kept back from training."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from unmask.judge.calibrate import fit
from unmask.judge.domain import FEATURES
from unmask.lab.conformal import Floats, conformal

FALSE_ALARMS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)

UNLIKE = 0.01
"""Share of the calibration faces of a source that may count as unlike them."""

WIDENED = 3.0
"""By which the interval of such a face widens: a word of caution, no measurement, for no
calibration face can tell how far off a face of another kind will be."""

FLOOR = 0.05
"""Least deviation of a feature: one that never varied in calibration would allow nothing else."""


def card_sections(
    logit: Floats,
    label: Floats,
    group: npt.NDArray[Any],
    fitted_on: str,
    source: npt.NDArray[Any] | None = None,
    kind: str = "platt",
    quality: Floats | None = None,
) -> dict[str, Any]:
    """The card's `calibration`, `operating_points` and, where faces suffice, `conformal`.

    Every group weighs the same, and so does either class: a probability of one half then means
    what it says when a genuine and a manipulated face are equally likely.

    Args:
        logit: Shape (n,).
        label: 1 manipulated, 0 genuine, shape (n,).
        group: Source or kind of each picture, shape (n,).
        fitted_on: Words for the card.
        source: Source of each picture, in each of which the operating points and the promised
            error shall hold; by default the group.
        kind: Of `unmask.judge.calibrate`.
        quality: Of each face, shape (n,); for the kind `quality`.
    """
    calibration = fit(kind, logit, label, balanced(label, group), fitted_on, quality)
    probability, real = calibration.probabilities(logit, quality), label == 0
    places = group if source is None else source
    promised = conformal(probability, label, places, fitted_on)
    return {
        "calibration": {
            "kind": calibration.kind,
            "parameters": dict(calibration.parameters),
            "fitted_on": fitted_on,
            "n": calibration.n,
        },
        "operating_points": operating_points(probability[real], places[real]),
    } | ({"conformal": promised} if promised else {})


def operating_points(
    genuine: Floats, source: npt.NDArray[Any], spare: float = 1.0
) -> list[dict[str, float]]:
    """Thresholds that no more than a share of genuine pictures reach, in whichever source.

    A threshold for the sources' mean lets some of them raise false alarms at several times the
    rate, and the next source may well be of that kind.

    Args:
        genuine: Probabilities of genuine pictures, shape (n,).
        source: Of each, shape (n,).
        spare: How many times rarer than stated alarms are to be in these sources.

    Example:
        >>> found = operating_points(np.r_[0.1, 0.2, 0.3, 0.4], np.array(["a", "a", "b", "b"]))
        >>> found[-1]["fpr"], round(found[-1]["threshold"], 2)
        (0.2, 0.4)
    """
    each = [genuine[source == name] for name in np.unique(source)]
    return [
        {"fpr": rate, "threshold": max(_upper(values, rate / spare) for values in each)}
        for rate in FALSE_ALARMS
    ]


def domain(
    values: Floats,
    source: npt.NDArray[Any],
    fitted_on: str,
    features: tuple[str, ...] = FEATURES,
) -> dict[str, Any]:
    """The card's `domain`: which faces the detector was calibrated on.

    Every source weighs the same in the mean and in the spread, and none has more than `UNLIKE` of
    its faces beyond the threshold.

    Args:
        values: `unmask.judge.domain.describe` of each calibration face, shape (n, k).
        source: Of each face, shape (n,).
        fitted_on: Words for the card.
        features: What was described, k names.

    Example:
        >>> values = np.random.default_rng(0).normal(0.5, 0.1, (500, 2))
        >>> found = domain(values, np.zeros(500), "made up", ("brightness", "contrast"))
        >>> [round(value, 1) for value in found["mean"]], round(found["threshold"])
        ([0.5, 0.5], 8)
    """
    weight = balanced(np.zeros(len(values)), source)
    mean = weight @ values
    away = values - mean
    spread = away.T @ (away * weight[:, None]) + FLOOR**2 * np.eye(len(mean))
    precision = np.linalg.inv(spread)
    distance = np.einsum("ni,ij,nj->n", away, precision, away)
    return {
        "features": list(features),
        "mean": mean.tolist(),
        "precision": ((precision + precision.T) / 2).tolist(),
        "threshold": max(_upper(distance[source == name], UNLIKE) for name in np.unique(source)),
        "factor": WIDENED,
        "fitted_on": fitted_on,
        "n": len(values),
    }


def _upper(values: Floats, rate: float) -> float:
    """A value that at most the share `rate` of the values exceed."""
    return float(np.quantile(values, 1 - rate, method="higher"))


def balanced(label: Floats, group: npt.NDArray[Any]) -> Floats:
    """Weights under which either class counts the same, and within it every group.

    Example:
        >>> import numpy as np
        >>> balanced(np.array([0.0, 1, 1, 1]), np.array([0, 0, 0, 1])).tolist()
        [1.0, 0.25, 0.25, 0.5]
    """
    weight = np.ones(len(label))
    for value in (0, 1):
        for name in np.unique(group[label == value]):
            chosen = (label == value) & (group == name)
            weight[chosen] = 1 / chosen.sum()
        weight[label == value] /= weight[label == value].sum()
    return weight
