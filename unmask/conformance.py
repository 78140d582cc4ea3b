"""The shipped samples and the answers that they must get.

A wrong build, execution provider or model shows here before it shows in somebody's case. The
golden answers lie in `samples/golden.json` with the tolerance of each kind of number: decoders and
processors differ in the last digits, and that is no fault.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import unmask
from unmask.judge.bundle import embedded, resolve
from unmask.report import plain
from unmask.types import Finding

SAMPLES = Path(__file__).parent / "samples"
GOLDEN = SAMPLES / "golden.json"
TOLERANCE = {"probability": 0.02, "raw": 0.15, "box": 2.0, "start": 0.35, "end": 0.35}
"""Largest allowed difference by the name of the number: pixels for boxes, seconds for times."""


def run() -> Iterator[tuple[str, list[str]]]:
    """Compare the embedded models, then every sample's answer; yield a name and what differs.

    Raises:
        UnmaskError: When the samples cannot be examined at all.
    """
    golden = json.loads(GOLDEN.read_text("utf-8"))
    yield "models", list(differences(golden["models"], models(), {}))
    for name, expected in golden["samples"].items():
        yield name, list(differences(expected, answer(name), golden["tolerance"]))


def record() -> None:
    """Write the answers that this installation gives as the golden ones."""
    names = sorted(p.name for p in SAMPLES.iterdir() if p.suffix in {".jpg", ".mp4"})
    samples = {name: answer(name) for name in names}
    golden = {"models": models(), "tolerance": TOLERANCE, "samples": samples}
    GOLDEN.write_text(json.dumps(golden, indent=1) + "\n", "utf-8")


def models() -> dict[str, str]:
    """The embedded bundles and the sha256 of their networks."""
    return {name: resolve(name).card.model.sha256 for name in embedded()}


def answer(name: str) -> dict[str, Any]:
    """What `check` says of a sample, reduced to what must stay the same."""
    return essence(unmask.check(SAMPLES / name).findings[0])


def essence(finding: Finding) -> dict[str, Any]:
    """A finding's verdict, reasons, probability, faces with raw scores, and segments."""
    whole = plain.finding(finding)
    faces = [
        {
            "box": face["box"],
            "scores": {name: {"raw": score["raw"]} for name, score in face["scores"].items()},
        }
        for face in whole["faces"]
    ]
    segments = [{"start": s["start"], "end": s["end"]} for s in whole["segments"]]
    kept = {key: whole[key] for key in ("sha256", "verdict", "reasons", "probability")}
    return {**kept, "faces": faces, "segments": segments}


def differences(
    expected: Any, actual: Any, tolerance: Mapping[str, float], name: str = "answer"
) -> Iterator[str]:
    """Say where two JSON values differ by more than allowed.

    Args:
        expected: As recorded.
        actual: As found now.
        tolerance: Largest difference by the key that a number, or a list of them, stands under.
        name: The key that these values stand under.

    Example:
        >>> list(differences({"raw": 1.0}, {"raw": 1.3}, {"raw": 0.1}))
        ['raw is 1.3 instead of 1.0']
    """
    if isinstance(expected, dict) and isinstance(actual, dict) and expected.keys() == actual.keys():
        for key, value in expected.items():
            yield from differences(value, actual[key], tolerance, key)
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        for value, other in zip(expected, actual, strict=True):
            yield from differences(value, other, tolerance, name)
    elif isinstance(expected, float) and isinstance(actual, float):
        if abs(expected - actual) > tolerance.get(name, 0.0):
            yield f"{name} is {actual} instead of {expected}"
    elif expected != actual:
        yield f"{name} is {actual!r} instead of {expected!r}"
