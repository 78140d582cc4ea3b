import json
from pathlib import Path

import numpy as np
import pytest

from unmask.errors import ConfigError
from unmask.judge.card import Card
from unmask.judge.fuse import NAIVE, Fusion, fitted_for, fuse
from unmask.judge.odds import logit, sigmoid
from unmask.types import Score


def score(probability: float, half: float = 0.5, name: str = "a") -> Score:
    z = float(logit(probability))
    return Score(name, z, probability, (float(sigmoid(z - half)), float(sigmoid(z + half))))


def test_one_detector_speaks_for_itself() -> None:
    probability, interval = fuse([score(0.3)])
    assert probability == pytest.approx(0.3)
    assert interval == pytest.approx(score(0.3).interval)


def test_log_odds_add_up() -> None:
    probability, _ = fuse([score(0.9), score(0.8), score(0.4)])
    odds = 9 * 4 * (2 / 3)
    assert probability == pytest.approx(odds / (1 + odds))


def test_opposite_opinions_cancel_and_the_undecided_change_nothing() -> None:
    assert fuse([score(0.9), score(0.1)])[0] == pytest.approx(0.5)
    assert fuse([score(0.7), score(0.5)])[0] == pytest.approx(0.7)


def test_independent_doubts_add_in_squares() -> None:
    _, (low, high) = fuse([score(0.6, 0.3), score(0.7, 0.4)])
    middle = logit(0.6) + logit(0.7)
    assert logit(high) - middle == pytest.approx(0.5)
    assert middle - logit(low) == pytest.approx(0.5)


def test_uneven_doubts_stay_uneven() -> None:
    _, (low, high) = fuse([Score("a", 0, 0.5, (0.4, 0.5)), Score("b", 0, 0.5, (0.5, 0.6))])
    assert (low, high) == pytest.approx((0.4, 0.6))
    _, (low, high) = fuse([Score("a", 0, 0.5, (0.1, 0.5))])
    assert (low, high) == pytest.approx((0.1, 0.5))


def test_two_copies_at_half_weight_are_one_detector() -> None:
    twins = [score(0.8, name="a"), score(0.8, name="b")]
    probability, _ = fuse(twins, Fusion({"a": 0.5, "b": 0.5}))
    assert probability == pytest.approx(0.8)
    assert fuse(twins)[0] > 0.94


def test_certainty_stays_finite() -> None:
    probability, (low, high) = fuse([Score("a", 99, 1.0, (1.0, 1.0))] * 3)
    assert 0 < low <= probability <= high < 1
    assert np.isfinite(logit(probability))


def test_nothing_to_fuse() -> None:
    with pytest.raises(ConfigError):
        fuse([])


def test_a_fit_holds_only_when_all_its_detectors_spoke() -> None:
    fitted = Fusion({"a": 2.0, "b": 0.5}, intercept=-1.0)
    both = fuse([score(0.6, name="a"), score(0.8, name="b")], fitted)[0]
    assert logit(both) == pytest.approx(2 * logit(0.6) + 0.5 * logit(0.8) - 1)
    assert fuse([score(0.6, name="a")], fitted)[0] == pytest.approx(0.6)


def test_the_strongest_may_weigh_more_and_its_doubt_with_it() -> None:
    fitted = Fusion({"a": 0.25, "b": 0.5}, strongest=1.0)
    probability, (low, high) = fuse([score(0.7, 0.4, "a"), score(0.1, 0.2, "b")], fitted)
    middle = 1.25 * logit(0.7) + 0.5 * logit(0.1)
    assert logit(probability) == pytest.approx(middle)
    assert logit(high) - middle == pytest.approx(np.hypot(1.25 * 0.4, 0.5 * 0.2))
    assert middle - logit(low) == pytest.approx(np.hypot(1.25 * 0.4, 0.5 * 0.2))
    assert fuse([score(0.7, name="a"), score(0.8, name="b")], fitted)[0] == pytest.approx(
        float(sigmoid(0.25 * logit(0.7) + 1.5 * logit(0.8)))
    )


def test_a_fit_holds_for_exactly_its_models(tiny_card, tmp_path: Path) -> None:
    cards = [Card.of(tiny_card(name.encode(), name=name)) for name in ("a", "b")]
    stored = {
        "models": {card.name: card.model.sha256 for card in cards},
        "weights": {"a": 1.5, "b": 0.25},
        "strongest": 0.75,
        "intercept": 0.5,
        "operating_points": [{"fpr": 0.05, "threshold": 0.7}],
        "unseen": {"a": 0.25},
        "leads": {"a": 0.5},
    }
    path = tmp_path / "fusion.json"
    assert fitted_for(cards, path) is NAIVE
    path.write_text(json.dumps(stored))
    found = fitted_for(cards, path)
    assert (found.weights, found.strongest) == ({"a": 1.5, "b": 0.25}, 0.75)
    assert found.intercept == 0.5
    assert found.operating_points[0].threshold == 0.7
    assert found.conformal is None
    assert (found.unseen, found.leads) == ({"a": 0.25}, {"a": 0.5})
    assert fitted_for(cards[:1], path) is NAIVE
    retrained = [cards[0], Card.of(tiny_card(b"other", name="b"))]
    assert fitted_for(retrained, path) is NAIVE


def test_a_fit_may_promise_an_error(tiny_card, tmp_path: Path) -> None:
    card = Card.of(tiny_card(b"a", name="a"))
    bounds = {"genuine": [{"error": 0.1, "probability": 0.7}]}
    bounds |= {"manipulated": [{"error": 0.1, "probability": 0.2}]}
    stored = {
        "models": {"a": card.model.sha256},
        "weights": {"a": 1.0},
        "strongest": 0.0,
        "intercept": 0.0,
        "operating_points": [],
        "conformal": bounds,
    }
    path = tmp_path / "fusion.json"
    path.write_text(json.dumps(stored))
    found = fitted_for([card], path)
    assert found.conformal is not None
    assert found.conformal.labels(0.5, 0.1) == ("genuine", "manipulated")


def test_a_detector_left_alone_admits_what_it_does_not_see() -> None:
    fusion = Fusion({"a": 1.0, "b": 1.0}, unseen={"a": 0.5})
    told = [fuse([score(p, name="a")], fusion) for p in (0.01, 0.5, 0.99)]
    odds = [p / (1 - p) for p, _ in told]
    assert odds == pytest.approx([0.5 / 99 + 0.5, 1.0, 0.5 * 99 + 0.5])
    assert all(low < p < high for p, (low, high) in told)
    assert fuse([score(0.01, name="b")], fusion)[0] == pytest.approx(0.01)
    both = [score(0.01, name="a"), score(0.5, name="b")]
    assert fuse(both, fusion)[0] == pytest.approx(0.01)


def test_a_lead_decides_who_speaks_the_loudest() -> None:
    leads = {"a": 1.0, "b": 0.0}
    fitted = Fusion({"a": 0.0, "b": 0.0}, strongest=2.0, intercept=-1.0, leads=leads)
    ahead = fuse([score(0.6, name="a"), score(0.7, name="b")], fitted)[0]
    assert logit(ahead) == pytest.approx(2 * (logit(0.6) + 1) - 1)
    behind = fuse([score(0.6, name="a"), score(0.9, name="b")], fitted)[0]
    assert logit(behind) == pytest.approx(2 * logit(0.9) - 1)
