"""Small trees of the layouts: every reader's test is `sets/test_<reader>.py` and describes one.

It names the `FILES` of the tree, or where names are not enough exports `build(root)`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pytest

SETS = Path(__file__).parent / "sets"


def touch(names: Iterable[str], root: Path) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.fixture
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The tree of the module's `FILES`, all empty."""
    touch(request.module.FILES, tmp_path)
    return tmp_path


@pytest.fixture
def builder() -> Callable[[str], Callable[[Path], None]]:
    """From a reader's name to what makes its tree in a folder."""

    def find(name: str) -> Callable[[Path], None]:
        spec = importlib.util.spec_from_file_location(f"tree_of_{name}", SETS / f"test_{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        build: Callable[[Path], None] = getattr(module, "build", None) or partial(
            touch, module.FILES
        )
        return build

    return find
