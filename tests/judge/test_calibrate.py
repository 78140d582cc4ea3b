import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.errors import BundleError, ConfigError
from unmask.judge.calibrate import UNSTATED_ERROR, Calibration, fit
from unmask.judge.odds import EDGE, Z95, logit, sigmoid, wilson

KINDS = ["identity", "temperature", "platt", "beta", "isotonic"]


def sample(n: int = 4000, slope: float = 0.6, shift: float = -0.4, seed: int = 0):
    """Logits of an over-confident detector: the truth is sigmoid(slope * raw + shift)."""
    rng = np.random.default_rng(seed)
    raw = rng.normal(0, 3, n)
    return raw, (rng.random(n) < sigmoid(slope * raw + shift)).astype(float)


def soft(labels: np.ndarray, weights: np.ndarray | None = None):
    """Platt's targets as duplicated, weighted samples, which scikit-learn understands."""
    weights = np.ones_like(labels) if weights is None else weights * len(labels) / weights.sum()
    high, low = (weights * labels).sum(), (weights * (1 - labels)).sum()
    target = np.where(labels > 0, (high + 1) / (high + 2), 1 / (low + 2))
    return np.r_[weights * target, weights * (1 - target)]


def reference(design: np.ndarray, labels: np.ndarray, weights=None, intercept: bool = True):
    linear = pytest.importorskip("sklearn.linear_model")
    model = linear.LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000, fit_intercept=intercept)
    n = len(labels)
    twice = np.r_[design, design]
    model.fit(twice, np.r_[np.ones(n), np.zeros(n)], soft(labels, weights))
    return np.r_[model.coef_[0], model.intercept_] if intercept else model.coef_[0]


@pytest.mark.parametrize("weighted", [False, True])
def test_platt_equals_logistic_regression(weighted: bool) -> None:
    raw, labels = sample()
    weights = np.random.default_rng(1).uniform(0.2, 3, len(raw)) if weighted else None
    found = fit("platt", raw, labels, weights).parameters
    wanted = reference(raw[:, None], labels, weights)
    assert [found["slope"], found["intercept"]] == pytest.approx(wanted, abs=1e-4)


def test_temperature_equals_logistic_regression_through_the_origin() -> None:
    raw, labels = sample(shift=0)
    found = fit("temperature", raw, labels)
    (slope,) = reference(raw[:, None], labels, intercept=False)
    assert found.parameters["temperature"] == pytest.approx(1 / slope, rel=1e-4)
    assert found.parameters["temperature"] == pytest.approx(1 / 0.6, rel=0.1)


def test_beta_equals_logistic_regression_on_its_two_features() -> None:
    raw, labels = sample()
    design = np.stack([np.log(sigmoid(raw)), -np.log(sigmoid(-raw))], 1)
    found = fit("beta", raw, labels).parameters
    wanted = reference(design, labels)
    assert [found[k] for k in "abc"] == pytest.approx(wanted, abs=2e-4)


def test_beta_fixes_a_slope_that_turns_negative_at_zero() -> None:
    rng = np.random.default_rng(0)
    raw = rng.normal(0, 3, 4000)
    # The truth falls again at the upper end, which would need b < 0.
    labels = (rng.random(4000) < sigmoid(np.where(raw > 0, -0.5 * raw, 1.5 * raw))).astype(float)
    found = fit("beta", raw, labels)
    assert found.parameters["b"] == 0
    assert found.parameters["a"] > 0
    assert np.diff(found.probabilities(np.linspace(-9, 9, 50))).min() >= 0
    covariance = np.array(found.parameters["covariance"])
    assert not covariance[1].any()
    assert not covariance[:, 1].any()


def test_isotonic_equals_scikit_learn() -> None:
    isotonic = pytest.importorskip("sklearn.isotonic")
    raw, labels = sample(1500)
    raw = raw.round(1)  # with ties
    weights = np.random.default_rng(2).uniform(0.5, 2, len(raw))
    wanted = isotonic.IsotonicRegression().fit(raw, labels, weights).predict(raw)
    least = 1 / (len(raw) + 2)
    found = fit("isotonic", raw, labels, weights).probabilities(raw)
    assert found == pytest.approx(np.clip(wanted, least, 1 - least), abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip_through_a_card(kind: str) -> None:
    raw, labels = sample(300)
    first = fit(kind, raw, labels, fitted_on="made up")
    card = json.loads(json.dumps({"kind": first.kind, "parameters": dict(first.parameters)}))
    again = Calibration(**card)
    x = np.linspace(-12, 12, 77)
    assert np.array_equal(first.probabilities(x), again.probabilities(x))
    assert np.array_equal(first.intervals(x), again.intervals(x))
    assert (first.fitted_on, first.n) == ("made up", 300)


@pytest.mark.parametrize("kind", KINDS)
def test_fits_pass_the_published_schema(kind: str, tiny_card) -> None:
    from unmask.judge.card import Card

    raw, labels = sample(200)
    found = fit(kind, raw, labels)
    document = {"kind": kind, "parameters": dict(found.parameters), "n": found.n}
    assert Card.of(tiny_card(b"x", calibration=document)).calibration == found


@pytest.mark.parametrize("kind", KINDS)
@given(raw=st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=20))
def test_probabilities_rise_and_lie_within_their_interval(kind: str, raw: list[float]) -> None:
    calibration = fit(kind, *sample(200))
    x = np.sort(raw)
    p, (low, high) = calibration.probabilities(x), calibration.intervals(x)
    assert (np.diff(p) >= 0).all()
    assert (low <= p + 1e-12).all()
    assert (p <= high + 1e-12).all()
    assert (low >= EDGE).all()
    assert (high <= 1 - EDGE).all()


@pytest.mark.parametrize("kind", ["temperature", "platt", "beta"])
def test_intervals_cover_the_truth(kind: str) -> None:
    """Fitted again and again, about 95 % of the intervals must hold the true probability."""
    x = np.array([-4.0, 0.0, 1.0, 5.0])
    truth, hits = sigmoid(0.6 * x), np.zeros(4)
    for seed in range(200):
        low, high = fit(kind, *sample(300, 0.6, 0.0, seed)).intervals(x)
        hits += (low <= truth) & (truth <= high)
    share = hits / 200
    if kind == "temperature":
        share = share[x != 0]  # there the curve is fixed at one half
    assert (share > 0.90).all()
    assert (share < 0.995).all()


def test_weights_widen_the_doubt() -> None:
    raw, labels = sample(500)
    even = fit("platt", raw, labels).interval(2.0)
    uneven = fit("platt", raw, labels, np.where(np.arange(500) < 50, 50.0, 1.0)).interval(2.0)
    assert uneven[1] - uneven[0] > 1.5 * (even[1] - even[0])


def test_weights_count_by_their_ratios_only() -> None:
    raw, labels = sample(200)
    once = fit("platt", raw, labels, np.full(200, 1.0))
    assert fit("platt", raw, labels, np.full(200, 7.0)).parameters == once.parameters


@pytest.mark.parametrize("kind", ["temperature", "platt", "beta", "isotonic"])
def test_classes_that_do_not_overlap_stay_finite(kind: str) -> None:
    found = fit(kind, [-3, -2, -1, 1, 2, 3], [0, 0, 0, 1, 1, 1])
    low, high = found.interval(3.0)
    assert 0.5 < found.probability(3.0) < 0.99
    assert low < found.probability(3.0) < high


def test_isotonic_doubt_is_wilsons() -> None:
    found = fit("isotonic", [0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 1, 0, 1, 1, 1])
    assert found.parameters["raw"] == [0, 0.5]
    assert found.probability(-9) == found.probability(0.4) == 0.25
    assert found.probability(0.5) == found.probability(99) == 0.75
    assert found.interval(0) == pytest.approx([float(v) for v in wilson(0.25, 4)])


def test_a_card_without_covariance_states_a_plain_doubt() -> None:
    low, high = Calibration("identity").interval(0.7)
    assert logit(high) - 0.7 == pytest.approx(Z95 * UNSTATED_ERROR)
    assert 0.7 - logit(low) == pytest.approx(Z95 * UNSTATED_ERROR)


def test_a_stated_covariance_is_used() -> None:
    parameters = {"slope": 1.0, "intercept": 0.0, "covariance": [[0.04, 0.0], [0.0, 0.01]]}
    _, high = Calibration("platt", parameters).interval(2.0)
    assert logit(high) - 2 == pytest.approx(Z95 * np.sqrt(0.04 * 4 + 0.01))


def test_identity_learns_nothing() -> None:
    assert fit("identity", *sample(50)).parameters == {}
    assert Calibration("identity").probability(0) == 0.5


@pytest.mark.parametrize("kind", ["temperature", "platt", "beta"])
def test_a_detector_that_ranks_the_wrong_way_is_refused(kind: str) -> None:
    raw, labels = sample()
    with pytest.raises(ConfigError, match="ranks genuine over"):
        fit(kind, raw, 1 - labels)


@pytest.mark.parametrize(
    "bad",
    [
        ("magic", [0, 1], [0, 1], None),
        ("platt", [0, np.nan], [0, 1], None),
        ("platt", [0, 1, 2], [0, 1], None),
        ("platt", [[0, 1]], [[0, 1]], None),
        ("platt", [0, 1], [1, 1], None),
        ("platt", [0, 1, 2], [0, 1, 0.5], None),
        ("platt", [0, 1], [0, 1], [1, 0]),
        ("platt", [0, 1], [0, 1], [1, np.inf]),
        ("platt", [], [], None),
    ],
)
def test_data_that_cannot_be_fitted(bad: tuple) -> None:
    with pytest.raises(ConfigError) as caught:
        fit(*bad)
    assert caught.value.code == "bad_option"


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("magic", {}),
        ("platt", {"slope": 1}),
        ("platt", {"slope": "steep", "intercept": 0}),
        ("platt", {"slope": float("nan"), "intercept": 0}),
        ("platt", {"slope": 1, "intercept": 0, "covariance": [[1]]}),
        ("platt", {"slope": 1, "intercept": 0, "covariance": [[1, 2], [3]]}),
        ("temperature", {"temperature": 0}),
        ("isotonic", {"raw": [0], "probability": [0.5]}),
        ("isotonic", {"raw": [0, 1], "probability": [0.5], "n": [1]}),
        ("isotonic", {"raw": [1, 0], "probability": [0.1, 0.5], "n": [1, 1]}),
        ("isotonic", {"raw": [0, 1], "probability": [0.5, 0.1], "n": [1, 1]}),
        ("isotonic", {"raw": [0, 1], "probability": [0.5, 1.1], "n": [1, 1]}),
        ("isotonic", {"raw": [0], "probability": [0.5], "n": [0]}),
    ],
)
def test_parameters_that_make_no_sense(kind: str, parameters: dict) -> None:
    with pytest.raises(BundleError) as caught:
        Calibration(kind, parameters)
    assert caught.value.code == "bundle_invalid"


def by_quality(**changes: float) -> Calibration:
    told = {"slope": 2.0, "intercept": -1.0, "middle": 0.4, "steepness": 8.0} | changes
    return Calibration("quality", told)


def test_quality_scales_the_logit_not_the_intercept() -> None:
    found = by_quality()
    assert found.probability(3.0, 0.4) == pytest.approx(sigmoid(0.5 * 6 - 1))
    assert found.probability(3.0, 1.0) == pytest.approx(sigmoid(sigmoid(4.8) * 6 - 1))
    many = found.probabilities([3.0, 3.0, -3.0], [0.4, 1.0, 0.4])
    assert many == pytest.approx([found.probability(*one) for one in [(3, 0.4), (3, 1), (-3, 0.4)]])
    low, high = by_quality(covariance=[[0.04, 0.0], [0.0, 0.01]]).interval(3.0, 0.4)
    assert logit(high) - 2 == pytest.approx(Z95 * np.sqrt(0.04 * 1.5**2 + 0.01))
    assert 2 - logit(low) == pytest.approx(Z95 * np.sqrt(0.04 * 1.5**2 + 0.01))


def test_quality_that_does_not_matter_leaves_platt() -> None:
    assert by_quality(steepness=0.0).probability(3.0, 0.1) == pytest.approx(sigmoid(0.5 * 6 - 1))
    raw, labels = sample()
    quality = np.random.default_rng(1).uniform(0, 1, len(raw))
    found = fit("quality", raw, labels, quality=quality)
    platt = fit("platt", raw, labels)
    gaps = found.probabilities(raw, quality) - platt.probabilities(raw)
    assert np.abs(gaps).max() < 0.05


def test_the_fit_finds_where_quality_begins_to_matter() -> None:
    rng = np.random.default_rng(0)
    raw, quality = rng.normal(0, 3, 8000), rng.uniform(0, 1, 8000)
    truth = by_quality(slope=1.0, intercept=-0.4, middle=0.6, steepness=16.0)
    labels = (rng.random(8000) < truth.probabilities(raw, quality)).astype(float)
    found = fit("quality", raw, labels, fitted_on="made up", quality=quality)
    assert found.parameters["middle"] == pytest.approx(0.6, abs=0.1)
    assert found.parameters["slope"] == pytest.approx(1.0, rel=0.15)
    gaps = found.probabilities(raw, quality) - truth.probabilities(raw, quality)
    assert np.abs(gaps).mean() < 0.01
    assert (found.kind, found.fitted_on, found.n) == ("quality", "made up", 8000)


def test_a_fit_by_quality_passes_the_published_schema(tiny_card) -> None:
    from unmask.judge.card import Card

    raw, labels = sample(200)
    found = fit("quality", raw, labels, quality=np.linspace(0, 1, 200))
    document = {"kind": "quality", "parameters": dict(found.parameters), "n": found.n}
    assert Card.of(tiny_card(b"x", calibration=document)).calibration == found


def test_without_a_quality_nothing_is_guessed() -> None:
    for wrong in (None, [0.5], [0.5, np.nan, 0.5]):
        with pytest.raises(ConfigError) as caught:
            fit("quality", [-1, 0, 1], [0, 1, 1], quality=wrong)
        assert caught.value.code == "bad_option"
    for ask in (by_quality().probability, by_quality().interval):
        with pytest.raises(ConfigError, match="needs the quality"):
            ask(0.5)


@pytest.mark.parametrize("missing", ["slope", "intercept", "middle", "steepness"])
def test_each_parameter_by_quality_is_needed(missing: str) -> None:
    told = {key: value for key, value in by_quality().parameters.items() if key != missing}
    for wrong in (told, told | {missing: float("inf")}):
        with pytest.raises(BundleError):
            Calibration("quality", wrong)


@pytest.mark.parametrize("kind", KINDS)
def test_the_other_kinds_do_not_look_at_the_quality(kind: str) -> None:
    found = fit(kind, *sample(200))
    assert found.probability(0.7, 0.1) == found.probability(0.7)
    assert found.interval(0.7, 0.1) == found.interval(0.7)


@pytest.mark.parametrize("seed", [52, 78, 95])
def test_heavy_tails_and_wild_weights_still_end_at_the_best_fit(seed: int) -> None:
    """Plain Newton steps overshoot on such data; no neighbour may be better than the end."""
    rng = np.random.default_rng(seed)
    raw = rng.standard_cauchy(100) * 100
    labels = (rng.random(100) < np.where(raw > np.quantile(raw, 0.97), 0.9, 0.02)).astype(float)
    weights = rng.choice([0.01, 1, 30], 100)
    found = fit("platt", raw, labels, weights).parameters
    targets = soft(labels, weights)

    def loss(slope: float, intercept: float) -> float:
        z = slope * raw + intercept
        return float((targets * np.logaddexp(0, np.r_[-z, z])).sum())

    a, b = found["slope"], found["intercept"]
    for near in [(1.02 * a, b), (0.98 * a, b), (a, 1.02 * b), (a, 0.98 * b)]:
        assert loss(a, b) < loss(*near)
