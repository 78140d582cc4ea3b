import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.media import Sampling
from unmask.media.sampling import choose


def test_the_middles_of_equal_slices_and_not_the_first_frames() -> None:
    times = np.arange(100) / 10
    assert choose(times, 10.0, Sampling(frames=4)).tolist() == [12, 37, 62, 87]
    assert choose(times, 10.0, Sampling(frames=1)).tolist() == [50]


def test_uneven_frames_are_spread_by_time() -> None:
    slow_end = np.concatenate([np.arange(90) / 90, 1 + np.arange(9)])
    picks = choose(slow_end, 10.0, Sampling(frames=10))
    assert picks.tolist() == [45, 90, 91, 92, 93, 94, 95, 96, 97, 98]


def test_no_frame_twice_and_no_more_than_there_are() -> None:
    times = np.arange(5) / 25
    assert choose(times, 0.2, Sampling(frames=1_000_000_000)).tolist() == [0, 1, 2, 3, 4]
    long_still = np.array([0.0, 9.0])
    assert choose(np.array([0.0, 9.0, 9.5]), 10.0, Sampling(frames=2)).tolist() == [0]
    assert choose(long_still, 18.0, Sampling(frames=1)).tolist() == [1]


def test_frames_per_second() -> None:
    times = np.arange(100) / 25
    assert choose(times, 4.0, Sampling(fps=2)).tolist() == [0, 13, 25, 38, 50, 63, 75, 88]
    assert choose(times, 4.0, Sampling(fps=25)).tolist() == list(range(100))
    assert choose(times, 4.0, Sampling(fps=1000)).tolist() == list(range(100))


def test_every_frame() -> None:
    assert choose(np.arange(7.0), 7.0, Sampling(frames=None)).tolist() == list(range(7))


@given(
    st.lists(st.floats(0, 1e4), min_size=1, max_size=60),
    st.one_of(st.none(), st.integers(1, 90)),
    st.one_of(st.none(), st.floats(0.01, 1000)),
)
def test_any_times_give_sound_positions(
    gaps: list[float], frames: int | None, fps: float | None
) -> None:
    times = np.cumsum(gaps)
    picks = choose(times, float(times[-1]) + 0.04, Sampling(frames, fps))
    assert 1 <= len(picks) <= len(times)
    assert picks[0] >= 0
    assert picks[-1] < len(times)
    assert (np.diff(picks) > 0).all()
    if frames is not None and fps is None:
        assert len(picks) <= frames


@pytest.mark.parametrize("count", [1, 2, 31, 32, 33, 1000])
def test_evenly_timed_frames_are_evenly_spread(count: int) -> None:
    picks = choose(np.arange(count) / 25, count / 25, Sampling())
    assert len(picks) == min(32, count)
    assert np.ptp(np.diff(picks)) <= 1 if len(picks) > 1 else picks.tolist() == [0]
