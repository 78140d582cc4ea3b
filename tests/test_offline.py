"""Nothing is told to anyone, and nothing is kept that was not asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import unmask

CHECK = """
import socket, unmask
def refused(*_): raise AssertionError("a socket")
socket.socket.connect = refused
assert unmask.check({photo!r}).findings[0].error is None
"""


def test_a_check_leaves_no_file_behind(tmp_path: Path) -> None:
    """ONNX Runtime's telemetry keeps a number for the machine and a queue of what it will tell."""
    photo = str(Path(unmask.__file__).parent / "samples" / "portrait.jpg")
    places = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_DATA_HOME"), str(tmp_path))
    quiet = os.environ | places | {"PYTHONDONTWRITEBYTECODE": "1"}
    quiet.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", CHECK.format(photo=photo)], check=True, env=quiet)
    assert list(tmp_path.rglob("*")) == []


def test_it_is_off_before_the_runtime_is_loaded() -> None:
    told = "import unmask, sys, os; print(os.environ[{!r}], 'onnxruntime' in sys.modules)"
    told = told.format("ORT_DISABLE_TELEMETRY")
    done = subprocess.run([sys.executable, "-c", told], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["1", "False"]
