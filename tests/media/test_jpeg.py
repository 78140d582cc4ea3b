from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from unmask.media import jpeg


def test_layout_of_ordinary_files(drawn: Callable, encoded: Callable) -> None:
    assert jpeg.layout(encoded(drawn(), "JPEG")) == (1, True)
    progressive = jpeg.layout(encoded(drawn(), "JPEG", progressive=True))
    assert 6 <= progressive.scans <= 14
    assert progressive.complete


def test_a_thumbnail_in_the_header_does_not_stand_for_the_picture(
    drawn: Callable, encoded: Callable
) -> None:
    thumbnail = encoded(drawn(size=(16, 16)), "JPEG")
    data = encoded(drawn(), "JPEG", exif=b"Exif\x00\x00" + thumbnail)
    assert jpeg.layout(data) == (1, True)
    assert not jpeg.layout(data[:-200]).complete
    assert jpeg.layout(data[:300]) == (0, False)


def test_repeated_scans_are_counted_exactly(drawn: Callable, encoded: Callable) -> None:
    data = encoded(drawn(), "JPEG", progressive=True)
    last = data.rfind(b"\xff\xda")
    many = data[:last] + data[last:-2] * 500 + data[-2:]
    assert jpeg.layout(many).scans == jpeg.layout(data).scans + 499


def test_other_pictures_behind_the_end_are_not_counted(drawn: Callable, encoded: Callable) -> None:
    data = encoded(drawn(), "JPEG")
    assert jpeg.layout(data + data * 200).scans == 1


@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"progressive": True}])
def test_pixels_are_those_of_pillow(
    drawn: Callable, encoded: Callable, tmp_path: object, options: dict
) -> None:
    data = encoded(drawn(size=(150, 90)), "JPEG", quality=88, **options)
    import io

    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(image.convert("RGB")).astype(int)
    found = jpeg.decode(data)
    assert found is not None
    assert np.abs(found - expected).max() <= 1


def test_what_opencv_cannot_read_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    import cv2

    assert jpeg.decode(b"\xff\xd8\xff\xd9") is None

    def refuse(*_: object) -> None:
        raise cv2.error("too large")

    monkeypatch.setattr(cv2, "imdecode", refuse)
    assert jpeg.decode(b"\xff\xd8") is None
