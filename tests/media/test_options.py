import pytest

from unmask.errors import ConfigError
from unmask.media import Limits, Sampling


def test_defaults_hold_a_phone_photo_and_an_evening_film() -> None:
    limits = Limits()
    assert limits.pixels >= 48_000_000
    assert limits.seconds >= 3 * 3600
    assert Sampling() == Sampling(frames=32, fps=None)


@pytest.mark.parametrize("wish", [{"frames": 0}, {"frames": -1}, {"fps": 0.0}, {"fps": 1e9}])
def test_a_senseless_sampling_is_refused(wish: dict) -> None:
    with pytest.raises(ConfigError) as caught:
        Sampling(**wish)
    assert caught.value.code == "bad_option"
