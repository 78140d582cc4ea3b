"""Analyses as the JSON documents that the API gives."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from unmask.serve.events import Progress
from unmask.serve.problems import STATUS, document
from unmask.serve.records import Record

NULL = b"null"


def analysis(
    record: Record, progress: Progress, report: bytes | None = None, pictures: bytes | None = None
) -> bytes:
    """An analysis as JSON.

    Args:
        record: From the store.
        progress: From the board.
        report: The report's JSON; set in as it is, since it may be large.
        pictures: JSON of what pictures there are, likewise.
    """
    head = json.dumps(_common(record, progress))[:-1].encode()
    return b'%b, "report": %b, "pictures": %b}' % (head, report or NULL, pictures or NULL)


def summary(record: Record, progress: Progress) -> dict[str, Any]:
    """An analysis as the list shows it."""
    return _common(record, progress) | {"verdicts": record.verdicts or []}


def _common(record: Record, progress: Progress) -> dict[str, Any]:
    return {
        "id": record.id,
        "state": record.state,
        "created": moment(record.created),
        "finished": moment(record.finished),
        "expires": moment(record.expires),
        "files": record.files,
        "options": record.options,
        "progress": asdict(progress),
        "exit_code": record.exit_code,
        "error": _problem(record),
    }


def _problem(record: Record) -> dict[str, Any] | None:
    if record.error is None:
        return None
    code = record.error["code"]
    return document(code, record.error["message"], STATUS.get(code, 422))


def moment(seconds: float | None) -> str | None:
    """Seconds since 1970 as ISO 8601, UTC.

    Example:
        >>> moment(0.25)
        '1970-01-01T00:00:00.250Z'
    """
    if seconds is None:
        return None
    told = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return told.replace("+00:00", "Z")
