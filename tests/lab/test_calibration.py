"""Calibration by quality, and the faces that a card calls its own."""

import numpy as np
import pytest

from unmask.bench.metrics import ece
from unmask.judge.card import Card
from unmask.judge.domain import Domain
from unmask.judge.odds import sigmoid
from unmask.lab.calibration import UNLIKE, card_sections, domain


def seen(count: int, low: float, high: float, seed: int) -> tuple[np.ndarray, ...]:
    """Logits of a detector that goes blind on blurred faces, labels, qualities."""
    rng = np.random.default_rng(seed)
    label, quality = (rng.random(count) < 0.5).astype(float), rng.uniform(low, high, count)
    sharp = sigmoid(12 * (quality - 0.5))
    return rng.normal((4 * label - 2) * sharp, 1.5), label, quality


def test_where_sharpness_matters_quality_halves_the_calibration_error(tiny_card) -> None:
    logit, label, quality = seen(4000, 0, 1, 0)
    group = np.zeros(4000)
    cards = {
        "platt": card_sections(logit, label, group, "simulated"),
        "quality": card_sections(logit, label, group, "simulated", kind="quality", quality=quality),
    }
    errors = {}
    for kind, sections in cards.items():
        found = Card.of(tiny_card(b"x", **sections)).calibration
        assert found is not None
        for name, ends in {"blurred": (0.0, 0.4), "sharp": (0.6, 1.0)}.items():
            x, y, q = seen(20000, *ends, seed=1)
            errors[kind, name] = ece(y, found.probabilities(x, q))
    for name in ("blurred", "sharp"):
        assert errors["quality", name] < 0.02
        assert errors["quality", name] < errors["platt", name] / 2


def test_operating_points_are_those_of_the_curve_by_quality(tiny_card) -> None:
    logit, label, quality = seen(3000, 0, 1, 2)
    group = np.zeros(3000)
    sections = card_sections(logit, label, group, "simulated", kind="quality", quality=quality)
    found = Card.of(tiny_card(b"x", **sections)).calibration
    assert found is not None
    alarms = found.probabilities(logit, quality)[label == 0]
    for point in sections["operating_points"]:
        assert 0.5 * point["fpr"] < (alarms > point["threshold"]).mean() <= point["fpr"]


NAMES = ("brightness", "contrast", "noise")


def photos(rng: np.random.Generator, count: int, mean: float) -> np.ndarray:
    """Descriptions of one source: brightness and contrast go together, noise never varies."""
    light = rng.normal(mean, 0.1, count)
    return np.stack([light, light / 2 + rng.normal(0, 0.02, count), np.full(count, 0.3)], 1)


@pytest.fixture
def fitted(tiny_card) -> Domain:
    rng = np.random.default_rng(0)
    values = np.concatenate([photos(rng, 3000, 0.4), photos(rng, 500, 0.6)])
    section = domain(values, np.repeat(["web", "film"], [3000, 500]), "simulated", NAMES)
    card = Card.of(tiny_card(b"x", domain=section))
    assert card.document()["domain"] == section
    assert card.domain is not None
    return card.domain


def beyond(fitted: Domain, values: np.ndarray) -> float:
    return float(np.mean([fitted.distance(row) > fitted.threshold for row in values]))


@pytest.mark.parametrize("mean", [0.4, 0.6])
def test_new_faces_of_the_sources_are_at_home(fitted: Domain, mean: float) -> None:
    assert beyond(fitted, photos(np.random.default_rng(9), 4000, mean)) <= 1.5 * UNLIKE


def test_sources_weigh_the_same(fitted: Domain) -> None:
    assert fitted.mean[0] == pytest.approx(0.5, abs=0.01)
    assert fitted.n == 3500


def test_another_kind_of_picture_is_noticed(fitted: Domain) -> None:
    rng = np.random.default_rng(5)
    usual = photos(rng, 500, 0.5)
    assert beyond(fitted, usual * (1, 1, 3)) > 0.99  # noisy, as none was
    assert beyond(fitted, usual * (1, 0, 1)) > 0.8  # flat: each number alone is usual, not both


def test_a_feature_that_never_varied_may_vary_a_little(fitted: Domain) -> None:
    values = photos(np.random.default_rng(5), 500, 0.5) + np.array([0, 0, 0.05])
    assert beyond(fitted, values) < 0.1
