import io
import os
import sys
from pathlib import Path

import pytest

from unmask.media import walk


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b.txt", "a/2.jpg", "a/10.jpg", "c/d/e.png", ".hidden", ".git/x.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def relative(tree: Path, paths: list[str]) -> list[str]:
    return [Path(p).relative_to(tree).as_posix() for p in paths]


def test_folders_in_sorted_order_without_hidden_names(tree: Path) -> None:
    assert relative(tree, list(walk([str(tree)]))) == ["a/10.jpg", "a/2.jpg", "b.txt", "c/d/e.png"]


def test_what_is_named_is_yielded_even_hidden_or_missing(tree: Path) -> None:
    named = [str(tree / ".hidden"), str(tree / "missing.jpg"), str(tree / "b.txt")]
    assert list(walk(named)) == named


def test_a_dash_reads_paths_from_the_stream(tree: Path) -> None:
    stream = io.StringIO(f"{tree / 'a'}\r\n\n{tree / 'b.txt'}\n")
    found = list(walk(["-", str(tree / "c")], stream))
    assert relative(tree, found) == ["a/10.jpg", "a/2.jpg", "b.txt", "c/d/e.png"]
    assert list(walk(["-"])) == ["-"]


def test_paths_come_as_soon_as_they_are_known() -> None:
    lines = io.StringIO("one.jpg\ntwo.jpg\n")
    assert next(walk(["-"], lines)) == "one.jpg"
    assert lines.readline() == "two.jpg\n"


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links and pipes")
def test_links_to_files_count_and_circles_and_pipes_do_not(tree: Path) -> None:
    (tree / "a/link.jpg").symlink_to(tree / "b.txt")
    (tree / "a/circle").symlink_to(tree)
    (tree / "a/broken").symlink_to(tree / "nowhere")
    (tree / "a/self").symlink_to(tree / "a/self")
    os.mkfifo(tree / "a/pipe")
    found = relative(tree, list(walk([str(tree / "a")])))
    assert found == ["a/10.jpg", "a/2.jpg", "a/link.jpg"]


def test_an_unreadable_folder_is_not_passed_over_in_silence(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.scandir

    def guarded(path: str) -> object:
        if Path(path).name == "c":
            raise PermissionError
        return real(path)

    monkeypatch.setattr(os, "scandir", guarded)
    assert relative(tree, list(walk([str(tree)])))[-1] == "c"


def test_folders_may_be_nested_deeper_than_python_recurses(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(300):
        deep = deep / "d"
    deep.mkdir(parents=True)
    (deep / "x.jpg").write_bytes(b"x")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(200)
    try:
        assert list(walk([str(tmp_path)])) == [str(deep / "x.jpg")]
    finally:
        sys.setrecursionlimit(limit)
