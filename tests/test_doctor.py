from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from unmask import cli, conformance, doctor
from unmask.cli._guard import ending
from unmask.doctor import Sign


@pytest.fixture(autouse=True)
def sound_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """The conformance test has tests of its own."""
    monkeypatch.setattr(conformance, "run", lambda: iter([("portrait.jpg", [])]))


def signs() -> dict[str, Sign]:
    return {sign.name: sign for sign in doctor.examine()}


def test_what_is_looked_at() -> None:
    found = signs()
    assert found["numpy"] == Sign("numpy", metadata.version("numpy"))
    assert "CPUExecutionProvider" in found["providers"].value
    assert found["model face-finder"].state == "ok"
    assert found["golden portrait.jpg"] == Sign("golden portrait.jpg", "as recorded")
    assert {"extra [lab]", "extra [serve]"} <= set(found)


def test_missing_library_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "RUNTIME", ("no-such-library",))
    assert signs()["no-such-library"] == Sign("no-such-library", "not installed", "broken")


def test_extras_tell_what_they_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["numpy>=1", 'pytest>=8; extra == "dev"', "no-such-library>=2; extra == 'ray'"]
    monkeypatch.setattr(metadata, "requires", lambda name: lines)
    assert list(doctor._extras()) == [
        Sign("extra [dev]", "installed"),
        Sign("extra [ray]", "lacks no-such-library", "absent"),
    ]


def vision(monkeypatch: pytest.MonkeyPatch, run: Any) -> list[Sign]:
    versions = {"torch": "2.13.0+cpu", "torchvision": "0.28.0+cu130"}
    monkeypatch.setattr(doctor, "_version", versions.get)
    monkeypatch.setattr(subprocess, "run", run)
    return list(doctor._torchvision())


def test_no_torchvision_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda name: None)
    assert list(doctor._torchvision()) == []


def test_torchvision_that_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    done = subprocess.CompletedProcess([], 0, "", "")
    (sign,) = vision(monkeypatch, lambda *a, **k: done)
    assert sign == Sign("torchvision", "0.28.0+cu130 beside torch 2.13.0+cpu")


def test_torchvision_that_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    why = "Traceback …\nRuntimeError: operator torchvision::nms does not exist"
    done = subprocess.CompletedProcess([], 1, "", why)
    (sign,) = vision(monkeypatch, lambda *a, **k: done)
    assert sign.state == "broken"
    assert "operator torchvision::nms does not exist" in sign.value


def test_torchvision_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*words: Any, **options: Any) -> None:
        raise subprocess.TimeoutExpired("python", 300)

    assert vision(monkeypatch, run)[0].state == "broken"


def test_broken_model(tiny_bundle: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_bundle("mine").folder
    monkeypatch.setenv("UNMASK_HOME", str(tmp_path))
    folder.parent.rename(tmp_path / "models")
    (tmp_path / "models" / "mine" / "model.onnx").write_bytes(b"changed")
    sign = signs()["model mine"]
    assert sign.state == "broken"
    assert "[bundle_altered]" in sign.value


def unmask_doctor(*words: str) -> int:
    return ending(lambda: cli.parse(["doctor", *words]))


def test_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = [Sign("one", "1"), Sign("two\x1b", "2\x1b", "absent")]
    monkeypatch.setattr(doctor, "examine", lambda: iter(found))
    assert unmask_doctor() == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["absent", "two\\x1b", "2\\x1b"]
    assert unmask_doctor("--json") == 0
    assert json.loads(capsys.readouterr().out)[0] == {"name": "one", "value": "1", "state": "ok"}
    found.append(Sign("three", "3", "broken"))
    assert unmask_doctor() == 2


def test_update_golden(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(conformance, "record", lambda: done.append("recorded"))
    monkeypatch.setattr(doctor, "examine", lambda: iter(()))
    assert unmask_doctor("--update-golden") == 0
    assert done == ["recorded"]


def test_torch_stays_outside() -> None:
    code = (
        "import sys; from unmask import conformance, doctor\n"
        "conformance.run = lambda: iter(())\n"
        "list(doctor.examine()); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
