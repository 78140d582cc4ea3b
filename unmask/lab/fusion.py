"""Fit how the embedded detectors' log-odds are added: `python -m unmask.lab.fusion --data ROOT`.

People and videos that no detector was trained on are scored as they come and worn in several ways,
since a fusion that is fitted on good pictures trusts what blur takes away. The weights, of
each detector and once more of the strongest, put forgeries above genuine pictures of the same
source, since that is where nothing but the forgery differs; a logistic regression then makes their
sum a probability. Every family of forgeries weighs the same, and so does every genuine source.

Of faces that only one of them could judge, it is measured what share of the forgeries it does not
see at all.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unmask.bench import perturb
from unmask.bench.families import FAMILIES, Item, Picture, plain, worn
from unmask.bench.scoring import Examiner
from unmask.judge import calibrate
from unmask.judge.fuse import FITTED
from unmask.judge.odds import log_odds
from unmask.lab.calibration import balanced, operating_points
from unmask.lab.conformal import conformal
from unmask.lab.data import dev
from unmask.pipeline import list_detectors

LEARNT = (
    *("self_blend", "stylegan", "diffusion", "swap_meso", "composite_ciplab", "swap_timit"),
    "morph",
)
"""Families of which people or videos are kept back from training for this."""

GENUINE = ("real_amfd", "portrait_seg_pvt", "utkface_crop")
"""Further sources of genuine photos."""

KEPT_BACK = "kept back from training: " + ", ".join([*LEARNT, *GENUINE])
MOST = 80
"""Pictures of one family and class, each in every kind of wear."""

WEAR = (("jpeg", 3), ("shrink_area", 3), ("gaussian_blur", 2), ("gaussian_blur", 3))
"""Further wear, by `unmask.bench.perturb`, beside a random chain."""

SPARE = 2.0
"""On other people, even of the sources of a fit, alarms came up to twice as often as stated."""

LEADS = tuple(float(lead) for lead in np.arange(-3, 3.25, 0.25))
ROUNDS = 2
"""Which leads are tried, and how often each detector's turn comes."""

FEWEST = 20
"""Faces that a family or a source must have to say what is not seen."""

Array = npt.NDArray[np.float64]
Names = npt.NDArray[np.str_]


def fit(
    odds: Array, label: Array, group: Names, source: Names, picture: Names | None = None
) -> dict[str, Any]:
    """Weights, that of the strongest, intercept, operating points, promises and unseen shares.

    Args:
        odds: Calibrated log-odds, shape (n, detectors); NaN where a detector could not judge.
        label: 1 manipulated, 0 genuine, shape (n,).
        group: Family of a forgery or source of a photo, shape (n,).
        source: Where the picture itself comes from, shape (n,).
        picture: Which picture it is, shape (n,), where some stand here in several states: a promise
            counts each once, in a state that is drawn.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> label = np.repeat([0.0, 1.0], 400)
        >>> told = np.stack([rng.normal(4 * label - 2, 2), rng.normal(0 * label, 1)], 1)
        >>> same = np.full(800, "web")
        >>> found = fit(told, label, same, same)
        >>> found["weights"][0] > 4 * found["weights"][1]
        True
    """
    shares = [unseen(*left, label, group) for left in _left_alone(odds)]
    judged = ~np.isnan(odds).any(axis=1)
    odds, label, group, source = odds[judged], label[judged], group[judged], source[judged]
    once = np.ones(len(label), bool) if picture is None else _once(picture[judged])
    leads = leading(odds, label, group, source)
    design = _design(odds, leads)
    weights, _ = ranked(design, label, group, source)
    curve = calibrate.fit("platt", design @ weights, label, balanced(label, group), "")
    genuine, slope = label == 0, curve.parameters["slope"]
    chance = curve.probabilities(design @ weights)
    promised = conformal(chance[once], label[once], group[once], KEPT_BACK)
    return {
        "weights": (slope * weights[:-1]).tolist(),
        "strongest": float(slope * weights[-1]),
        "intercept": curve.parameters["intercept"],
        "operating_points": operating_points(chance[genuine], group[genuine], SPARE),
        **({"conformal": promised} if promised else {}),
        "unseen": shares,
        "leads": leads,
    }


def _once(picture: Names) -> npt.NDArray[np.bool_]:
    """Mark one row of each picture."""
    order = np.random.default_rng(0).permutation(len(picture))
    chosen = np.zeros(len(picture), bool)
    chosen[order[np.unique(picture[order], return_index=True)[1]]] = True
    return chosen


def _left_alone(odds: Array) -> Iterator[tuple[Array, npt.NDArray[np.bool_]]]:
    """Of each detector, what it said of the faces that it alone judged, and which those are."""
    spoke = ~np.isnan(odds)
    for detector in range(odds.shape[1]):
        alone = spoke[:, detector] & (spoke.sum(axis=1) == 1)
        yield odds[alone, detector], alone


def unseen(said: Array, alone: npt.NDArray[np.bool_], label: Array, group: Names) -> float:
    """The likeliest share of forgeries that look genuine to a detector which is left alone.

    Args:
        said: Its calibrated log-odds of the faces that it alone judged.
        alone: Which faces those are, shape (n,).
        label: 1 manipulated, 0 genuine, shape (n,).
        group: Family of a forgery or source of a photo, shape (n,).

    Returns:
        0..1; 0 where too few faces are known to tell.
    """
    from scipy.optimize import minimize_scalar

    truth, kind = label[alone], group[alone]
    alike = (truth[:, None] == truth) & (kind[:, None] == kind)
    many = alike.sum(axis=1) >= FEWEST
    truth, kind, said = truth[many], kind[many], said[many]
    if set(truth) != {0.0, 1.0}:
        return 0.0
    odds, weight = np.exp(said), balanced(truth, kind)

    def loss(share: float) -> float:
        chance = 1 / (1 + 1 / ((1 - share) * odds + share))
        return -float(weight @ np.log(np.where(truth == 1, chance, 1 - chance)))

    return float(minimize_scalar(loss, bounds=(0.0, 0.99), method="bounded").x)


def leading(odds: Array, label: Array, group: Names, source: Names) -> list[float]:
    """Each detector's lead, the least of them 0, under which the ranking is best.

    One after the other is tried at every step of `LEADS`, as long as that helps.
    """
    count, best = odds.shape[1], np.inf
    found = [0.0] * count
    for detector in [*range(1, count)] * ROUNDS:
        tried = [[*found[:detector], lead, *found[detector + 1 :]] for lead in LEADS]
        losses = [ranked(_design(odds, leads), label, group, source)[1] for leads in tried]
        if min(losses) < best:
            best, found = min(losses), tried[int(np.argmin(losses))]
    return [lead - min(found) for lead in found]


def _design(odds: Array, leads: Sequence[float]) -> Array:
    return np.column_stack([odds, (odds + leads).max(axis=1)])


def ranked(design: Array, label: Array, group: Names, source: Names) -> tuple[Array, float]:
    """Weights, at least 0, under which forgeries stand above genuine pictures of their source.

    The loss is the logistic of the difference, over all pairs of a family's pictures and its
    rivals: those of its own sources, or of all where it has none.

    Returns:
        The weights and their loss.
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
    found = minimize(loss, start, bounds=[(0.0, None)] * len(start))
    return np.asarray(found.x), float(found.fun)


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
                for name, severity in WEAR:
                    yield group, _after(item, name, severity)


def _after(item: Item, name: str, severity: int) -> Item:
    def load() -> Picture | None:
        picture = item.load()
        return picture and (perturb.apply(name, picture[0], severity, 0), {})

    return replace(item, key=f"{item.key}@{name}:{severity}", load=load)


def measure(
    chosen: Iterable[tuple[str, Item]], examiner: Examiner
) -> tuple[Array, Array, Names, Names, Names]:
    """Log-odds, NaN where a detector could not judge; labels, groups, sources, pictures."""
    rows, labels, groups, sources, pictures = [], [], [], [], []
    calibrations = {
        name: detector.card.calibration for name, detector in examiner.detectors.items()
    }
    for group, item in chosen:
        picture = item.load()
        logits = examiner.score(picture[0]) if picture else {}
        row = [
            np.nan
            if calibration is None or (logit := logits.get(name)) is None
            else log_odds(calibration.probability(logit))
            for name, calibration in calibrations.items()
        ]
        if not np.isnan(row).all():
            rows.append(row)
            labels.append(float(item.label))
            groups.append(group)
            sources.append(item.unit.split("/")[0])
            pictures.append(f"{group}/{item.key.partition('@')[0]}")
    names = (np.array(groups), np.array(sources), np.array(pictures))
    return np.array(rows), np.array(labels), *names


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
        "unseen": dict(zip(names, found["unseen"], strict=True)),
        "leads": dict(zip(names, found["leads"], strict=True)),
        "fitted_on": KEPT_BACK,
        "n": len(measured[0]),
    }
    options.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
