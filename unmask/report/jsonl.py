"""JSON Lines: one finding a line, written as soon as it is known."""

from __future__ import annotations

import json
from typing import TextIO

from unmask.report import plain
from unmask.types import Finding, Report

SUFFIX = ".jsonl"
VERSION = "unmask.finding/1"


def line(finding: Finding) -> str:
    """One finding as one line of ASCII, without the line feed.

    Example:
        >>> lost = Finding("a.jpg", "unknown", None, None, None, None, reasons=())
        >>> line(lost)[:55]
        '{"schema": "unmask.finding/1", "path": "a.jpg", "kind":'
    """
    return json.dumps({"schema": VERSION, **plain.finding(finding)}, allow_nan=False)


def write(report: Report, stream: TextIO) -> None:
    """Write a line per finding, in the order of the inputs."""
    for finding in report.findings:
        stream.write(line(finding) + "\n")
