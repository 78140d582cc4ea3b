"""The promised error is kept: for either class, in every source, by good and poor detectors."""

import numpy as np
import pytest

from unmask.judge.calibrate import fit
from unmask.judge.card import Card
from unmask.judge.conformal import Conformal
from unmask.judge.odds import sigmoid
from unmask.lab.calibration import card_sections
from unmask.lab.conformal import ERRORS, conformal

SOURCES = {"web": (400, 2.0, 0.0), "studio": (120, 4.0, -1.5), "film": (60, 0.7, 1.0)}
"""Faces of each class in calibration, distance of the classes, shift: three different worlds."""


def faces(rng: np.random.Generator, name: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of so many genuine faces and as many manipulated ones."""
    _, apart, shift = SOURCES[name]
    label = np.repeat([0.0, 1.0], count)
    return sigmoid(rng.normal(apart * (label - 0.5) + shift, 1.0)), label


def calibrated(rng: np.random.Generator) -> Conformal:
    drawn = [(name, *faces(rng, name, SOURCES[name][0])) for name in SOURCES]
    source = np.concatenate([np.full(len(label), name) for name, _, label in drawn])
    probability, label = (np.concatenate([d[i] for d in drawn]) for i in (1, 2))
    section = conformal(probability, label, source, "simulated")
    assert section is not None
    return Conformal.of(section)


def left_out(promised: Conformal, probability: np.ndarray, error: float) -> np.ndarray:
    """Shape (n, 2): whether genuine, and whether manipulated, was ruled out."""
    bounds = promised.at(error)
    return np.stack([probability > bounds.genuine, probability < bounds.manipulated], 1)


@pytest.mark.parametrize("error", [0.02, 0.05, 0.1, 0.2])
def test_the_promise_is_kept_for_either_class_in_every_source(error: float) -> None:
    """Mean error over 300 calibrations, each with new faces; three standard errors of slack."""
    wrong = {(name, label): [] for name in SOURCES for label in (0, 1)}
    for seed in range(300):
        rng = np.random.default_rng(seed)
        promised = calibrated(rng)
        for name in SOURCES:
            probability, label = faces(rng, name, 200)
            lost = left_out(promised, probability, error)
            for which in (0, 1):
                wrong[name, which].append(lost[label == which, which].mean())
    for found in wrong.values():
        slack = 3 * np.std(found) / np.sqrt(len(found))
        assert np.mean(found) <= error + slack
    # It is no promise that says nothing: the hardest source of a class comes close to the rate.
    for which in (0, 1):
        assert max(np.mean(wrong[name, which]) for name in SOURCES) > 0.6 * error


def test_without_sources_the_hard_one_would_be_broken() -> None:
    """Why the bounds are taken source by source."""
    rng = np.random.default_rng(0)
    drawn = [(*faces(rng, name, 2000), np.full(4000, name)) for name in ("web", "film")]
    probability, label, source = (np.concatenate([d[i] for d in drawn]) for i in range(3))
    for places, kept in ((source, True), (np.zeros(8000), False)):
        promised = Conformal.of(conformal(probability, label, places, "simulated"))
        lost = left_out(promised, probability[source == "film"], 0.05)[label[source == "film"] == 0]
        assert (lost[:, 0].mean() <= 0.05) == kept


def test_a_rising_curve_changes_no_answer() -> None:
    rng = np.random.default_rng(1)
    probability, label = faces(rng, "web", 300)
    raw = np.log(probability / (1 - probability))
    again = fit("platt", raw, label).probabilities(raw)
    first, second = (
        Conformal.of(conformal(p, label, np.zeros(600), "")) for p in (probability, again)
    )
    assert np.array_equal(left_out(first, probability, 0.1), left_out(second, again, 0.1))


@pytest.mark.parametrize(("count", "least"), [(4, 0.2), (8, 0.2), (9, 0.1), (19, 0.05), (99, 0.01)])
def test_few_faces_promise_little(count: int, least: float) -> None:
    label = np.repeat([0.0, 1.0], count)
    found = conformal(np.linspace(0, 1, 2 * count), label, np.zeros(2 * count), "")
    assert [bound["error"] for bound in found["genuine"]] == [e for e in ERRORS if e >= least]
    assert [bound["error"] for bound in found["manipulated"]] == [e for e in ERRORS if e >= least]


def test_too_few_faces_promise_nothing() -> None:
    assert conformal(np.linspace(0, 1, 6), np.repeat([0.0, 1.0], 3), np.zeros(6), "") is None


def test_a_source_without_one_class_limits_the_other_only() -> None:
    label = np.r_[np.repeat([0.0, 1.0], 30), np.zeros(4)]
    source = np.r_[np.zeros(60), np.ones(4)]
    found = conformal(np.linspace(0, 1, 64), label, source, "")
    assert [bound["error"] for bound in found["genuine"]] == [0.2]
    assert [bound["error"] for bound in found["manipulated"]] == [0.05, 0.1, 0.2]


def test_sections_of_a_card_hold_the_promise_and_pass_the_schema(tiny_card) -> None:
    rng = np.random.default_rng(2)
    label = np.repeat([0.0, 1.0], 100)
    sections = card_sections(rng.normal(2 * label - 1, 1), label, np.zeros(200), "simulated")
    card = Card.of(tiny_card(b"x", **sections))
    assert card.conformal is not None
    assert (card.conformal.n, card.conformal.fitted_on) == (200, "simulated")
    assert card.document()["conformal"] == sections["conformal"]


def test_a_card_with_few_faces_goes_without() -> None:
    label = np.repeat([0.0, 1.0], 3)
    sections = card_sections(2 * label - 1, label, np.zeros(6), "simulated")
    assert set(sections) == {"calibration", "operating_points"}
