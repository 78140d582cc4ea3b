"""The data folder: private, locked, tidied, and never read through a link."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from unmask.errors import ConfigError, ServeError
from unmask.serve.folder import Folder, erase


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    made = Folder(tmp_path / "data")
    yield made
    made.close()


def kept(folder: Folder, id: str, **files: bytes) -> Path:
    home = folder.analysis(id) / "place"
    home.mkdir(parents=True)
    for name, data in files.items():
        (home / name).write_bytes(data)
    return home


def test_it_is_private_and_taken_once(folder: Folder) -> None:
    for path in (folder.root, *folder.root.iterdir()):
        assert path.stat().st_mode & 0o77 == 0, path
    with pytest.raises(ServeError, match="folder_taken"):
        Folder(folder.root)
    assert folder.free() > 0


def test_it_can_be_taken_after_it_was_let_go(tmp_path: Path) -> None:
    Folder(tmp_path).close()
    Folder(tmp_path).close()


def test_an_upload_becomes_an_analysis(folder: Folder) -> None:
    upload = folder.fresh()
    (upload / "0").write_bytes(b"x")
    folder.keep(upload, "id")
    assert (folder.analysis("id") / "files" / "0").read_bytes() == b"x"
    folder.forget_files("id")
    folder.forget_files("id")
    assert not list(folder.analysis("id").iterdir())


def test_only_plain_files_are_read(folder: Folder, tmp_path: Path) -> None:
    home = kept(folder, "id", good=b"good")
    (tmp_path / "secret").write_text("secret")
    (home / "link").symlink_to(tmp_path / "secret")
    (home / "folder").mkdir()
    os.mkfifo(home / "pipe")
    assert folder.read("id", "place", "good") == b"good"
    for name in ("link", "folder", "pipe", "gone", "", ".", "..", "../place/good", "good\0"):
        assert folder.read("id", "place", name) is None, name
    (folder.root / "analyses" / "other").symlink_to(folder.analysis("id"))
    assert folder.read("other", "place", "good") is None
    assert folder.read("..", "lock") is None


def test_links_are_removed_and_not_followed(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "file").touch()
    folder.analysis("id").symlink_to(tmp_path / "theirs")
    folder.erase("id")
    home = kept(folder, "id")
    (home / "link").symlink_to(tmp_path / "theirs")
    folder.erase("id")
    erase(folder.analysis("id"))
    assert (tmp_path / "theirs" / "file").exists()
    assert not list((folder.root / "analyses").iterdir())


def test_what_a_killed_server_left_is_removed(folder: Folder) -> None:
    folder.fresh()
    for id in ("waiting", "done", "unknown"):
        kept(folder, id, result=b"x")
        (folder.analysis(id) / "files").mkdir()
    folder.tidy({"waiting": None, "done": "place", "lost": None})
    left = {str(path.relative_to(folder.root)) for path in folder.root.rglob("*")}
    assert left == {
        "lock",
        "incoming",
        "analyses",
        "analyses/waiting",
        "analyses/waiting/files",
        "analyses/done",
        "analyses/done/place",
        "analyses/done/place/result",
    }


def test_what_cannot_be_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be used"):
        Folder(tmp_path / "file")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "analyses").symlink_to(tmp_path)
    with pytest.raises(ConfigError, match="is a link"):
        Folder(tmp_path / "data")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "lock").symlink_to(tmp_path / "file")
    with pytest.raises(ConfigError):
        Folder(tmp_path / "other")
