from __future__ import annotations

import doctest
import math

import numpy as np
import pytest

pytest.importorskip("sklearn")

from unmask.bench import metrics, pooled
from unmask.bench.measures import Judged


def _judged(labels: list[int], stated: list[float], units: list[str] | None = None) -> Judged:
    names = units or [str(n) for n in range(len(labels))]
    return Judged(np.array(labels), np.array(stated), names, [], float)


def test_examples_in_the_docstring_hold() -> None:
    assert doctest.testmod(pooled).failed == 0


def test_of_one_part_it_is_the_plain_error() -> None:
    rng = np.random.default_rng(0)
    stated = rng.random(200)
    labels = (rng.random(200) < stated**2).astype(int)
    value, (low, high) = pooled.ece([_judged(labels.tolist(), stated.tolist())], draws=100)
    assert value == pytest.approx(metrics.ece(labels, stated))
    assert low < high
    assert low < value + 0.05


def test_a_small_part_weighs_as_much_as_a_large_one() -> None:
    right = _judged([1] * 90, [1.0] * 90)
    wrong = _judged([1] * 10, [0.0] * 10)
    assert pooled.ece([right, wrong], draws=5)[0] == pytest.approx(0.5)
    assert pooled.ece([right], draws=5)[0] == 0


def test_too_many_here_and_too_few_there_make_up_for_each_other() -> None:
    high, low = _judged([1] * 20, [0.5] * 20), _judged([0] * 20, [0.5] * 20)
    assert pooled.ece([high], draws=5)[0] == pytest.approx(0.5)
    value, interval = pooled.ece([high, low], draws=50)
    assert value == pytest.approx(0)
    assert interval == pytest.approx((0, 0)), "each part keeps its weight in every draw"


def test_people_are_drawn_whole() -> None:
    """Frames of one person tell no more than one frame: the interval stays as wide."""
    labels, stated = [0, 1] * 10, [0.3, 0.7, 0.6, 0.4, 0.9] * 4
    units = [str(n) for n in range(20)]
    value, spread = pooled.ece([_judged(labels, stated, units)], draws=200)
    again, same = pooled.ece([_judged(labels * 9, stated * 9, units * 9)], draws=200)
    assert again == pytest.approx(value)
    assert same == pytest.approx(spread)


def test_nothing_judged_is_undefined() -> None:
    value, (low, high) = pooled.ece([_judged([], [])])
    assert math.isnan(value)
    assert math.isnan(low)
    assert math.isnan(high)
