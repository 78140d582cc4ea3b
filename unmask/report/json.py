"""JSON: one document, versioned, described by `report.schema.json` beside this file.

The output is pure ASCII, so that no console, pipe or line splitter can damage it, and it is
written finding by finding, so that memory does not grow with the report.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any, TextIO

from unmask.report import plain
from unmask.types import Report

SUFFIX = ".json"
VERSION = "unmask.report/1"


def write(report: Report, stream: TextIO) -> None:
    """Write the document: `schema`, `run`, `exit_code`, `findings`."""
    head = {"schema": VERSION, "run": plain.run(report.run), "exit_code": report.exit_code}
    stream.write(json.dumps(head, allow_nan=False)[:-1] + ', "findings": [')
    for index, finding in enumerate(report.findings):
        stream.write(",\n" if index else "\n")
        stream.write(json.dumps(plain.finding(finding), allow_nan=False))
    stream.write("\n]}\n")


def schema() -> dict[str, Any]:
    """The published JSON Schema (draft 2020-12).

    Example:
        >>> schema()["$id"]
        'urn:unmask:report:1'
    """
    source = resources.files("unmask.report").joinpath("report.schema.json")
    found: dict[str, Any] = json.loads(source.read_text("utf-8"))
    return found
