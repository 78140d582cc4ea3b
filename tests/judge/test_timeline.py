import numpy as np
import pytest

from unmask.judge.odds import logit, sigmoid
from unmask.judge.timeline import GAP, WINDOW, Series, Windows


def series(times, probabilities, half: float = 0.5) -> Series:
    made = Series()
    for time, p in zip(times, probabilities, strict=True):
        z = logit(p)
        made.add(float(time), p, (float(sigmoid(z - half)), float(sigmoid(z + half))))
    return made


def step(n: int, at: int, low: float = 0.1, high: float = 0.9) -> list[float]:
    return [high if i >= at else low for i in range(n)]


def test_a_steady_score_stays() -> None:
    windows = Windows(series(np.arange(0, 10, 0.1), [0.3] * 100))
    assert windows.probabilities == pytest.approx(np.full(100, 0.3))
    assert windows.peak == pytest.approx(0.3)
    assert windows.interval == pytest.approx(sigmoid(logit(0.3) + np.array([-0.5, 0.5])))


def test_windows_are_means_of_log_odds_over_time() -> None:
    rng = np.random.default_rng(0)
    times = np.sort(rng.uniform(0, 20, 200))
    p = rng.uniform(0.05, 0.95, 200)
    found = Windows(series(times, p)).probabilities
    for i in (0, 50, 199):
        near = abs(times - times[i]) <= WINDOW / 2
        assert near.sum() >= 3
        assert found[i] == pytest.approx(sigmoid(logit(p[near]).mean()))


def test_sparse_samples_make_windows_of_three() -> None:
    p = [0.1, 0.9, 0.2, 0.7, 0.6]
    found = Windows(series(range(0, 50, 10), p)).probabilities
    z = logit(p)
    wanted = [z[:3].mean(), z[:3].mean(), z[1:4].mean(), z[2:].mean(), z[2:].mean()]
    assert found == pytest.approx(sigmoid(wanted))


def test_one_or_two_samples_are_taken_as_they_are() -> None:
    assert Windows(series([5], [0.8])).peak == pytest.approx(0.8)
    assert Windows(series([5, 6], [0.8, 0.5])).peak == pytest.approx(sigmoid(logit(0.8) / 2))


def test_one_wild_frame_is_outvoted() -> None:
    p = [0.1] * 100
    p[40] = 0.99
    assert Windows(series(np.arange(100) / 10, p)).peak < 0.3


def test_doubt_does_not_shrink_with_repetition() -> None:
    few, many = (Windows(series(np.arange(n) / 10, [0.4] * n)).interval for n in (3, 300))
    assert few == pytest.approx(many)


def test_upper_is_the_highest_end_anywhere() -> None:
    sure, unsure = series(range(10), [0.3] * 10, 0.1), series(range(10, 20), [0.2] * 10, 3.0)
    for time, p, low, high in zip(
        unsure.times, unsure.logits, unsure.lows, unsure.highs, strict=True
    ):
        sure.add(time, float(sigmoid(p)), (float(sigmoid(low)), float(sigmoid(high))))
    windows = Windows(sure)
    assert windows.peak == pytest.approx(0.3)
    assert windows.upper == pytest.approx(sigmoid(logit(0.2) + 3.0))


def test_the_forged_half_is_marked() -> None:
    times = np.arange(0, 10, 0.25)
    windows = Windows(series(times, step(40, 20, 0.05, 0.95)))
    (segment,) = windows.segments(0.7, track=3, duration=10.0)
    assert segment.track == 3
    assert segment.start == pytest.approx(5, abs=0.5)
    assert segment.end == pytest.approx(9.875)
    assert segment.probability == pytest.approx(0.95)


def test_bounds_lie_midway_between_samples() -> None:
    windows = Windows(series(range(10), [0.1] * 4 + [0.9] * 3 + [0.1] * 3))
    (segment,) = windows.segments(0.8, track=0)
    # Windows of three samples: only the one centred on the fifth second is all high.
    assert (segment.start, segment.end) == (4.5, 5.5)


def test_ends_stay_within_the_video() -> None:
    (segment,) = Windows(series([0, 1, 2], [0.9] * 3)).segments(0.5, 0, duration=2.2)
    assert (segment.start, segment.end) == (0, 2.2)
    (segment,) = Windows(series([0, 1, 2], [0.9] * 3)).segments(0.5, 0, duration=1.0)
    assert segment.end == 2


def test_an_absence_splits_a_segment() -> None:
    times = [*np.arange(0, 3, 0.2), *np.arange(20, 23, 0.2)]
    found = Windows(series(times, [0.9] * len(times))).segments(0.5, 0)
    assert [(s.start, s.end) for s in found] == [
        pytest.approx((0, 2.9)),
        pytest.approx((19.9, 22.9)),
    ]
    assert found[0].end + GAP < found[1].start


def test_sparse_samples_are_no_absence() -> None:
    found = Windows(series(range(0, 320, 10), [0.9] * 32)).segments(0.5, 0)
    assert len(found) == 1


def test_nothing_over_no_segment() -> None:
    assert Windows(series(range(5), [0.2] * 5)).segments(0.5, 0) == []


def test_one_sample_makes_a_segment_of_no_length() -> None:
    (segment,) = Windows(series([4.0], [0.9])).segments(0.5, 0)
    assert (segment.start, segment.end) == (4, 4)


def test_a_series_is_small() -> None:
    long = Series()
    for i in range(18_000):
        long.add(i / 30, 0.5, (0.4, 0.6))
    assert sum(v.itemsize * len(v) for v in (long.times, long.logits, long.lows, long.highs)) < 6e5
    assert Windows(long).peak == pytest.approx(0.5)
