from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNMASK_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "models"


def test_import_list_show_verify(unmask_cli: Any, tiny_bundle: Any, home: Path) -> None:
    folder = tiny_bundle("mine").folder
    code, out, _ = unmask_cli("models", "import", folder)
    assert (code, out) == (0, f"mine 1.0 {home / 'mine'}\n")
    code, out, _ = unmask_cli("models", "list")
    assert code == 0
    assert "mine" in out
    code, out, _ = unmask_cli("models", "list", "--json")
    assert [row["from"] for row in json.loads(out) if row["name"] == "mine"] == ["installed"]
    code, out, _ = unmask_cli("models", "show", "mine")
    assert json.loads(out)["title"] == "Tiny"
    code, out, _ = unmask_cli("models", "verify", "mine")
    assert code == 0
    assert out.startswith("ok      mine 1.0 sha256 ")


def test_import_twice_needs_replace(unmask_cli: Any, tiny_bundle: Any) -> None:
    folder = tiny_bundle("mine").folder
    assert unmask_cli("models", "import", folder)[0] == 0
    code, _, err = unmask_cli("models", "import", folder)
    assert code == 2
    assert err.endswith("[bad_option]\n")
    assert unmask_cli("models", "import", folder, "--replace")[0] == 0


def test_verify_tells_a_broken_one_and_goes_on(
    unmask_cli: Any, tiny_bundle: Any, home: Path
) -> None:
    for name in ("first", "second"):
        unmask_cli("models", "import", tiny_bundle(name).folder)
    (home / "first" / "model.onnx").write_bytes(b"changed")
    code, out, _ = unmask_cli("models", "verify", "first", "second")
    assert code == 2
    assert out.splitlines()[0].startswith("broken  first: ")
    assert out.splitlines()[1].startswith("ok      second ")


def test_show_unknown(unmask_cli: Any) -> None:
    code, out, err = unmask_cli("models", "show", "nobody")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.endswith("[unknown_detector]\n")
    assert err.count("\n") == 1


def test_fetch_from_a_wrong_file(unmask_cli: Any, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"x" * 232589)
    code, out, err = unmask_cli("models", "fetch", "yunet", "--from", wrong)
    assert (code, out) == (2, "")
    assert err.endswith("[fetch_altered]\n")


def test_fetch_installs(unmask_cli: Any, tiny_bundle: Any, monkeypatch: Any) -> None:
    made = tiny_bundle("mine")
    monkeypatch.setattr("unmask.models.fetch.fetch", lambda name, source: made)
    assert unmask_cli("models", "fetch", "mine")[:2] == (0, f"mine 1.0 {made.folder}\n")
