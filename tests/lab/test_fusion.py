"""How the weights of several detectors are found."""

from __future__ import annotations

import numpy as np
import pytest

from unmask.lab.fusion import fit, leading, ranked, unseen


def test_rivals_are_genuine_pictures_of_the_same_source() -> None:
    """The second detector tells sources apart, and all forgeries are of one source."""
    rng = np.random.default_rng(2)
    label = np.repeat([0.0, 0.0, 1.0], 300)
    source = np.repeat(["web", "studio", "web"], 300)
    forgery = rng.normal(2 * label, 1)
    of_web = rng.normal(4.0 * (source == "web"), 1)
    design = np.stack([forgery, of_web], 1)
    weights, _ = ranked(design, label, np.where(label == 1, "swap", source), source)
    assert weights[0] > 1
    assert weights[1] == pytest.approx(0, abs=0.15)


def test_a_family_without_genuine_pictures_meets_all_of_them() -> None:
    rng = np.random.default_rng(3)
    label = np.repeat([0.0, 1.0], 300)
    source = np.where(label == 1, "generator", "web")
    weights, _ = ranked(rng.normal(2 * label, 1)[:, None], label, source, source)
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


def test_the_share_that_a_detector_does_not_see_is_found() -> None:
    rng = np.random.default_rng(5)
    label = np.repeat([0.0, 1.0, 1.0], 600)
    said = rng.normal(np.repeat([-2.0, 2.0, -2.0], 600), 2)  # log-odds that are right where it sees
    group = np.repeat(["web", "swap", "morph"], 600)
    alone = np.ones(1800, bool)
    assert unseen(said, alone, label, group) == pytest.approx(0.5, abs=0.08)
    seen = label == (group == "swap")
    assert unseen(said[seen], seen, label, group) < 0.08


def test_few_faces_tell_nothing_of_what_is_not_seen() -> None:
    label = np.repeat([0.0, 1.0], [400, 10])
    group = np.where(label == 1, "morph", "web")
    assert unseen(np.full(410, -3.0), np.ones(410, bool), label, group) == 0


def test_faces_that_one_detector_judged_do_not_move_the_weights() -> None:
    rng = np.random.default_rng(6)
    label = np.repeat([0.0, 1.0], 400)
    odds = rng.normal(3 * label[:, None] - 1.5, 1.5, (800, 2))
    group, web = np.where(label == 1, "swap", "web"), np.full(800, "web")
    alone = np.column_stack([rng.normal(-2, 2, 800), np.full(800, np.nan)])
    twice = [np.concatenate([part, part]) for part in (label, group, web)]
    found, more = fit(odds, label, group, web), fit(np.vstack([odds, alone]), *twice)
    assert more["weights"] == pytest.approx(found["weights"])
    assert found["unseen"] == [0, 0]
    assert more["unseen"][0] > 0.9
    assert more["unseen"][1] == 0


def test_who_says_much_by_little_gets_a_lead() -> None:
    """Both find their own family; the first says it by smaller numbers."""
    rng = np.random.default_rng(7)
    label = np.repeat([0.0, 1.0, 1.0], 300)
    odds = rng.normal([-2.0, 0.0], 0.7, (900, 2))
    odds[300:600, 0] = rng.normal(1.0, 0.7, 300)
    odds[600:, 1] = rng.normal(3.0, 0.7, 300)
    group, web = np.repeat(["web", "swap", "gan"], 300), np.full(900, "web")
    leads = leading(odds, label, group, web)
    assert leads[0] - leads[1] == pytest.approx(2.0, abs=0.75)
    assert min(leads) == 0


def test_a_promise_counts_each_picture_once() -> None:
    rng = np.random.default_rng(8)
    label = np.repeat([0.0, 1.0], 60)
    odds = rng.normal(4 * label[:, None] - 2, 1.0, (120, 1))
    group, web = np.where(label == 1, "swap", "web"), np.full(120, "web")
    picture = np.arange(120).astype(str)
    single = fit(odds, label, group, web, picture)
    many = [np.concatenate([part] * 5) for part in (odds, label, group, web, picture)]
    states = fit(*many)
    assert states["conformal"]["n"] == single["conformal"]["n"] == 120
    errors = [bound["error"] for bound in states["conformal"]["genuine"]]
    assert errors == [bound["error"] for bound in single["conformal"]["genuine"]]
    assert min(errors) > 1 / 61
