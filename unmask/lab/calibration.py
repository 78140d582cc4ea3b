"""What a card says of a detector's probabilities, measured on pictures kept back from training."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from unmask.judge.calibrate import fit

FALSE_ALARMS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)

Floats = npt.NDArray[np.floating[Any]]


def card_sections(
    logit: Floats, label: Floats, group: npt.NDArray[Any], fitted_on: str, kind: str = "platt"
) -> dict[str, Any]:
    """The card's `calibration` and `operating_points`.

    Every group weighs the same, and so does either class: a probability of one half then means
    what it says when a genuine and a manipulated face are equally likely.

    Args:
        logit: Shape (n,).
        label: 1 manipulated, 0 genuine, shape (n,).
        group: Source or kind of each picture, shape (n,).
        fitted_on: Words for the card.
        kind: Of `unmask.judge.calibrate`.
    """
    weight = balanced(label, group)
    calibration = fit(kind, logit, label, weight, fitted_on)
    genuine = calibration.probabilities(logit[label == 0])
    points = [
        {"fpr": rate, "threshold": quantile(genuine, weight[label == 0], 1 - rate)}
        for rate in FALSE_ALARMS
    ]
    return {
        "calibration": {
            "kind": calibration.kind,
            "parameters": dict(calibration.parameters),
            "fitted_on": fitted_on,
            "n": calibration.n,
        },
        "operating_points": points,
    }


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


def quantile(values: Floats, weights: Floats, share: float) -> float:
    """The value below which `share` of the weight lies.

    Example:
        >>> import numpy as np
        >>> quantile(np.array([3.0, 1.0, 2.0]), np.ones(3), 0.5)
        2.0
    """
    order = np.argsort(values)
    passed = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][min(len(values) - 1, int(np.searchsorted(passed, share)))])
