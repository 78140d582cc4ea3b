from __future__ import annotations

import re

import pytest

from unmask.cli import _progress


def test_pipe_gets_one_closing_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(_progress.followed(range(5), lambda: 5, "inputs")) == [0, 1, 2, 3, 4]
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"5 inputs in \d+\.\d s \(\d+\.\d/s\)\n", err)


@pytest.mark.parametrize("total", [3, None])
def test_terminal_gets_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, total: int | None
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert list(_progress.followed(iter("abc"), lambda: total, "inputs")) == ["a", "b", "c"]
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("/s)\n")
