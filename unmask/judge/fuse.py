"""Several detectors, one probability: calibrated log-odds are added.

Each calibrated probability is read as evidence beside a prior of one half; its log-odds are then
the weight of that evidence, and independent pieces of evidence add up (naive Bayes):

    logit(fused) = intercept + sum over detectors of weight * logit(probability)
                             + strongest * largest (lead + logit(probability))

The last term is there because detectors know different families: one that finds its own trace
says much, and that the others find nothing says next to nothing against it. A lead is for a
detector that says much by a little more than the others do: the strongest opinion is not the one
with the largest number, but the one that is the least usual for a genuine face.

With weights of 1 and without that term, two assumptions stand behind the sum. Every detector was
calibrated on data of the same kind, all families of manipulation included; one that was calibrated
on its own family alone says "genuine" too loudly about the others. And the detectors err
independently, given the truth; detectors that look at the same trace do not, and their sum counts
one observation twice.

Where the truth is known, the weights are fitted instead (`unmask.lab.fusion`): logistic regression
on the detectors' log-odds mends both. The fit for the detectors that come with Unmask lies beside
them in `fusion.json`; it holds for exactly those models, and for a face that all of them judged.
Where one of them abstained, the others speak for themselves, against the highest of their own
thresholds, and the finding says `partly_judged`. A detector calibrated on what it sees would clear
such a face as if nothing else existed. The fit therefore tells, for a detector that is left alone,
the share of the forgeries of such faces that look genuine to it, and

    odds(fused) = (1 - share) * odds(probability) + share

so that its silence proves only as much as it can. The order of faces stays the same.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from unmask.errors import ConfigError
from unmask.judge.card import Card, OperatingPoint
from unmask.judge.odds import chance, log_odds
from unmask.types import Interval, Score

if TYPE_CHECKING:
    from unmask.judge.conformal import Conformal

FITTED = Path(__file__).parent.parent / "models" / "fusion.json"


@dataclass(frozen=True)
class Fusion:
    """How log-odds are added.

    Attributes:
        weights: Of each detector by name, at least 0.
        strongest: Weight of the largest log-odds once more, with its lead, at least 0.
        intercept: Added to the sum.
        operating_points: Of the fused probability; empty when nothing was fitted.
        conformal: What error the fused probability can promise; `None` for no promise.
        unseen: Of each detector by name, for a face that it alone could judge: the share of
            forgeries, 0..1, that it takes for genuine faces.
        leads: Of each detector by name: added to its log-odds where the largest are sought.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    strongest: float = 0.0
    intercept: float = 0.0
    operating_points: tuple[OperatingPoint, ...] = ()
    conformal: Conformal | None = field(default=None, repr=False)  # it changes no score
    unseen: Mapping[str, float] = field(default_factory=dict)
    leads: Mapping[str, float] = field(default_factory=dict)

    def covers(self, names: Sequence[str]) -> bool:
        """Whether it was fitted for exactly these detectors."""
        return sorted(names) == sorted(self.weights)

    def with_unseen(self, names: Sequence[str], probability: float) -> float:
        """Return what a probability amounts to, given who judged the face.

        Args:
            names: Of the detectors that judged it, at least one.
            probability: What they said together.

        Example:
            >>> fusion = Fusion({"a": 1.0, "b": 1.0}, unseen={"a": 0.5})
            >>> round(fusion.with_unseen(["a"], 0.0), 3), fusion.with_unseen(["a", "b"], 0.0)
            (0.333, 0.0)
        """
        share = 0.0 if self.covers(names) else min(self.unseen.get(name, 0.0) for name in names)
        if not share:
            return probability
        genuine = 1 - probability
        forged = (1 - share) * probability + share * genuine
        return forged / (forged + genuine)


NAIVE = Fusion()
"""Every detector with weight 1: for combinations that nobody fitted."""


def fitted_for(cards: Sequence[Card], path: Path = FITTED) -> Fusion:
    """The fitted fusion if there is one for exactly these models, else `NAIVE`.

    Args:
        cards: Of the detectors that take part.
        path: The fit.
    """
    if not path.is_file():
        return NAIVE
    stored = json.loads(path.read_text(encoding="utf-8"))
    if stored["models"] != {card.name: card.model.sha256 for card in cards}:
        return NAIVE
    points = tuple(OperatingPoint(**point) for point in stored["operating_points"])
    rule = stored["weights"], stored["strongest"], stored["intercept"], points
    promised = None
    if "conformal" in stored:
        from unmask.judge.conformal import Conformal

        promised = Conformal.of(stored["conformal"])
    return Fusion(*rule, promised, stored.get("unseen", {}), stored.get("leads", {}))


def fuse(scores: Sequence[Score], fusion: Fusion = NAIVE) -> tuple[float, Interval]:
    """Fuse scores of one face.

    The doubt of each score, taken as independent, is carried through the sum; its two ends are
    carried apart, because they lie unevenly far.

    Args:
        scores: At least one.
        fusion: Used when it covers these detectors; otherwise each has weight 1.

    Returns:
        Probability and its 95 % interval.

    Raises:
        ConfigError: `bad_option` when there is no score.

    Example:
        >>> agree = [Score("a", 0, 0.8, (0.7, 0.9)), Score("b", 0, 0.8, (0.7, 0.9))]
        >>> round(fuse(agree)[0], 3)
        0.941
    """
    if not scores:
        raise ConfigError("bad_option", "There is no score to fuse.")
    names = [score.detector for score in scores]
    rule = fusion if fusion.covers(names) else NAIVE
    first = max(scores, key=lambda s: log_odds(s.probability) + rule.leads.get(s.detector, 0.0))
    total = rule.intercept + rule.strongest * rule.leads.get(first.detector, 0.0)
    below = above = 0.0
    for score in scores:
        middle = log_odds(score.probability)
        weight = rule.weights.get(score.detector, 1.0) + rule.strongest * (score is first)
        total += weight * middle
        below += (weight * max(middle - log_odds(score.interval[0]), 0.0)) ** 2
        above += (weight * max(log_odds(score.interval[1]) - middle, 0.0)) ** 2
    ends = (total, total - math.sqrt(below), total + math.sqrt(above))
    middle, low, high = (fusion.with_unseen(names, chance(end)) for end in ends)
    return middle, (low, high)
