"""What `unmask check` does, once its command line is understood; imports as late as it can."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unmask.media import Limits, Sampling
    from unmask.pipeline import Examiner
    from unmask.types import Finding, Report

AT = "fpr=0.05"
KEPT = 16_000_000
"""Freed bytes kept for the next photo; twice as many made no difference."""


def check(
    paths: Sequence[str],
    *,
    out: Sequence[Path] = (),
    jsonl: bool = False,
    detectors: Sequence[str] | None = None,
    finder: str | None = None,
    at: str = AT,
    promise: float | None = None,
    limits: Mapping[str, float | None] | None = None,
    frames: str | None = None,
    fps: float | None = None,
    threads: int | None = None,
) -> int:
    """Examine, tell on stdout, write the reports; returns the exit code."""
    from unmask.memory import keep_freed
    from unmask.pipeline import Examiner

    keep_freed(KEPT)
    write = _writer(out)
    examiner = Examiner(
        detectors=detectors,
        finder=finder,
        at=at,
        promise=promise,
        limits=_limits(limits or {}),
        sampling=_sampling(frames, fps),
        threads=threads,
        pictures=bool(out),
        history=bool(out) or jsonl,
    )
    report = _tell(examiner, paths, jsonl, whole=bool(out))
    write(report)
    return report.exit_code


def _writer(out: Sequence[Path]) -> Callable[[Report], None]:
    """What writes the reports at the end; a wrong file name is told now."""
    if not out:
        return lambda report: None
    from unmask import report as reports

    for path in out:
        reports.choose(path)

    def write(report: Report) -> None:
        for path in out:
            reports.write(report, path)

    return write


def _tell(examiner: Examiner, paths: Sequence[str], jsonl: bool, whole: bool) -> Report:
    """Print each finding as it comes; keep them, without pictures unless reports need those."""
    from unmask.cli._progress import followed
    from unmask.media import walk
    from unmask.types import Report

    line, findings = _liner(jsonl), []
    for finding in followed(examiner.stream(walk(paths, sys.stdin)), _counter(paths), "inputs"):
        print(line(finding), flush=True)
        findings.append(finding if whole else _bare(finding))
    return Report(examiner.run, tuple(findings))


def _limits(asked: Mapping[str, float | None]) -> Limits:
    from unmask.media import Limits

    given: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    if "bytes" in given:
        given["photo_bytes"] = given["bytes"]
    return Limits(**given)


def _sampling(frames: str | None, fps: float | None) -> Sampling:
    from unmask.errors import ConfigError
    from unmask.media import Sampling

    if frames and fps is not None:
        raise ConfigError("bad_option", "Give --frames or --fps, not both.")
    if fps is not None:
        return Sampling(fps=fps)
    if frames == "all":
        return Sampling(frames=None)
    try:
        return Sampling() if frames is None else Sampling(frames=int(frames))
    except ValueError:
        raise ConfigError("bad_option", f"--frames takes a number or all, not {frames}.") from None


def _liner(jsonl: bool) -> Callable[[Finding], str]:
    """How a finding is put on stdout."""
    if jsonl:
        from unmask.report.jsonl import line

        return line
    from unmask.cli import _table

    print(_table.HEAD, flush=True)
    return _table.line


def _counter(paths: Sequence[str]) -> Callable[[], int | None]:
    """How many inputs there will be, unless they come from stdin and only it knows."""
    from unmask.media import walk

    return lambda: None if "-" in paths else sum(1 for _ in walk(paths))


def _bare(finding: Finding) -> Finding:
    """A finding without its pictures: all that the exit code needs when there is no report."""
    from dataclasses import replace

    return replace(finding, faces=(), media=None, preview=None)
