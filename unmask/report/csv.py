r"""CSV for spreadsheets: one row per input and face; an input without a face has one row too.

The first columns are always the same, then each detector has four. Text that a spreadsheet could
take for a formula gets an apostrophe in front, and line breaks are written as `\n`, so that one
row is always one line.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import TextIO

from unmask.report import plain
from unmask.types import Evidence, Finding, Interval, Report

SUFFIX = ".csv"
INPUT = ("path", "kind", "sha256", "verdict", "probability", "low", "high", "reasons")
FACE = (
    *("face", "track", "time", "x0", "y0", "x1", "y1", "confidence", "quality"),
    *("face_probability", "face_low", "face_high", "face_reasons"),
)
ERROR = ("error_code", "error_message")
SCORE = ("raw", "probability", "low", "high")

Cell = str | float | None

# A semicolon starts a new cell where the decimal sign is a comma.
_FORMULA = re.compile(r"(^|;)(\s*)(?=[=+\-@＝＋－＠])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def write(report: Report, stream: TextIO) -> None:
    """Write the header and all rows."""
    detectors = _detectors(report)
    rows = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    rows.writerow(columns(detectors))
    for finding in report.findings:
        for row in _rows(finding, detectors):
            rows.writerow(["" if cell is None else cell for cell in row])


def columns(detectors: list[str]) -> list[str]:
    """The header: fixed columns, then `raw`, `probability`, `low`, `high` of each detector.

    Example:
        >>> columns(["trace"])[-4:]
        ['trace.raw', 'trace.probability', 'trace.low', 'trace.high']
    """
    scores = [f"{safe(name)}.{part}" for name in detectors for part in SCORE]
    return [*INPUT, *FACE, *ERROR, *scores]


def safe(value: str) -> str:
    """Text that a spreadsheet shows instead of computing it.

    Example:
        >>> safe("=1+1.jpg")
        "'=1+1.jpg"
    """
    shown = _CONTROL.sub(lambda match: repr(match[0])[1:-1], plain.text(value))
    return _FORMULA.sub(r"\1\2'", shown)


def _detectors(report: Report) -> list[str]:
    """Those of the run, then any other that left a score, so that none is lost."""
    seen = [s.detector for f in report.findings for e in f.faces for s in e.scores]
    return list(dict.fromkeys([d.name for d in report.run.detectors] + seen))


def _rows(finding: Finding, detectors: list[str]) -> Iterator[list[Cell]]:
    head: list[Cell] = [
        safe(finding.path),
        finding.kind,
        finding.sha256,
        finding.verdict,
        *_certainty(finding.probability, finding.interval),
        safe(" ".join(finding.reasons)),
    ]
    tail: list[Cell] = [finding.error.code, safe(finding.error.message)] if finding.error else []
    tail += [None] * (len(ERROR) - len(tail))
    if not finding.faces:
        yield head + [None] * len(FACE) + tail + [None] * (len(SCORE) * len(detectors))
    for index, evidence in enumerate(finding.faces):
        yield head + _face(index + 1, evidence) + tail + _scores(evidence, detectors)


def _face(position: int, evidence: Evidence) -> list[Cell]:
    face = evidence.face
    return [
        position,
        face.track,
        plain.number(evidence.time, 3),
        *(plain.number(side, 2) for side in face.box),
        plain.number(face.confidence),
        plain.number(face.quality.score) if face.quality else None,
        *_certainty(evidence.probability, evidence.interval),
        safe(" ".join(evidence.reasons)),
    ]


def _scores(evidence: Evidence, detectors: list[str]) -> list[Cell]:
    by_name = {score.detector: score for score in evidence.scores}
    cells: list[Cell] = []
    for name in detectors:
        score = by_name.get(name)
        if score is None:
            cells += [None] * len(SCORE)
        else:
            cells += [plain.number(score.raw), *_certainty(score.probability, score.interval)]
    return cells


def _certainty(probability: float | None, interval: Interval | None) -> list[Cell]:
    low, high = plain.numbers(interval) or (None, None)
    return [plain.number(probability), low, high]
