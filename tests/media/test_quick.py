import io
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image

from unmask.media import quick


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 88}),
        ("JPEG", {"quality": 88, "subsampling": 0}),
        ("JPEG", {"quality": 88, "progressive": True}),
        ("WEBP", {"quality": 80}),
        ("WEBP", {"lossless": True}),
    ],
)
def test_pixels_are_those_of_pillow(
    drawn: Callable, encoded: Callable, kind: str, options: dict
) -> None:
    data = encoded(drawn(size=(150, 90)), kind, **options)
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(image.convert("RGB")).astype(int)
    found = quick.decode(data)
    assert found is not None
    assert np.abs(found - expected).max() <= 1


def test_transparency_is_kept_where_it_is_wished(drawn: Callable, encoded: Callable) -> None:
    picture = np.dstack([drawn(), drawn(1)[..., 0]])
    found = quick.decode(encoded(picture, "WEBP", lossless=True, exact=True), alpha=True)
    assert found is not None
    assert np.array_equal(found, picture)


def test_what_opencv_cannot_read_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert quick.decode(b"\xff\xd8\xff\xd9") is None

    def refuse(*_: object) -> None:
        raise cv2.error("too large")

    monkeypatch.setattr(cv2, "imdecode", refuse)
    assert quick.decode(b"\xff\xd8") is None
