from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")

from unmask.serve import launch
from unmask.serve.folder import Folder
from unmask.serve.settings import Bounds, Settings


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what a server sets for its whole process from this one."""
    monkeypatch.setattr(launch.os, "umask", lambda mask: 0)
    monkeypatch.setattr(launch, "_load_quickly", lambda: None)


def test_options_reach_the_server(
    unmask_cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Settings] = []
    monkeypatch.setattr(launch, "serve", lambda chosen, told: (asked.append(chosen), told("http")))
    words = ["--host", "::1", "--port", "0", "--token", "t" * 16, "--data", tmp_path]
    words += ["--workers", "3", "--retention", "never", "--allow-host", "a", "--allow-host", "b"]
    words += [
        "--max-bytes",
        "1",
        "--max-request-bytes",
        "2",
        "--max-files",
        "3",
        "--max-pixels",
        "4",
    ]
    words += ["--max-seconds", "5", "--max-queue", "6", "--max-uploads", "7", "--patience", "8"]
    code, out, err = unmask_cli("serve", *words)
    assert (code, out, err) == (0, "", "Unmask is at http\n")
    bounds = Bounds(1, 2, 3, 4, 5.0, 6, 7, 8.0)
    assert asked == [
        Settings(tmp_path, "::1", 0, "t" * 16, ("a", "b"), 3, None, bounds),
    ]
    monkeypatch.setenv("UNMASK_TOKEN", "from the environment")
    assert unmask_cli("serve", "--data", tmp_path)[0] == 0
    assert asked[1] == Settings(tmp_path, token="from the environment")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--host", "0.0.0.0"], "bad_option"),
        (["--token", "short"], "bad_option"),
        (["--retention", "soon"], "bad_option"),
        (["--data", "/dev/null"], "bad_option"),
    ],
)
def test_what_cannot_be_is_told(
    unmask_cli: Any, tmp_path: Path, words: list[str], code: str, quiet: None
) -> None:
    ended, _, err = unmask_cli("serve", "--data", tmp_path, *words)
    assert (ended, err.count("\n")) == (2, 1)
    assert err.endswith(f"[{code}]\n")


def test_without_the_extra(unmask_cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "find_spec", lambda name: name != "uvicorn")
    code, _, err = unmask_cli("serve")
    assert code == 2
    assert (
        err
        == "error: uvicorn is missing; install it: pip install 'unmask[serve]' [not_installed]\n"
    )


def test_a_taken_port_and_a_taken_folder_are_told(
    unmask_cli: Any, tmp_path: Path, quiet: None
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = ["--data", tmp_path / "data", "--port", taken.getsockname()[1]]
        code, _, err = unmask_cli("serve", *words)
        assert code == 2
        assert err.endswith("[address_taken]\n")
        folder = Folder(tmp_path / "data")
        code, _, err = unmask_cli("serve", *words)
        assert code == 2
        assert err.endswith("[folder_taken]\n")
        folder.close()


def test_what_is_no_store_is_told(unmask_cli: Any, tmp_path: Path, quiet: None) -> None:
    (tmp_path / "unmask.sqlite3").write_text("no store " * 1000)
    code, _, err = unmask_cli("serve", "--data", tmp_path, "--port", "0")
    assert code == 2
    assert "is no store of results" in err
