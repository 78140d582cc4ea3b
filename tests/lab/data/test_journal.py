from __future__ import annotations

import sys
from pathlib import Path

import pytest

from unmask.errors import ConfigError, LabError
from unmask.lab.data.journal import Journal


def test_lines_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "out"
    journal = Journal(folder, {"size": (2, 3)})
    assert (journal.count, journal.last) == (0, None)
    journal.add({"key": "a"})
    journal.add({"key": "ü"})
    assert list(journal.lines()) == [{"key": "a"}, {"key": "ü"}]
    journal.close()
    again = Journal(folder, {"size": [2, 3]})
    assert (again.count, again.last) == (2, {"key": "ü"})
    again.close()


@pytest.mark.parametrize("rest", [b'{"key"', b"\xc3", b'{"key": "b"}'])
def test_half_a_line_is_dropped(tmp_path: Path, rest: bytes) -> None:
    Journal(tmp_path / "out", {}).close()
    path = tmp_path / "out" / "crop.jsonl"
    path.write_bytes(b'{"key": "a"}\n' + rest)
    journal = Journal(tmp_path / "out", {})
    journal.add({"key": "c"})
    journal.close()
    assert path.read_bytes() == b'{"key": "a"}\n{"key": "c"}\n'


def test_damage_is_told(tmp_path: Path) -> None:
    Journal(tmp_path / "out", {}).close()
    (tmp_path / "out" / "crop.jsonl").write_bytes(b"{}\n{\n{}\n")
    with pytest.raises(LabError, match="damaged"):
        Journal(tmp_path / "out", {})


def test_a_kill_at_the_very_beginning(tmp_path: Path) -> None:
    (tmp_path / "crop.json.part").write_text('{"a"')
    Journal(tmp_path, {"a": 1}).close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crop.json", "crop.jsonl"]


def test_another_folder_is_refused(tmp_path: Path) -> None:
    Journal(tmp_path / "out", {"a": 1, "b": 2}).close()
    with pytest.raises(ConfigError, match=r"other values of: b, c\."):
        Journal(tmp_path / "out", {"a": 1, "c": 2})
    with pytest.raises(ConfigError, match="holds no crops"):
        Journal(tmp_path, {})


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks")
def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    first = Journal(tmp_path / "out", {})
    with pytest.raises(ConfigError, match="Another run"):
        Journal(tmp_path / "out", {})
    first.close()
    Journal(tmp_path / "out", {}).close()
