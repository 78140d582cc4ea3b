"""How the weights of several detectors are found."""

from __future__ import annotations

import numpy as np
import pytest

from unmask.lab.fusion import fit, ranked


def test_rivals_are_genuine_pictures_of_the_same_source() -> None:
    """The second detector tells sources apart, and all forgeries are of one source."""
    rng = np.random.default_rng(2)
    label = np.repeat([0.0, 0.0, 1.0], 300)
    source = np.repeat(["web", "studio", "web"], 300)
    forgery = rng.normal(2 * label, 1)
    of_web = rng.normal(4.0 * (source == "web"), 1)
    design = np.stack([forgery, of_web], 1)
    weights = ranked(design, label, np.where(label == 1, "swap", source), source)
    assert weights[0] > 1
    assert weights[1] == pytest.approx(0, abs=0.15)


def test_a_family_without_genuine_pictures_meets_all_of_them() -> None:
    rng = np.random.default_rng(3)
    label = np.repeat([0.0, 1.0], 300)
    source = np.where(label == 1, "generator", "web")
    weights = ranked(rng.normal(2 * label, 1)[:, None], label, source, source)
    assert weights[0] > 1


def test_the_strongest_counts_where_detectors_know_different_families() -> None:
    rng = np.random.default_rng(4)
    label = np.repeat([0.0, 1.0, 1.0], 400)
    odds = rng.normal(-3, 1.5, (1200, 2))
    odds[400:800, 0] = rng.normal(3, 1.5, 400)
    odds[800:, 1] = rng.normal(3, 1.5, 400)
    group = np.repeat(["web", "swap", "gan"], 400)
    found = fit(odds, label, group, np.full(1200, "web"))
    assert found["strongest"] > 2 * max(found["weights"])
    chance = odds @ found["weights"] + found["strongest"] * odds.max(1) + found["intercept"]
    assert ((chance > 0) == (label == 1)).mean() > 0.9
    assert [point["fpr"] for point in found["operating_points"]] == sorted(
        point["fpr"] for point in found["operating_points"]
    )
