from __future__ import annotations

import doctest
import math

import numpy as np
import pytest

from unmask.bench import metrics

sk = pytest.importorskip("sklearn.metrics")


def _draw(seed: int, ties: bool) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, 300)
    scores = np.clip(rng.normal(0.4 + 0.2 * labels, 0.2), 0.001, 0.999)
    return labels, np.round(scores, 1 if ties else 9).clip(0.001, 0.999)


def test_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(metrics).failed == 0


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_equals_scikit_learn(seed: int, ties: bool) -> None:
    y, s = _draw(seed, ties)
    assert metrics.auc(y, s) == pytest.approx(sk.roc_auc_score(y, s))
    assert metrics.average_precision(y, s) == pytest.approx(sk.average_precision_score(y, s))
    assert metrics.brier(y, s) == pytest.approx(sk.brier_score_loss(y, s))
    assert metrics.log_loss(y, s) == pytest.approx(sk.log_loss(y, s))
    assert metrics.accuracy(y, s) == pytest.approx(sk.accuracy_score(y, s >= 0.5))
    assert metrics.balanced_accuracy(y, s) == pytest.approx(sk.balanced_accuracy_score(y, s >= 0.5))


@pytest.mark.parametrize("ties", [False, True])
def test_roc_equals_scikit_learn(ties: bool) -> None:
    y, s = _draw(5, ties)
    alarms, hits, thresholds = metrics.roc(y, s)
    expected = sk.roc_curve(y, s, drop_intermediate=False)
    for ours, theirs in zip((alarms, hits, thresholds), expected, strict=True):
        np.testing.assert_allclose(ours, theirs)


def test_eer_by_hand() -> None:
    assert metrics.eer([0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 5, 6]) == 0.0
    assert metrics.eer([1, 1, 0, 0], [1, 2, 3, 4]) == 1.0
    assert metrics.eer([0, 0, 0, 0, 1, 1, 1, 1], [1, 2, 3, 6, 4, 5, 7, 8]) == 0.25
    assert metrics.eer([0, 1], [0.5, 0.5]) == 0.5


def test_tpr_at_fpr_and_threshold_agree() -> None:
    y, s = _draw(7, ties=True)
    threshold = metrics.threshold_at_fpr(s[y == 0], 0.1)
    assert np.mean(s[y == 0] >= threshold) <= 0.1
    assert np.mean(s[y == 1] >= threshold) == pytest.approx(metrics.tpr_at_fpr(y, s, 0.1))


def test_threshold_at_every_fpr_one_allows_all() -> None:
    assert metrics.threshold_at_fpr([3.0, 1.0, 2.0], 1.0) == 1.0


def test_ece_by_hand() -> None:
    # Two bins: 0.2 stated and 0.5 observed (2 samples), 0.9 stated and 1.0 observed (2 samples).
    assert metrics.ece([0, 1, 1, 1], [0.2, 0.2, 0.9, 0.9], bins=2) == pytest.approx(0.2)
    assert metrics.ece([1], [1.0]) == 0.0


def test_one_class_is_undefined_not_an_error() -> None:
    for metric in (metrics.auc, metrics.eer, metrics.balanced_accuracy):
        assert math.isnan(metric([0, 0], [0.1, 0.2]))
    assert math.isnan(metrics.average_precision([0, 0], [0.1, 0.2]))


def test_interval_resamples_units_not_rows() -> None:
    rng = np.random.default_rng(0)
    shift = np.repeat(rng.normal(size=20), 30)
    y = np.repeat(np.arange(20) % 2, 30)
    s = y + 2 * shift + 0.01 * rng.normal(size=600)
    units = np.repeat(np.arange(20), 30).tolist()
    clustered = metrics.interval(metrics.auc, y, s, units, draws=200)
    naive = metrics.interval(metrics.auc, y, s, list(range(600)), draws=200)
    assert np.diff(clustered) > 3 * np.diff(naive)
    assert clustered[0] <= metrics.auc(y, s) <= clustered[1]


def test_interval_is_reproducible_and_skips_undefined_draws() -> None:
    y, s, units = [0, 1], [0.2, 0.8], ["a", "b"]
    assert metrics.interval(metrics.auc, y, s, units, draws=50) == (1.0, 1.0)
    only = metrics.interval(metrics.auc, [1, 1], s, units, draws=5)
    assert all(math.isnan(bound) for bound in only)


def test_lengths_must_match() -> None:
    with pytest.raises(ValueError, match="one non-empty length"):
        metrics.auc([0, 1], [0.5])


def test_videos_of_one_name_stay_apart_by_source_and_label() -> None:
    keys = [("ffpp/DF", "000_003"), ("ffpp/DF", "000_003"), ("ffpp/F2F", "000_003"), ("dfd", "000")]
    keys += [("dfd", "000")]
    y, s, firsts = metrics.per_video([1, 1, 1, 1, 0], [0.1, 0.3, 0.9, 0.8, 0.2], keys)
    assert y.tolist() == [1, 1, 1, 0]
    assert s.tolist() == pytest.approx([0.2, 0.9, 0.8, 0.2])
    assert firsts == [0, 2, 3, 4]


@pytest.mark.parametrize(
    ("how", "wanted"),
    [("mean", [3.0]), ("max", [6.0]), ("top3", [4.0]), ("top5", [3.0]), ("none", [6, 1, 2, 4, 2])],
)
def test_aggregations_by_hand(how: str, wanted: list[float]) -> None:
    scores = metrics.per_video([1] * 5, [6, 1, 2, 4, 2], [("s", "v")] * 5, how)[1]
    assert scores.tolist() == wanted


def test_an_unknown_aggregation_is_refused() -> None:
    with pytest.raises(ValueError, match="no aggregation"):
        metrics.per_video([1], [1], [("s", "v")], "median")


def test_a_paired_difference_is_narrower_than_the_two_intervals_suggest() -> None:
    rng = np.random.default_rng(3)
    y = np.arange(200) % 2
    hard = rng.normal(size=200)
    first, second = y + hard + 0.05 * rng.normal(size=200), 0.9 * y + hard
    units = list(range(200))
    value, (low, high) = metrics.difference(metrics.auc, y, first, second, units, draws=200)
    assert value == pytest.approx(metrics.auc(y, first) - metrics.auc(y, second))
    assert low <= value <= high
    alone = metrics.interval(metrics.auc, y, first, units, draws=200)
    assert high - low < (alone[1] - alone[0]) / 3
    back, _ = metrics.difference(metrics.auc, y, second, first, units, draws=2)
    assert back == pytest.approx(-value)


def test_a_difference_over_strata_averages_the_sets() -> None:
    y = [0, 1, 0, 1]
    first, second = [0, 1, 0, 1], [0, 1, 1, 0]
    units, sets = ["a", "b", "a", "b"], ["x", "x", "y", "y"]
    found = metrics.difference(metrics.auc, y, first, second, units, strata=sets, draws=50)
    assert found == (0.5, (0.5, 0.5))


def test_the_best_threshold_is_scikit_learns_highest_balanced_accuracy() -> None:
    y, s = _draw(11, ties=False)
    reached = metrics.balanced_accuracy(y, s, metrics.best_threshold(y, s))
    assert reached == pytest.approx(max(sk.balanced_accuracy_score(y, s >= t) for t in s))


def test_the_best_threshold_by_hand() -> None:
    assert metrics.best_threshold([0, 1, 0, 1], [1, 2, 3, 4]) == 1.5
    assert metrics.best_threshold([1, 0], [1, 2]) == 1.0
    assert math.isnan(metrics.best_threshold([1, 1], [1, 2]))
