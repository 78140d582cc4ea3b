"""Unmask tells whether a face in a photo or a video is genuine, and shows the evidence.

    import unmask
    report = unmask.check("photo.jpg")
    for finding in report.findings:
        print(finding.path, finding.verdict, finding.probability)

Everything here is loaded when it is first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# ONNX Runtime 1.29 and later reports its use to its maker, and keeps a number for this machine in
# the user's cache. Only this, set before it is loaded, keeps it from doing so altogether.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

if TYPE_CHECKING:
    from unmask.errors import InputError, UnmaskError
    from unmask.lab.method import cards as list_methods
    from unmask.media import Limits, Sampling
    from unmask.pipeline import Examiner, check, list_detectors
    from unmask.report import write
    from unmask.types import Evidence, Face, Finding, Report

__all__ = [
    "Evidence",
    "Examiner",
    "Face",
    "Finding",
    "InputError",
    "Limits",
    "Report",
    "Sampling",
    "UnmaskError",
    "check",
    "list_detectors",
    "list_methods",
    "write",
]

_PLACES = {
    "Evidence": "unmask.types",
    "Examiner": "unmask.pipeline",
    "Face": "unmask.types",
    "Finding": "unmask.types",
    "InputError": "unmask.errors",
    "Limits": "unmask.media",
    "Report": "unmask.types",
    "Sampling": "unmask.media",
    "UnmaskError": "unmask.errors",
    "check": "unmask.pipeline",
    "list_detectors": "unmask.pipeline",
    "list_methods": "unmask.lab.method:cards",
    "write": "unmask.report",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'unmask' has no attribute {name!r}")
    module, _, attribute = _PLACES[name].partition(":")
    value = getattr(import_module(module), attribute or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
