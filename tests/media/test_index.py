import numpy as np
import pytest

from unmask.media import index
from unmask.media.index import Index


def made(times: list[float], **changes: object) -> Index:
    values = {"keys": np.array([0]), "timed": True, "width": 4, "height": 3, "rate": 25.0}
    values |= {"claimed": len(times), "codec": "h264", "rotation": 0}
    return Index(np.array(times), **(values | changes))


def test_duration_counts_the_last_frame() -> None:
    assert made([0.0, 0.5, 1.0]).duration == pytest.approx(1.5)
    assert made([0.0]).duration == pytest.approx(0.04)


def test_packets_are_put_in_the_order_of_showing() -> None:
    times, keys, timed = index._sorted(np.array([0.0, 0.3, 0.1, 0.2]), np.array([1, 1, 0, 0]), 10.0)
    assert times.tolist() == [0.0, 0.1, 0.2, 0.3]
    assert keys.tolist() == [0, 3]
    assert timed


def test_what_an_edit_list_cuts_away_does_not_count() -> None:
    times, keys, _ = index._sorted(np.array([-0.2, -0.1, 0.0, 0.1]), np.array([1, 0, 1, 0]), 10.0)
    assert times.tolist() == [0.0, 0.1]
    assert keys.tolist() == [0]


@pytest.mark.parametrize(
    "times", [[0.0] * 4, [np.nan, 0, 1, 2], [-4.0, -3.0, -2.0, -1.0], [np.inf, 0, 1, 2]]
)
def test_senseless_times_are_counted(times: list[float]) -> None:
    found, keys, timed = index._sorted(np.array(times), np.array([0, 1, 0, 0]), 10.0)
    assert found == pytest.approx([0, 0.1, 0.2, 0.3])
    assert keys.tolist() == [1]
    assert not timed


@pytest.mark.parametrize(("told", "used"), [(29.97, 29.97), (0, 25), (-1, 25), (9e4, 25)])
def test_a_senseless_rate_is_not_used(told: float, used: float) -> None:
    assert index._rate(told) == used
    assert index._rate(float("nan")) == 25


def names(found: Index, whole: bool = True) -> set[str]:
    return {fact.name for fact in index.facts(found, whole=whole)}


def test_facts_are_told_only_where_something_is_odd() -> None:
    even = [i / 25 for i in range(100)]
    assert names(made(even)) == {"video.codec"}
    assert names(made(even, rotation=90)) == {"video.codec", "video.rotation"}
    assert names(made(even, claimed=90)) == {"video.codec", "video.frames_claimed"}
    assert names(made(even, claimed=99)) == {"video.codec"}
    assert names(made(even, claimed=900), whole=False) == {"video.codec"}


def test_a_lost_frame_is_not_yet_a_variable_rate() -> None:
    even = [i / 25 for i in range(100)]
    assert "video.variable_frame_rate" not in names(made(even[:40] + even[41:]))
    shaky = np.cumsum(np.tile([0.01, 0.05, 0.03], 30)).tolist()
    assert "video.variable_frame_rate" in names(made(shaky))
    assert "video.variable_frame_rate" not in names(made([0.0, 0.1, 5.0]))
