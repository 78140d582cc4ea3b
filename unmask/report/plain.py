r"""The nouns as JSON-ready dicts: the one place that decides how a field is told to programs.

Two rules hold throughout. A number that is not finite becomes `None`, and so does a box, an
interval or a point set with such a number in it. Text is always encodable: a byte of a file name
that is not UTF-8 becomes `\xNN`, a lone surrogate `\uNNNN`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from unmask.types import Evidence, Fact, Finding, Media, Quality, Run, Score

Plain = dict[str, Any]

DIGITS = 6
"""Decimals of a number, unless it is told otherwise."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def text(value: str) -> str:
    r"""Text that every encoder takes.

    Example:
        >>> text("caf\udce9.jpg")
        'caf\\xe9.jpg'
    """
    return _SURROGATE.sub(_escape, value)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    # Python keeps the undecodable byte NN of a file name as the surrogate DCNN.
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def number(value: float | None, digits: int = DIGITS) -> float | None:
    """A finite number, rounded to `digits` decimals, or `None`.

    Example:
        >>> number(float("nan")) is None, number(0.12345678)
        (True, 0.123457)
    """
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), digits)


def numbers(values: Iterable[float] | None, digits: int = DIGITS) -> list[float] | None:
    """A list of finite numbers, or `None` when one of them is not."""
    found = [number(value, digits) for value in values or ()]
    return [x for x in found if x is not None] if found and None not in found else None


def run(value: Run) -> Plain:
    """How the answers were made."""
    return {
        "version": text(value.version),
        "created": text(value.created),
        "provider": text(value.provider),
        "threads": value.threads,
        "operating_point": text(value.operating_point),
        "threshold": number(value.threshold),
        "detectors": [
            {
                "name": text(detector.name),
                "version": text(detector.version),
                "sha256": text(detector.sha256),
                "threshold": number(detector.threshold),
            }
            for detector in value.detectors
        ],
    }


def finding(value: Finding) -> Plain:
    """The answer for one input; pictures and heat maps are left to the HTML page."""
    return {
        "path": text(value.path),
        "kind": value.kind,
        "sha256": value.sha256,
        "verdict": value.verdict,
        "probability": number(value.probability),
        "interval": numbers(value.interval),
        "reasons": [text(reason) for reason in value.reasons],
        "notes": [text(note) for note in value.notes],
        "faces": [_evidence(evidence) for evidence in value.faces],
        "segments": [
            {
                "start": number(segment.start, 3),
                "end": number(segment.end, 3),
                "track": segment.track,
                "probability": number(segment.probability),
            }
            for segment in value.segments
        ],
        "media": _media(value.media) if value.media else None,
        "error": {"code": value.error.code, "message": text(value.error.message)}
        if value.error
        else None,
    }


def _media(value: Media) -> Plain:
    return {
        "format": text(value.format),
        "width": value.width,
        "height": value.height,
        "duration": number(value.duration, 3),
        "frame_rate": number(value.frame_rate, 3),
        "facts": [_fact(fact) for fact in value.facts],
    }


def _fact(value: Fact) -> Plain:
    told: Any = value.value
    if isinstance(told, str):
        told = text(told)
    elif isinstance(told, float):
        told = number(told)
    return {"name": text(value.name), "value": told, "note": text(value.note)}


def _evidence(value: Evidence) -> Plain:
    face = value.face
    points = numbers((float(x) for x in face.points.ravel()), 2)
    return {
        "box": numbers(face.box, 2),
        "time": number(value.time, 3),
        "track": face.track,
        "confidence": number(face.confidence),
        "points": [points[i : i + 2] for i in range(0, len(points), 2)] if points else None,
        "probability": number(value.probability),
        "interval": numbers(value.interval),
        "quality": _quality(face.quality) if face.quality else None,
        "reasons": [text(reason) for reason in value.reasons],
        "scores": {text(score.detector): _score(score) for score in value.scores},
    }


def _quality(value: Quality) -> Plain:
    return {
        "score": number(value.score),
        "size": number(value.size, 2),
        "parts": {text(name): number(part) for name, part in value.parts.items()},
        "reasons": [text(reason) for reason in value.reasons],
    }


def _score(value: Score) -> Plain:
    return {
        "raw": number(value.raw),
        "probability": number(value.probability),
        "interval": numbers(value.interval),
    }
