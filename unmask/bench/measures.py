"""The figures that a protocol may ask for, each a function of one detector's judged samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from unmask.bench import metrics

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Judged:
    """What one detector said about the videos or photos that it could judge.

    Attributes:
        labels: Shape (n,), 1 manipulated, 0 genuine.
        scores: Shape (n,), as the detector gives them, aggregated over frames.
        units: The independent unit of each.
        names: What each is, so that two detectors can be compared on the same.
        probability: From one score to the detector's calibrated probability.
        threshold: Of the score, fixed on the development split; NaN without one.
        alarm: Probability from which the detector itself says "manipulated".
        alarms: The same of each, shape (n,), where that is not the same of all.
    """

    labels: Labels
    scores: Floats
    units: list[str]
    names: list[tuple[object, ...]]
    probability: Callable[[float], float]
    threshold: float = float("nan")
    alarm: float = 0.5
    alarms: Floats | None = None

    def probabilities(self) -> Floats:
        """Shape (n,), 0..1."""
        return np.array([self.probability(float(score)) for score in self.scores], np.float64)

    def margins(self) -> Floats:
        """By how much each probability is over the detector's own threshold, shape (n,)."""
        return self.probabilities() - (self.alarm if self.alarms is None else self.alarms)


def together(parts: Sequence[Judged]) -> Judged:
    """What one detector said in several places, without names and without a fixed threshold."""
    alarms = [np.full(len(p.scores), p.alarm) if p.alarms is None else p.alarms for p in parts]
    return Judged(
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.scores for part in parts]),
        [who for part in parts for who in part.units],
        [],
        parts[0].probability,
        alarm=parts[0].alarm,
        alarms=np.concatenate(alarms),
    )


Measure = Callable[[Judged], tuple[metrics.Metric, Floats]]
"""Gives a metric and the scores or probabilities that it is to be taken of."""
MEASURES: Final[dict[str, Measure]] = {}


def _measure(name: str) -> Callable[[Measure], Measure]:
    def keep(made: Measure) -> Measure:
        MEASURES[name] = made
        return made

    return keep


def _of_scores(name: str, metric: metrics.Metric) -> None:
    MEASURES[name] = lambda judged: (metric, judged.scores)


def _of_probabilities(name: str, metric: metrics.Metric) -> None:
    MEASURES[name] = lambda judged: (metric, judged.probabilities())


_of_scores("auc", metrics.auc)
_of_scores("eer", metrics.eer)
_of_scores("ap", metrics.average_precision)
for _percent in (1, 5, 10):
    _of_scores(f"tpr@{_percent}%", partial(metrics.tpr_at_fpr, fpr=_percent / 100))
_of_probabilities("log_loss", metrics.log_loss)
_of_probabilities("brier", metrics.brier)
_of_probabilities("ece", metrics.ece)


@_measure("accuracy")
def _accuracy(judged: Judged) -> tuple[metrics.Metric, Floats]:
    """At the threshold of the development split."""
    return _fixed(metrics.accuracy, judged.threshold), judged.scores


@_measure("balanced_accuracy")
def _balanced_accuracy(judged: Judged) -> tuple[metrics.Metric, Floats]:
    """At the threshold of the development split."""
    return _fixed(metrics.balanced_accuracy, judged.threshold), judged.scores


@_measure("alarms")
def _alarms(judged: Judged) -> tuple[metrics.Metric, Floats]:
    """Share of genuine samples over the detector's own operating point."""

    def share(labels: npt.NDArray[Any], values: npt.NDArray[Any]) -> float:
        genuine = values[labels == 0]
        return float(np.mean(genuine >= 0)) if genuine.size else float("nan")

    return share, judged.margins()


def _fixed(metric: Callable[..., float], threshold: float) -> metrics.Metric:
    if np.isnan(threshold):
        return lambda *_: float("nan")
    return partial(metric, threshold=threshold)


def taken(name: str, judged: Judged, draws: int, seed: int) -> tuple[float, tuple[float, float]]:
    """A figure and its 95 % interval, units resampled; all NaN where nothing was judged.

    Example:
        >>> judged = Judged(np.array([0, 1]), np.array([0.1, 0.9]), ["a", "b"], [], float)
        >>> taken("auc", judged, draws=20, seed=0)
        (1.0, (1.0, 1.0))
    """
    if not judged.labels.size:
        return float("nan"), (float("nan"), float("nan"))
    metric, values = MEASURES[name](judged)
    spread = metrics.interval(metric, judged.labels, values, judged.units, draws=draws, seed=seed)
    return metric(judged.labels, values), spread
