from __future__ import annotations

from pathlib import Path

import pytest

from unmask.errors import ConfigError
from unmask.lab.data.sets import _folders


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("real", 0),
        ("Reals", 0),
        ("training_real", 0),
        ("bona-fide", 0),
        ("FAKE", 1),
        ("deepfakes", 1),
        ("fake_images_01", 1),
        ("real_vs_fake", None),
        ("fake_news_corpus", None),
        ("anna", None),
        ("train", None),
    ],
)
def test_label_of(name: str, label: int | None) -> None:
    assert _folders.label_of(name) == label


def test_media_knows_endings_and_skips_hidden(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.mp4", ".c.jpg", "d.txt", "sub/e.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [p.name for p in _folders.media(tmp_path)] == ["a.mp4", "b.JPG", "e.png"]
    assert list(_folders.media(tmp_path / "missing")) == []


def test_folders_go_no_deeper_than_told(tmp_path: Path) -> None:
    (tmp_path / "b" / "c" / "d").mkdir(parents=True)
    (tmp_path / "a").mkdir()
    (tmp_path / ".hidden").mkdir()
    assert [p.name for p in _folders.folders(tmp_path, 2)] == ["a", "b", "c"]


def test_missing_library_is_said() -> None:
    with pytest.raises(ConfigError, match="no_such_library") as caught:
        _folders.optional("no_such_library", "This")
    assert caught.value.code == "not_installed"
