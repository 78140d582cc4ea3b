"""The demo's own arithmetic, and what it says of the quickest samples."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

import unmask
from unmask.conformance import SAMPLES
from unmask.types import Finding, Segment


@pytest.fixture(scope="module")
def demo() -> ModuleType:
    path = Path(__file__).parent.parent / "examples" / "demo.py"
    spec = importlib.util.spec_from_file_location("demo", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["portrait.jpg", "portrait_forged.jpg", "landscape.jpg"])
def test_photos_are_as_expected(demo: ModuleType, name: str) -> None:
    right, detail = demo.EXPECTED[name](unmask.check(SAMPLES / name).findings[0])
    assert right, detail


@pytest.mark.parametrize(
    ("stretches", "right"),
    [
        ([(5.0, 10.0)], True),
        ([(4.7, 10.0)], True),
        ([(5.1, 7.0), (7.2, 10.0)], True),
        ([(4.0, 10.0)], False),
        ([(6.5, 10.0)], False),
        ([], False),
    ],
)
def test_video(demo: ModuleType, stretches: list[tuple[float, float]], right: bool) -> None:
    segments = tuple(Segment(start, end, 0, 0.9) for start, end in stretches)
    finding = Finding("v", "video", None, "likely_manipulated", 0.9, None, (), segments=segments)
    assert demo.video(finding)[0] is right
