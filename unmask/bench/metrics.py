"""Pure functions from labels and scores to numbers, and their intervals.

Everywhere: `labels` are 1 for manipulated and 0 for genuine, `scores` grow with suspicion, and
both have shape (n,). Intervals resample whole units (people, videos), because frames of one
person are no independent observations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Labels = npt.ArrayLike
Scores = npt.ArrayLike
Metric = Callable[[npt.NDArray[Any], npt.NDArray[Any]], float]
AGGREGATIONS = ("mean", "max", "top3", "top5", "none")
"""How the scores of one video become one: their mean, the highest, the mean of the highest few; or
every frame stays on its own."""
_Floats = npt.NDArray[np.float64]
_Rows = npt.NDArray[np.int64]


def auc(labels: Labels, scores: Scores) -> float:
    """Chance that a manipulated sample scores above a genuine one; ties count half.

    Returns:
        0..1, or NaN when a class is missing.

    Example:
        >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
        0.75
    """
    y, s = _pair(labels, scores)
    positives = int(y.sum())
    negatives = y.size - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    _, inverse, counts = np.unique(s, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    wins = ranks[y].sum() - positives * (positives + 1) / 2
    return float(wins / (positives * negatives))


def eer(labels: Labels, scores: Scores) -> float:
    """Rate at which false alarms and misses are equal, interpolated along the ROC curve.

    Returns:
        0..1, or NaN when a class is missing.

    Example:
        >>> eer([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
        0.5
    """
    alarms, hits, _ = roc(labels, scores)
    gap = alarms - (1 - hits)
    if not np.isfinite(gap).all():
        return float("nan")
    after = int(np.argmax(gap >= 0))
    if gap[after] == 0 or after == 0:
        return float(alarms[after])
    share = -gap[after - 1] / (gap[after] - gap[after - 1])
    return float(alarms[after - 1] + share * (alarms[after] - alarms[after - 1]))


def average_precision(labels: Labels, scores: Scores) -> float:
    """Precision averaged over the steps in recall, without interpolation.

    Returns:
        0..1, or NaN when nothing is manipulated.

    Example:
        >>> round(average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 4)
        0.8333
    """
    y, s = _pair(labels, scores)
    if not y.any():
        return float("nan")
    hits, total = _cumulative(y, s)
    recall = hits / y.sum()
    return float(np.sum(np.diff(recall, prepend=0.0) * hits / total))


def roc(labels: Labels, scores: Scores) -> tuple[_Floats, _Floats, _Floats]:
    """False-alarm rate, hit rate and threshold, from the strictest threshold to the laxest.

    Returns:
        Three arrays of one length; the first point is (0, 0) at an infinite threshold. Rates of a
        missing class are NaN.

    Example:
        >>> alarms, hits, thresholds = roc([0, 1], [0.2, 0.9])
        >>> alarms.tolist(), hits.tolist()
        ([0.0, 0.0, 1.0], [0.0, 1.0, 1.0])
    """
    y, s = _pair(labels, scores)
    hits, total = _cumulative(y, s)
    thresholds = np.unique(s)[::-1]
    with np.errstate(invalid="ignore"):
        alarm_rate = np.concatenate([[0.0], total - hits]) / float((~y).sum())
        hit_rate = np.concatenate([[0.0], hits]) / float(y.sum())
    return alarm_rate, hit_rate, np.concatenate([[np.inf], thresholds])


def tpr_at_fpr(labels: Labels, scores: Scores, fpr: float) -> float:
    """Highest hit rate of any threshold whose false-alarm rate stays at or under `fpr`.

    Example:
        >>> tpr_at_fpr([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], fpr=0.1)
        0.5
    """
    alarms, hits, _ = roc(labels, scores)
    return float(hits[alarms <= fpr].max(initial=0.0))


def threshold_at_fpr(scores: Scores, fpr: float) -> float:
    """Smallest threshold at which at most a share `fpr` of genuine samples scores at or above it.

    Args:
        scores: Of genuine samples only.
        fpr: Tolerated share, 0..1.

    Example:
        >>> 0.4 < threshold_at_fpr([0.1, 0.2, 0.3, 0.4], fpr=0.0) < 0.400001
        True
    """
    descending = np.sort(np.asarray(scores, dtype=np.float64))[::-1]
    allowed = int(np.floor(fpr * descending.size + 1e-9))
    if allowed >= descending.size:
        return float(descending[-1])
    return float(np.nextafter(descending[allowed], np.inf))


def accuracy(labels: Labels, scores: Scores, threshold: float = 0.5) -> float:
    """Share of samples on their side of the threshold; at or above it means manipulated.

    Example:
        >>> accuracy([0, 0, 1], [0.2, 0.7, 0.7])
        0.6666666666666666
    """
    y, s = _pair(labels, scores)
    return float(np.mean((s >= threshold) == y))


def balanced_accuracy(labels: Labels, scores: Scores, threshold: float = 0.5) -> float:
    """Mean of the two classes' accuracies; NaN when a class is missing.

    Example:
        >>> balanced_accuracy([0, 0, 1], [0.2, 0.7, 0.7])
        0.75
    """
    y, s = _pair(labels, scores)
    if y.all() or not y.any():
        return float("nan")
    said = s >= threshold
    return float((said[y].mean() + (~said[~y]).mean()) / 2)


def brier(labels: Labels, probabilities: Scores) -> float:
    """Mean squared distance of the probability from what was true.

    Example:
        >>> brier([0, 1], [0.5, 1.0])
        0.125
    """
    y, p = _pair(labels, probabilities)
    return float(np.mean((p - y) ** 2))


def log_loss(labels: Labels, probabilities: Scores, floor: float = 1e-7) -> float:
    """Mean surprise in nats; probabilities are kept `floor` away from 0 and 1.

    Example:
        >>> round(log_loss([1], [0.5]), 4)
        0.6931
    """
    y, p = _pair(labels, probabilities)
    p = np.clip(p, floor, 1 - floor)
    return float(-np.mean(np.where(y, np.log(p), np.log(1 - p))))


def ece(labels: Labels, probabilities: Scores, bins: int = 15) -> float:
    """Expected calibration error: gap between stated and observed share, weighted by bin size.

    Args:
        labels: 1 manipulated, 0 genuine.
        probabilities: 0..1, of "manipulated".
        bins: Of equal width over 0..1.

    Example:
        >>> ece([0, 1, 1, 1], [0.75, 0.75, 0.75, 0.75])
        0.0
    """
    y, p = _pair(labels, probabilities)
    index = np.minimum((p * bins).astype(int), bins - 1)
    gaps = np.bincount(index, weights=y - p, minlength=bins)
    return float(np.abs(gaps).sum() / y.size)


def interval(
    metric: Metric,
    labels: Labels,
    scores: Scores,
    units: Sequence[object],
    *,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap of a metric, resampling whole units with replacement.

    Args:
        metric: Function of labels and scores.
        labels: 1 manipulated, 0 genuine.
        scores: Higher is more suspicious.
        units: The independent unit of each sample (person, video), any hashable.
        draws: Number of resamples; those in which the metric is undefined are left out.
        level: Share of the draws inside the interval.
        seed: Same seed, same interval.

    Returns:
        Lower and upper bound; NaN when no draw was defined.

    Example:
        >>> interval(auc, [0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], ["a", "b", "c", "d"])
        (1.0, 1.0)
    """
    y, s = _pair(labels, scores)

    def of(rows: _Rows) -> float:
        return metric(y[rows].astype(np.int64), s[rows])

    return spread(of, [members(units)], draws, level, seed)


def difference(
    metric: Metric,
    labels: Labels,
    first: Scores,
    second: Scores,
    units: Sequence[object],
    *,
    strata: Sequence[object] | None = None,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, tuple[float, float]]:
    """How far one detector leads another on the same samples, with its interval.

    Both are measured on every resample, so what makes a sample hard for both cancels out.

    Args:
        metric: Function of labels and scores.
        labels: 1 manipulated, 0 genuine.
        first: Scores of the detector that leads when the difference is positive.
        second: Scores of the other.
        units: As for `interval`.
        strata: The test set of each sample. The metric is then taken in each and averaged, and
            units are resampled within them.
        draws: As for `interval`.
        level: As for `interval`.
        seed: As for `interval`.

    Returns:
        Difference of the metric, and its lower and upper bound.

    Example:
        >>> difference(auc, [0, 0, 1, 1], [1, 2, 3, 4], [4, 3, 2, 1], ["a", "b", "c", "d"])
        (1.0, (1.0, 1.0))
    """
    y, a = _pair(labels, first)
    sets = members(strata or [""] * y.size)
    lead = _mean_lead(metric, y.astype(np.int64), a, _pair(labels, second)[1], sets)
    groups = [[rows[own] for own in members([units[row] for row in rows])] for rows in sets]
    return lead(np.arange(y.size)), spread(lead, groups, draws, level, seed)


def per_video(
    labels: Labels, scores: Scores, keys: Sequence[tuple[str, str]], how: str = "mean"
) -> tuple[npt.NDArray[np.int64], _Floats, list[int]]:
    """One score a video, in the order of the videos' first frames.

    A video is told by its source, its label and its own name: two sources, or a genuine video and
    its forgery, may well share a name.

    Args:
        labels: Of the frames.
        scores: Of the frames.
        keys: Source and name of each frame's video.
        how: One of `AGGREGATIONS`; "top3" is the mean of the three highest.

    Returns:
        Labels, scores, and the row of each video's first frame.

    Raises:
        ValueError: For an unknown aggregation.

    Example:
        >>> keys = [("a", "000"), ("a", "000"), ("b", "000")]
        >>> per_video([1, 1, 1], [0.2, 0.6, 0.9], keys)[1].tolist()
        [0.4, 0.9]
    """
    if how not in AGGREGATIONS:
        raise ValueError(f"{how!r} is no aggregation; there are {', '.join(AGGREGATIONS)}")
    y, s = _pair(labels, scores)
    if how == "none":
        return y.astype(np.int64), s, list(range(y.size))
    videos = members(list(zip(keys, y.tolist(), strict=True)))
    firsts = [int(rows[0]) for rows in videos]
    return y[firsts].astype(np.int64), np.array([_one(s[r], how) for r in videos]), firsts


def best_threshold(labels: Labels, scores: Scores) -> float:
    """Threshold of the highest balanced accuracy, halfway to the next score below it.

    Made on a development split and then kept: on the test split itself it would flatter.

    Returns:
        NaN when a class is missing; the lowest such threshold when several are as good.

    Example:
        >>> best_threshold([0, 0, 1, 1], [0.1, 0.3, 0.5, 0.8])
        0.4
    """
    alarms, hits, thresholds = roc(labels, scores)
    gain = hits - alarms
    if not np.isfinite(gain).all():
        return float("nan")
    best = len(gain) - 1 - int(np.argmax(gain[::-1]))
    if best in (0, len(gain) - 1):
        return float(thresholds[best])
    return float((thresholds[best] + thresholds[best + 1]) / 2)


def _mean_lead(
    metric: Metric, y: _Rows, first: _Floats, second: _Floats, sets: Sequence[_Rows]
) -> Callable[[_Rows], float]:
    """The statistic behind `difference`, as a function of rows."""
    part = np.empty(y.size, np.int64)
    for number, rows in enumerate(sets):
        part[rows] = number

    def lead(rows: _Rows) -> float:
        inside = [rows[part[rows] == number] for number in range(len(sets))]
        return float(np.mean([metric(y[r], first[r]) - metric(y[r], second[r]) for r in inside]))

    return lead


def _one(scores: _Floats, how: str) -> float:
    if how == "mean":
        return float(scores.mean())
    count = 1 if how == "max" else int(how.removeprefix("top"))
    return float(np.sort(scores)[-count:].mean())


def spread(
    statistic: Callable[[_Rows], float],
    groups: Sequence[Sequence[_Rows]],
    draws: int,
    level: float,
    seed: int,
) -> tuple[float, float]:
    """Quantiles of a statistic of rows, units being drawn anew within each group."""
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(draws):
        chosen = [
            group[index] for group in groups for index in rng.integers(len(group), size=len(group))
        ]
        values.append(statistic(np.concatenate(chosen)))
    finite = np.asarray(values)[np.isfinite(values)]
    if finite.size == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def members(units: Sequence[object]) -> list[npt.NDArray[np.int64]]:
    """Rows of each unit, in the order of their first rows."""
    rows: dict[object, list[int]] = {}
    for row, unit in enumerate(units):
        rows.setdefault(unit, []).append(row)
    return [np.asarray(found, dtype=np.int64) for found in rows.values()]


def _pair(labels: Labels, scores: Scores) -> tuple[npt.NDArray[np.bool_], _Floats]:
    y = np.asarray(labels).astype(bool)
    s = np.asarray(scores, dtype=np.float64)
    if y.shape != s.shape or y.ndim != 1 or y.size == 0:
        raise ValueError(f"labels {y.shape} and scores {s.shape} must be one non-empty length")
    return y, s


def _cumulative(y: npt.NDArray[np.bool_], s: _Floats) -> tuple[_Floats, _Floats]:
    """Hits and samples at or above every distinct score, highest score first."""
    _, inverse, counts = np.unique(s, return_inverse=True, return_counts=True)
    hits = np.bincount(inverse, weights=y.astype(np.float64), minlength=counts.size)
    return np.cumsum(hits[::-1]), np.cumsum(counts[::-1]).astype(np.float64)
