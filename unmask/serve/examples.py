"""Examples for the API's description; a test holds them against the schemas."""

from __future__ import annotations

from typing import Any, Final

_ID: Final = "3f0a1c9be7d24c5f8a6b7d0e1f2a3b4c"
_SHA256: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

PROBLEM: Final[dict[str, Any]] = {
    "type": "urn:unmask:problem:not_found",
    "title": "Not Found",
    "status": 404,
    "detail": "There is no such analysis.",
    "code": "not_found",
}

_COMMON: Final[dict[str, Any]] = {
    "id": _ID,
    "state": "done",
    "created": "2026-03-01T12:00:00.000Z",
    "finished": "2026-03-01T12:00:00.412Z",
    "expires": "2026-03-08T12:00:00.412Z",
    "files": [{"name": "portrait.jpg", "bytes": 68052, "sha256": _SHA256}],
    "options": {
        "detectors": None,
        "at": "fpr=0.05",
        "promise": None,
        "frames": 32,
        "fps": None,
        "pictures": True,
    },
    "progress": {"done": 1.0, "file": 0, "files": 1},
    "exit_code": 0,
    "error": None,
}

_FINDING: Final[dict[str, Any]] = {
    "path": "portrait.jpg",
    "kind": "image",
    "sha256": _SHA256,
    "verdict": "no_evidence",
    "probability": 0.08,
    "interval": [0.06, 0.1],
    "reasons": [],
    "notes": [],
    "faces": [],
    "segments": [],
    "media": None,
    "error": None,
}

_RUN: Final[dict[str, Any]] = {
    "version": "0.1.0",
    "created": "2026-03-01T12:00:00+00:00",
    "provider": "CPUExecutionProvider",
    "threads": 1,
    "operating_point": "fpr=0.05",
    "threshold": 0.71,
    "detectors": [{"name": "face-forgery", "version": "1.0", "sha256": _SHA256, "threshold": 0.7}],
}

ANALYSIS: Final[dict[str, Any]] = _COMMON | {
    "report": {
        "schema": "unmask.report/1",
        "run": _RUN,
        "exit_code": 0,
        "findings": [_FINDING],
    },
    "pictures": [{"preview": {"name": "0-preview.jpg", "width": 640, "height": 480}, "faces": []}],
}

LISTING: Final[dict[str, Any]] = {
    "analyses": [
        _COMMON
        | {
            "verdicts": [
                {
                    "name": "portrait.jpg",
                    "kind": "image",
                    "verdict": "no_evidence",
                    "probability": 0.08,
                    "reasons": [],
                }
            ]
        }
    ],
    "next": None,
}

DETECTORS: Final[dict[str, Any]] = {
    "detectors": [
        {
            "name": "face-forgery",
            "version": "1.0",
            "task": "face-forgery",
            "title": "Blended faces",
            "description": "Finds the seam of a pasted face.",
            "limits": ["Strong compression hides the seam."],
            "default": True,
            "sha256": _SHA256,
        }
    ]
}

EVENT: Final[dict[str, Any]] = {
    "event": "progress",
    "data": '{"state": "running", "progress": {"done": 0.37, "file": 0, "files": 1}}',
}
