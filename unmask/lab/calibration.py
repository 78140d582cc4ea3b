"""What a card says of a detector's probabilities, measured on pictures kept back from training."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from unmask.judge.calibrate import fit

FALSE_ALARMS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)

Floats = npt.NDArray[np.floating[Any]]


def card_sections(
    logit: Floats,
    label: Floats,
    group: npt.NDArray[Any],
    fitted_on: str,
    source: npt.NDArray[Any] | None = None,
    kind: str = "platt",
) -> dict[str, Any]:
    """The card's `calibration` and `operating_points`.

    Every group weighs the same, and so does either class: a probability of one half then means
    what it says when a genuine and a manipulated face are equally likely.

    Args:
        logit: Shape (n,).
        label: 1 manipulated, 0 genuine, shape (n,).
        group: Source or kind of each picture, shape (n,).
        fitted_on: Words for the card.
        source: Source of each picture, in each of which the operating points shall hold; by
            default the group.
        kind: Of `unmask.judge.calibrate`.
    """
    calibration = fit(kind, logit, label, balanced(label, group), fitted_on)
    genuine, real = calibration.probabilities(logit), label == 0
    return {
        "calibration": {
            "kind": calibration.kind,
            "parameters": dict(calibration.parameters),
            "fitted_on": fitted_on,
            "n": calibration.n,
        },
        "operating_points": operating_points(
            genuine[real], (group if source is None else source)[real]
        ),
    }


def operating_points(genuine: Floats, source: npt.NDArray[Any]) -> list[dict[str, float]]:
    """Thresholds that no more than a share of genuine pictures reach, in whichever source.

    A threshold for the sources' mean lets some of them raise false alarms at several times the
    rate, and the next source may well be of that kind.

    Args:
        genuine: Probabilities of genuine pictures, shape (n,).
        source: Of each, shape (n,).

    Example:
        >>> found = operating_points(np.r_[0.1, 0.2, 0.3, 0.4], np.array(["a", "a", "b", "b"]))
        >>> found[-1]["fpr"], round(found[-1]["threshold"], 2)
        (0.2, 0.4)
    """
    each = [genuine[source == name] for name in np.unique(source)]
    return [
        {"fpr": rate, "threshold": max(_upper(values, rate) for values in each)}
        for rate in FALSE_ALARMS
    ]


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
