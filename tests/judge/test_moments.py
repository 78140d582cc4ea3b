import numpy as np

from unmask.judge.moments import APART, KEPT, PEAKS, PEAKS_EACH, Moments
from unmask.types import Crop, Evidence, Face, Score

HEAT = np.ones((4, 4), np.float32)
CROP = Crop(np.zeros((8, 8, 3), np.uint8), np.eye(2, 3))


def evidence(time: float | None, probability: float | None) -> Evidence:
    face = Face((0, 0, 9, 9), 0.9, np.zeros((5, 2), np.float32))
    scores = (Score("a", 0.0, probability or 0.5, (0, 1), HEAT),)
    interval = None if probability is None else (0.0, 1.0)
    return Evidence(face, time, scores, probability, interval)


def fill(moments: Moments, probabilities, person: int = 0, rate: float = 10.0) -> list[int]:
    """Add one person's moments; return which were asked for pictures."""
    asked: list[int] = []
    for i, p in enumerate(probabilities):

        def pictures(i: int = i) -> tuple:
            asked.append(i)
            return CROP, HEAT

        moments.add((i, person), person, evidence(i / rate, p), pictures)
    return asked


def shown(moments: Moments) -> list[Evidence]:
    return [e for e in moments.evidence() if e.crop is not None]


def test_few_moments_all_stay_in_order() -> None:
    moments = Moments(thin=True)
    fill(moments, [0.5] * KEPT)
    assert [e.time for e in moments.evidence()] == [i / 10 for i in range(KEPT)]


def test_many_moments_are_thinned_evenly_and_the_peaks_stay() -> None:
    moments = Moments(thin=True)
    n = 6_001
    fill(moments, [0.99 if i == 4_321 else 0.2 for i in range(n)])
    times = [e.time for e in moments.evidence() if e.crop is None]
    assert KEPT - PEAKS <= len(times) <= 2 * KEPT
    assert np.diff(times).max() < 4 * n / 10 / KEPT
    assert 432.1 in [e.time for e in shown(moments)]


def test_peaks_lie_apart_and_are_few() -> None:
    moments = Moments(thin=True)
    asked = fill(moments, np.sin(np.arange(600) / 30) / 2 + 0.5)
    peaks = shown(moments)
    assert len(peaks) == PEAKS_EACH
    assert np.diff([e.time for e in peaks]).min() >= APART
    assert min(e.probability for e in peaks) > 0.99
    assert len(asked) < 200


def test_only_peaks_hold_pictures() -> None:
    moments = Moments(thin=True)
    fill(moments, [0.1, 0.9, 0.2])
    for e in moments.evidence():
        assert (e.crop is not None) == (e.probability == 0.9) == (e.scores[0].heat is not None)


def test_all_persons_together_are_bounded_and_the_strongest_win() -> None:
    moments = Moments(thin=True)
    for person in range(2 * PEAKS):
        moments.add((0, person), person, evidence(0.0, person / 100 + 0.01), lambda: (CROP, HEAT))
    peaks = shown(moments)
    assert len(peaks) == PEAKS
    assert min(e.probability for e in peaks) > PEAKS / 100


def test_moments_without_a_score_give_way() -> None:
    moments = Moments(thin=True)
    fill(moments, [None, 0.1], rate=100)
    (peak,) = shown(moments)
    assert peak.probability == 0.1


def test_all_faces_of_a_photo_stay() -> None:
    moments = Moments(thin=False)
    for place in range(3 * KEPT):
        moments.add((0, place), place, evidence(None, 0.5), lambda: (CROP, HEAT))
    assert len(moments.evidence()) == 3 * KEPT
    assert len(shown(moments)) == PEAKS
