"""Fit how the embedded detectors' log-odds are added: `python -m unmask.lab.fusion --data ROOT`.

People and videos that no detector was trained on are scored as they come and worn. The weights, of
each detector and once more of the strongest, put forgeries above genuine pictures of the same
source, since that is where nothing but the forgery differs; a logistic regression then makes their
sum a probability. Every family of forgeries weighs the same, and so does every genuine source.
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
from unmask.judge import calibrate
from unmask.judge.fuse import FITTED
from unmask.judge.odds import log_odds
from unmask.lab.calibration import balanced, operating_points
from unmask.lab.conformal import conformal
from unmask.lab.data import dev
from unmask.pipeline import list_detectors

LEARNT = ("self_blend", "stylegan", "diffusion", "swap_meso", "composite_ciplab", "swap_timit")
"""Families of which people or videos are kept back from training for this."""

GENUINE = ("real_amfd", "portrait_seg_pvt", "utkface_crop", "morph_train_3dsk")
"""Further sources of genuine photos."""

KEPT_BACK = "kept back from training: " + ", ".join([*LEARNT, *GENUINE])
MOST = 160
"""Pictures of one family and class."""

Array = npt.NDArray[np.float64]
Names = npt.NDArray[np.str_]


def fit(odds: Array, label: Array, group: Names, source: Names) -> dict[str, Any]:
    """Weights, that of the strongest, intercept, operating points and promises.

    Args:
        odds: Calibrated log-odds, shape (n, detectors).
        label: 1 manipulated, 0 genuine, shape (n,).
        group: Family of a forgery or source of a photo, shape (n,).
        source: Where the picture itself comes from, shape (n,).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> label = np.repeat([0.0, 1.0], 400)
        >>> told = np.stack([rng.normal(4 * label - 2, 2), rng.normal(0 * label, 1)], 1)
        >>> same = np.full(800, "web")
        >>> found = fit(told, label, same, same)
        >>> found["weights"][0] > 4 * found["weights"][1]
        True
    """
    design = np.column_stack([odds, odds.max(axis=1)])
    weights = ranked(design, label, group, source)
    curve = calibrate.fit("platt", design @ weights, label, balanced(label, group), "")
    genuine, slope = label == 0, curve.parameters["slope"]
    chance = curve.probabilities(design @ weights)
    promised = conformal(chance, label, group, KEPT_BACK)
    return {
        "weights": (slope * weights[:-1]).tolist(),
        "strongest": float(slope * weights[-1]),
        "intercept": curve.parameters["intercept"],
        "operating_points": operating_points(chance[genuine], group[genuine]),
        **({"conformal": promised} if promised else {}),
    }


def ranked(design: Array, label: Array, group: Names, source: Names) -> Array:
    """Weights, at least 0, under which forgeries stand above genuine pictures of their source.

    The loss is the logistic of the difference, over all pairs of a family's pictures and its
    rivals: those of its own sources, or of all where it has none.
    """
    from scipy.optimize import minimize

    genuine, duels = label == 0, []
    for family in np.unique(group[label == 1]):
        forged = (label == 1) & (group == family)
        own = genuine & np.isin(source, source[forged])
        duels.append((design[forged], design[own if own.any() else genuine]))

    def loss(theta: Array) -> float:
        margins = ((a @ theta)[:, None] - (b @ theta)[None] for a, b in duels)
        return float(np.mean([np.logaddexp(0, -margin).mean() for margin in margins]))

    start = np.full(design.shape[1], 0.5)
    return np.asarray(minimize(loss, start, bounds=[(0.0, None)] * len(start)).x)


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
) -> tuple[Array, Array, Names, Names]:
    """Log-odds, labels, groups and sources of the pictures that every detector could judge."""
    rows, labels, groups, sources = [], [], [], []
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
            sources.append(item.unit.split("/")[0])
    return np.array(rows), np.array(labels), np.array(groups), np.array(sources)


def main() -> None:
    """Measure, fit, and write `unmask/models/fusion.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=FITTED)
    options = parser.parse_args()
    examiner = Examiner(list_detectors())
    measured = measure(items(dev.samples(options.data), examiner.forge), examiner)
    found = fit(*measured)
    names = list(examiner.detectors)
    document = {
        "schema": "unmask.fusion/1",
        "models": {n: d.card.model.sha256 for n, d in examiner.detectors.items()},
        **found,
        "weights": dict(zip(names, found["weights"], strict=True)),
        "fitted_on": KEPT_BACK,
        "n": len(measured[0]),
    }
    options.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
