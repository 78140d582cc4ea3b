"""Fit how the embedded detectors' log-odds are added: `python -m unmask.lab.fusion --data ROOT`.

Logistic regression without a negative weight on the calibrated log-odds, and on the largest of
them, of people and videos that no detector was trained on, as they come and worn. Either class
weighs the same; within it every family of forgeries does, and every source of genuine photos.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unmask.bench.families import FAMILIES, Item, plain, worn
from unmask.bench.scoring import Examiner
from unmask.judge.fuse import FITTED
from unmask.judge.odds import log_odds
from unmask.lab.calibration import balanced, operating_points
from unmask.lab.data import dev
from unmask.pipeline import list_detectors

LEARNT = ("self_blend", "stylegan", "diffusion", "swap_meso", "composite_ciplab", "swap_timit")
"""Families of which people or videos are kept back from training for this."""

GENUINE = ("real_amfd", "portrait_seg_pvt", "utkface_crop", "morph_train_3dsk")
"""Further sources of genuine photos."""

MOST = 160
"""Pictures of one family and class."""

Array = npt.NDArray[np.float64]


def fit(odds: Array, label: Array, group: npt.NDArray[Any]) -> dict[str, Any]:
    """Weights, that of the strongest, intercept and operating points.

    Args:
        odds: Calibrated log-odds, shape (n, detectors).
        label: 1 manipulated, 0 genuine, shape (n,).
        group: Family of a forgery or source of a photo, shape (n,).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> label = np.repeat([0.0, 1.0], 400)
        >>> told = np.stack([rng.normal(4 * label - 2, 2), rng.normal(0 * label, 1)], 1)
        >>> found = fit(told, label, np.zeros(800))
        >>> [round(weight) for weight in found["weights"]]
        [1, 0]
    """
    from scipy.optimize import minimize

    weight = balanced(label, group)
    design = np.column_stack([odds, odds.max(axis=1), np.ones(len(odds))])
    sign = np.where(label == 1, -1.0, 1.0)

    def loss(theta: Array) -> float:
        return float(weight @ np.logaddexp(0, sign * (design @ theta)))

    several = odds.shape[1]
    start = np.r_[np.full(several, 0.5), 0.5, 0.0]
    bounds = [(0.0, None)] * (several + 1) + [(None, None)]
    theta = minimize(loss, start, bounds=bounds, method="L-BFGS-B").x
    chance = 1 / (1 + np.exp(-(design @ theta)))
    real = label == 0
    return {
        "weights": theta[:several].tolist(),
        "strongest": float(theta[several]),
        "intercept": float(theta[-1]),
        "operating_points": operating_points(chance[real], group[real]),
    }


def items(samples: Sequence[dev.Sample], forge: Any) -> Iterator[tuple[str, Item]]:
    """Validation pictures with their group, each as it comes and worn."""
    more = [plain(s) for s in samples if s.set in GENUINE and s.label == 0]
    counts: Counter[str] = Counter()
    for family, made in [*((f, FAMILIES[f](samples, forge)) for f in LEARNT), ("", more)]:
        for item in made:
            group = family if item.label else item.unit.split("/")[0]
            if item.split == "val" and counts[group] < MOST:
                counts[group] += 1
                yield group, item
                yield group, worn(item)


def measure(
    chosen: Iterable[tuple[str, Item]], examiner: Examiner
) -> tuple[Array, Array, npt.NDArray[Any]]:
    """Log-odds, labels and groups of the pictures that every detector could judge."""
    rows, labels, groups = [], [], []
    calibrations = {
        name: detector.card.calibration for name, detector in examiner.detectors.items()
    }
    for group, item in chosen:
        picture = item.load()
        logits = examiner.score(picture[0]) if picture else {}
        row = [
            log_odds(calibration.probability(logit))
            for name, calibration in calibrations.items()
            if calibration is not None and (logit := logits.get(name)) is not None
        ]
        if len(row) == len(calibrations):
            rows.append(row)
            labels.append(float(item.label))
            groups.append(group)
    return np.array(rows), np.array(labels), np.array(groups)


def main() -> None:
    """Measure, fit, and write `unmask/models/fusion.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=FITTED)
    options = parser.parse_args()
    examiner = Examiner(list_detectors())
    odds, label, group = measure(items(dev.samples(options.data), examiner.forge), examiner)
    found = fit(odds, label, group)
    names = list(examiner.detectors)
    document = {
        "schema": "unmask.fusion/1",
        "models": {n: d.card.model.sha256 for n, d in examiner.detectors.items()},
        "weights": dict(zip(names, found["weights"], strict=True)),
        "strongest": found["strongest"],
        "intercept": found["intercept"],
        "operating_points": found["operating_points"],
        "fitted_on": "kept back from training: " + ", ".join([*LEARNT, *GENUINE]),
        "n": len(label),
    }
    options.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
