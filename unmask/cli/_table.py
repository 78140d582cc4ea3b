"""Findings as lines that a person reads in a terminal."""

from __future__ import annotations

from unmask.cli._text import safe
from unmask.types import Finding

HEAD = f"{'verdict':<18}  {'probability':<18}  input"


def line(finding: Finding) -> str:
    """One finding as one line: verdict, probability, path, then stretches and reasons.

    Example:
        >>> line(Finding("a.jpg", "image", None, "inconclusive", None, None, ("no_face",)))
        'inconclusive        -                   a.jpg: no_face'
    """
    told = [f"{s.start:.1f}-{s.end:.1f} s" for s in finding.segments] + list(finding.reasons)
    if finding.error:
        told = [f"{finding.error.message} [{finding.error.code}]"]
    ending = safe(f": {', '.join(told)}") if told else ""
    return f"{finding.verdict or '-':<18}  {_sure(finding):<18}  {safe(finding.path)}{ending}"


def _sure(finding: Finding) -> str:
    if finding.probability is None:
        return "-"
    if finding.interval is None:
        return f"{finding.probability:.2f}"
    low, high = finding.interval
    return f"{finding.probability:.2f} ({low:.2f}-{high:.2f})"
