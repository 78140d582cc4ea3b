from __future__ import annotations

from pathlib import Path

import pytest

from unmask.errors import LabError
from unmask.lab.data.sets import _videos


def test_order_counts_and_hidden_files_are_left_out(tmp_path: Path) -> None:
    for name in ("10.png", "9.PNG", "a.txt", "._9.png", "b/1.png", ".b/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [p.name for p in _videos.files(tmp_path, {".png"})] == ["9.PNG", "10.png"]
    assert [p.name for p in _videos.beneath(tmp_path, {".png"})] == ["9.PNG", "10.png", "1.png"]
    assert _videos.folders(tmp_path) == [tmp_path / "b"]


def test_nothing_is_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    assert not _videos.files(absent, {".png"})
    assert not _videos.folders(absent)
    assert not _videos.lines(absent)
    assert not list(_videos.media(absent))


def test_a_listed_video_is_what_there_is_of_it(tmp_path: Path) -> None:
    for name in ("a.mp4", "frames/a/0.png", "frames/b/0.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = _videos.by_video(tmp_path)
    kinds = {v: [m.kind for m in _videos.listed(found, tmp_path / f"{v}.mp4")] for v in "abc"}
    assert kinds == {"a": ["clip", "frame"], "b": ["frame"], "c": ["clip"]}


@pytest.mark.parametrize("text", [None, '{"a": '])
def test_json_that_cannot_be_read_is_told(tmp_path: Path, text: str | None) -> None:
    if text:
        (tmp_path / "a.json").write_text(text)
    with pytest.raises(LabError, match="data_missing"):
        _videos.load(tmp_path / "a.json")
