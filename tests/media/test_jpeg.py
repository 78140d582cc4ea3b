from collections.abc import Callable

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
