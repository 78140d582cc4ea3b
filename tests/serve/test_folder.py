"""The data folder: private, locked, tidied, and never read through a link."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import pytest

from unmask.errors import ConfigError, ServeError
from unmask.serve.folder import Folder, erase, read_results


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    made = Folder(tmp_path / "data")
    yield made
    made.close()


def kept(folder: Folder, id: str, packing: int = ZIP_STORED, **parts: bytes) -> Path:
    home = folder.analysis(id)
    home.mkdir(exist_ok=True)
    with ZipFile(folder.results(id, "place"), "w", packing) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
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
    assert (folder.analysis("id") / "0").read_bytes() == b"x"
    kept(folder, "id", good=b"good")
    folder.forget_files("id")
    folder.forget_files("id")
    assert list(folder.analysis("id").iterdir()) == [folder.results("id", "place")]
    folder.drop("id", "other")
    assert read_results(folder.root, "id", "place", "good") == [b"good"]
    folder.drop("id", "place")
    assert not list(folder.analysis("id").iterdir())


def test_only_plain_files_are_read(folder: Folder, tmp_path: Path) -> None:
    home = kept(folder, "id", good=b"good", empty=b"")
    assert read_results(folder.root, "id", "place", "good", "gone", "empty") == [b"good", None, b""]
    (home / "link.zip").symlink_to(folder.results("id", "place"))
    (home / "folder.zip").mkdir()
    os.mkfifo(home / "pipe.zip")
    places = ("link", "folder", "pipe", "gone", "", ".", "..", "../id/place", "place.zip\0", "a\0")
    for place in places:
        assert read_results(folder.root, "id", place, "good") == [None], place
    (folder.root / "analyses" / "other").symlink_to(folder.analysis("id"))
    shutil.copy(folder.results("id", "place"), folder.root / "analyses" / "place.zip")
    for id in ("other", "", ".", "..", "../analyses/id", "id\0", "gone"):
        assert read_results(folder.root, id, "place", "good") == [None], id


def test_results_are_not_unpacked(folder: Folder) -> None:
    kept(folder, "packed", ZIP_DEFLATED, good=b"0" * 10_000)
    assert read_results(folder.root, "packed", "place", "good") == [None]


@pytest.mark.parametrize("place", [0, 10, 33, 60, 100])
def test_damaged_results_are_none(folder: Folder, place: int) -> None:
    kept(folder, "id", good=b"good")
    whole = folder.results("id", "place").read_bytes()
    assert len(whole) > 100
    for damaged in (whole[:place], whole[:place] + b"\xff\xff\xff" + whole[place + 3 :]):
        folder.results("id", "place").write_bytes(damaged)
        assert read_results(folder.root, "id", "place", "good") in ([None], [b"good"])
    assert read_results(folder.root, "id", "place", "bad") == [None]


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
        (kept(folder, id, result=b"x") / "0").touch()
        kept(folder, id).joinpath("other.zip").touch()
    folder.tidy({"waiting": None, "done": "place", "lost": None})
    left = {str(path.relative_to(folder.root)) for path in folder.root.rglob("*")}
    assert left == {
        "lock",
        "incoming",
        "analyses",
        "analyses/waiting",
        "analyses/waiting/0",
        "analyses/done",
        "analyses/done/place.zip",
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
