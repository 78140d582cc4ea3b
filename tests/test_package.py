"""What the package promises as a whole: its front door, what it imports, and that it is offline."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import unmask
from unmask import conformance

ROOT = Path(__file__).parent.parent
HEAVY = ("torch", "scipy", "sklearn", "transformers", "accelerate", "skimage", "onnx")


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_front_door_is_small_and_sorted() -> None:
    assert list(unmask.__all__) == sorted(unmask.__all__)
    assert len(unmask.__all__) <= 16
    for name in unmask.__all__:
        assert name in dir(unmask)


def test_everything_in_the_front_door_is_documented() -> None:
    page = (ROOT / "docs" / "python.md").read_text("utf-8")
    for name in unmask.__all__:
        assert f"`{name}" in page, f"{name} is missing from docs/python.md"
        assert name.startswith("__") or getattr(unmask, name).__doc__


def test_import_of_the_package_is_light() -> None:
    told = run_python("import sys, unmask; print(*sys.modules)")
    assert not {"numpy", "cv2", "onnxruntime", "PIL", "rich"} & set(told.split())


def test_runtime_needs_no_deep_learning_framework() -> None:
    blocked = ", ".join(f"{name!r}: None" for name in HEAVY)
    sample = str(conformance.SAMPLES / "portrait.jpg")
    code = (
        f"import sys; sys.modules.update({{{blocked}}}); import unmask; "
        f"print(unmask.check({sample!r}).findings[0].verdict)"
    )
    assert run_python(code).strip() in {"no_evidence", "inconclusive", "likely_manipulated"}


def test_every_room_of_the_runtime_imports_without_the_lab() -> None:
    blocked = ", ".join(f"{name!r}: None" for name in HEAVY)
    code = (
        f"import sys; sys.modules.update({{{blocked}}})\n"
        "import pkgutil, importlib, unmask\n"
        "for found in pkgutil.walk_packages(unmask.__path__, 'unmask.'):\n"
        "    if not found.name.startswith(('unmask.lab', 'unmask.bench', 'unmask.__main__')):\n"
        "        importlib.import_module(found.name)\n"
    )
    run_python(code)


def test_cards_of_the_methods_are_listed_without_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from unmask.lab.method import cards\n"
        "assert cards() and all('title' in card for card in cards().values())"
    )
    run_python(code)


def test_check_opens_no_connection() -> None:
    sample = str(conformance.SAMPLES / "portrait.jpg")
    code = (
        "import socket\n"
        "def refuse(*args, **kwargs): raise AssertionError('a connection was opened')\n"
        "socket.socket.connect = socket.socket.bind = refuse\n"
        "socket.create_connection = socket.getaddrinfo = refuse\n"
        f"import unmask; unmask.check({sample!r})\n"
        "import sys; assert 'urllib.request' not in sys.modules"
    )
    run_python(code)


def test_module_runs_as_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "unmask", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"unmask {unmask.__version__}\n"
