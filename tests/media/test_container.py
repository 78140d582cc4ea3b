from collections.abc import Callable
from pathlib import Path

import pytest

from unmask.media import container


def inspect(path: Path, name: str, cut: int = 0) -> tuple[dict, bool]:
    if cut:
        path.write_bytes(path.read_bytes()[:-cut])
    with path.open("rb") as file:
        found = container.inspect(file, name, path.stat().st_size)
    return {fact.name: fact.value for fact in found.facts}, found.cut_short


@pytest.mark.parametrize(
    ("name", "ending", "codec", "word"),
    [
        ("MP4", "mp4", "mp4v", "video.encoder"),
        ("MOV", "mov", "MJPG", "video.software"),
        ("MKV", "mkv", "mp4v", "video.encoder"),
        ("WebM", "webm", "VP80", "video.encoder"),
        ("AVI", "avi", "MJPG", "video.software"),
    ],
)
def test_the_program_that_packed_it_and_whether_it_is_whole(
    film: Callable[..., Path], name: str, ending: str, codec: str, word: str
) -> None:
    path = film(f"film.{ending}", codec)
    facts, cut_short = inspect(path, name)
    assert facts[word].startswith("Lavf")
    assert not cut_short
    facts, cut_short = inspect(path, name, cut=700)
    assert cut_short
    assert facts["file.truncated"] is True


def test_matroska_of_unknown_length_or_without_a_segment(tmp_path: Path) -> None:
    path = tmp_path / "live.mkv"
    path.write_bytes(b"\x1aE\xdf\xa3\x80\x18\x53\x80\x67\x01" + b"\xff" * 7 + bytes(50))
    assert inspect(path, "MKV") == ({}, False)
    path.write_bytes(b"\x1aE\xdf\xa3\x80" + bytes(50))
    assert inspect(path, "MKV") == ({}, False)
    path.write_bytes(b"\x1aE\xdf\xa3\x80\x18\x53\x80\x67")
    assert inspect(path, "MKV") == ({}, False)
