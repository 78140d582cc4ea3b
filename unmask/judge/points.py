"""Operating points: from "at most so many false alarms" to a threshold.

A card states thresholds at some false-alarm rates; between them the logit of the threshold is
interpolated along the logarithm of the rate, and beyond them nothing is guessed.

Where a fusion was fitted, it states thresholds of its own. Where none was, the fused probability
of several detectors is held against the *highest* of their own thresholds:
no face is called manipulated on less evidence than the most cautious detector asks for alone. The
rate then is exact for one detector and near the asked one for several whose errors on genuine
faces are independent; detectors that err together can push it towards the sum of their rates.
Thresholds do not travel between sources: those of Unmask's own cards keep their rate in each source
that they were set on, which leaves less than the rate over all of them, and those of their fusion
keep half of it there. A rate that matters must still be measured on genuine pictures of the kind at
hand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from unmask.errors import ConfigError
from unmask.judge.card import Card, OperatingPoint
from unmask.judge.fuse import NAIVE, Fusion
from unmask.judge.odds import logit, sigmoid


def parse(text: str) -> float:
    """Read an operating point as it is written on the command line.

    Args:
        text: Such as "fpr=0.01".

    Returns:
        The false-alarm rate, between 0 and 1.

    Raises:
        ConfigError: `bad_option`.

    Example:
        >>> parse("fpr=0.01")
        0.01
    """
    name, _, value = text.partition("=")
    try:
        rate = float(value)
    except ValueError:
        rate = math.nan
    if name.strip() != "fpr" or not 0 < rate < 1:
        raise ConfigError(
            "bad_option",
            f"{text!r} is no operating point; write fpr=0.01 for one false alarm in 100.",
        )
    return rate


def threshold(card: Card, fpr: float) -> float:
    """Return the probability from which a detector says "manipulated".

    Args:
        card: Of a detector.
        fpr: False-alarm rate, within the range that the card states.

    Raises:
        ConfigError: `bad_option` outside that range.
    """
    return _at(card.operating_points, fpr, card.name)


def fused_threshold(cards: Sequence[Card], fpr: float, fusion: Fusion = NAIVE) -> float:
    """Return the fused probability from which a face counts as manipulated.

    Args:
        cards: Of the detectors that take part, at least one.
        fpr: False-alarm rate that each of them states.
        fusion: As for `unmask.judge.fuse.fuse`.

    Raises:
        ConfigError: `bad_option` without a card, or outside a card's range.
    """
    if not cards:
        raise ConfigError("bad_option", "There is no detector.")
    if fusion.operating_points:
        return _at(fusion.operating_points, fpr, "The fusion")
    return max(threshold(card, fpr) for card in cards)


def _at(points: Sequence[OperatingPoint], fpr: float, whose: str) -> float:
    if not points:
        raise ConfigError(
            "bad_option", f"{whose} has no threshold: it was not calibrated on labelled faces."
        )
    rates = [point.fpr for point in points]
    if not rates[0] <= fpr <= rates[-1]:
        stated = f"from {rates[0]} to {rates[-1]}"
        raise ConfigError(
            "bad_option", f"{whose} states its false-alarm rates {stated}, not at {fpr}."
        )
    for point in points:
        if point.fpr == fpr:
            return point.threshold
    heights = logit([point.threshold for point in points])
    return float(sigmoid(np.interp(math.log(fpr), np.log(rates), heights)))
