"""The probe reads what is there, within a set, and never what it has already seen."""

from __future__ import annotations

import numpy as np
import pytest

from unmask.lab.pretraining.probe import LEAST, probe, ridge


def units(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def test_noise_tells_nothing_and_a_clear_feature_everything() -> None:
    rng = np.random.default_rng(0)
    label = np.tile([0, 1], 300)
    noise = rng.normal(size=(600, 8))
    assert abs(probe(noise, label.tolist(), ["a"] * 600, units(600))["auc"] - 0.5) < 0.08
    clear = noise + 5.0 * label[:, None]
    assert probe(clear, label.tolist(), ["a"] * 600, units(600))["auc"] > 0.999


def test_what_only_tells_the_sets_apart_does_not_count() -> None:
    """Every forged face is of one set, every genuine one of another."""
    label = [0] * 50 + [1] * 50
    features = np.array(label, np.float64)[:, None]
    found = probe(features, label, ["real"] * 50 + ["fake"] * 50, units(100))
    assert found == {"auc": 0.5}


def test_nobody_is_on_both_sides() -> None:
    """A feature that names the person cannot help when the person is judged by others' fit."""
    people = np.repeat(np.arange(40), 10)
    label = (people % 2).tolist()
    found = probe(np.eye(40)[people], label, ["a"] * 400, [f"p{n}" for n in people])
    assert found["auc"] == pytest.approx(0.5, abs=0.02)


def test_each_set_is_named_and_weighs_the_same() -> None:
    rng = np.random.default_rng(1)
    label = np.tile([0, 1], 150)
    source = ["easy"] * 200 + ["hard"] * 100
    features = rng.normal(size=(300, 2))
    features[:200, 0] += 9 * label[:200]
    found = probe(features, label.tolist(), source, units(300))
    assert set(found) == {"auc", "auc_easy", "auc_hard"}
    assert found["auc"] == pytest.approx((found["auc_easy"] + found["auc_hard"]) / 2)
    assert found["auc_easy"] > 0.99 > found["auc_hard"]


def test_a_handful_of_faces_is_passed_over() -> None:
    label = [0] * 100 + [1] * (LEAST - 1)
    features = np.array(label, np.float64)[:, None]
    assert probe(features, label, ["a"] * len(label), units(len(label))) == {"auc": 0.5}


def test_ridge_by_hand() -> None:
    """Means -1 and 1, no spread within: total variance 1, so the direction is 1 / (1 + 1)."""
    features = np.array([[-1.0], [-1.0], [-1.0], [1.0]])
    assert ridge(features, np.array([0, 0, 0, 1])) == pytest.approx([0.5])
    assert ridge(features, np.array([1, 1, 1, 0])) == pytest.approx([-0.5])
