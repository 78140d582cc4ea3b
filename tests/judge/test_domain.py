import numpy as np
import pytest

from unmask.errors import BundleError
from unmask.judge.domain import FEATURES, PARTS, SIDE, Domain, describe
from unmask.judge.odds import log_odds
from unmask.types import Crop, Quality, Score

QUALITY = Quality(0.2, 64.0, dict(zip(PARTS, (0.2, 0.4, 0.6, 0.8, 1.0), strict=True)))


def crop(pixels: np.ndarray) -> Crop:
    colour = np.repeat(np.clip(np.round(pixels), 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    return Crop(colour, np.eye(2, 3))


def described(pixels: np.ndarray) -> dict[str, float]:
    return dict(zip(FEATURES, describe(QUALITY, crop(pixels)).tolist(), strict=True))


def noise(deviation: float, side: int = 128) -> np.ndarray:
    return np.random.default_rng(0).normal(128, deviation, (side, side))


def test_a_description_names_parts_size_and_picture() -> None:
    found = described(np.full((32, 32), 51.0))
    assert [found[name] for name in PARTS] == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert found["side"] == pytest.approx(6 / 8)
    assert found["brightness"] == pytest.approx(0.2)
    assert found["contrast"] == found["detail"] == found["noise"] == 0


@pytest.mark.parametrize("deviation", [4.0, 8.0, 16.0])
def test_noise_is_measured_in_grey_levels(deviation: float) -> None:
    found = described(noise(deviation))
    assert 10 * found["noise"] == pytest.approx(deviation, rel=0.05)
    assert 128 * found["contrast"] == pytest.approx(deviation, rel=0.05)


def test_noise_is_blind_to_a_slope_and_an_edge() -> None:
    slope = np.tile(np.arange(0, 254, 2.0), (127, 1))
    edge = np.where(np.arange(128) < 64, 50.0, 200.0) * np.ones((128, 1))
    assert described(slope)["noise"] < 0.01
    assert described(edge)["noise"] < 0.01


def test_detail_tells_fine_from_coarse() -> None:
    coarse = np.kron(noise(40, 8), np.ones((16, 16)))
    assert described(noise(40))["detail"] > 3 * described(coarse)["detail"] > 0


def test_of_a_large_crop_the_middle_is_measured() -> None:
    large = np.zeros((300, 260))
    large[86 : 86 + SIDE, 66 : 66 + SIDE] = noise(10)
    assert described(large) == described(noise(10))


def test_only_what_is_asked_for_is_described_in_that_order() -> None:
    found = describe(QUALITY, crop(np.full((16, 16), 255.0)), ("pose", "brightness", "size"))
    assert found.tolist() == [0.8, 1.0, 0.2]


def domain(**changes) -> Domain:
    section = {
        "features": ["brightness", "pose"],
        "mean": [0.5, 0.8],
        "precision": [[100.0, 0.0], [0.0, 4.0]],
        "threshold": 4.0,
        "factor": 3.0,
    }
    return Domain.of(section | changes)


def test_distance_is_mahalanobis() -> None:
    assert domain().distance(np.array([0.7, 0.3])) == pytest.approx(100 * 0.04 + 4 * 0.25)


def test_a_face_beyond_the_threshold_is_unlike() -> None:
    assert domain().holds(QUALITY, crop(np.full((16, 16), 0.69 * 255)))
    assert not domain().holds(QUALITY, crop(np.full((16, 16), 0.72 * 255)))


def test_doubt_widens_in_log_odds_about_the_same_probability() -> None:
    before = Score("a", 1.0, 0.7, (0.6, 0.75))
    after = domain().widened(before)
    assert (after.probability, after.raw) == (before.probability, before.raw)
    for old, new in zip(before.interval, after.interval, strict=True):
        assert log_odds(new) - log_odds(0.7) == pytest.approx(3 * (log_odds(old) - log_odds(0.7)))


@pytest.mark.parametrize(
    "changes",
    [
        {"mean": [0.5]},
        {"precision": [[1.0, 0.0]]},
        {"precision": [[1.0], [0.0, 1.0]]},
        {"precision": [[1.0, 0.5], [0.0, 1.0]]},
        {"precision": [[1.0, 0.0], [0.0, -1.0]]},
    ],
)
def test_numbers_that_do_not_fit_together(changes: dict) -> None:
    with pytest.raises(BundleError, match="domain") as caught:
        domain(**changes)
    assert caught.value.code == "bundle_invalid"
