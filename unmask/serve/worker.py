"""A worker process: examines what it is told to, and ends when nobody talks to it any more.

    python -m unmask.serve.worker

Reads one JSON object a line from standard input (see `Job`) and writes one a line to standard
output: `{"ready": true}` once the models are loaded, `{"progress": [file, share]}` on the way,
`{"writing": true}` when only the results are left to be written, so that the next job may come,
then `{"done": {…}}` or `{"failed": {…}}`. The end of standard input ends the process at once, in
the middle of a video too: the server is gone, and will hand the work out again.
"""

from __future__ import annotations

import json
import os
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

EVERY = 0.1
"""Seconds between two words about progress."""

KEPT = 3
"""Sets of options whose models stay loaded."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to examine.

    Attributes:
        files: Path and name of each.
        options: As `unmask.serve.options.Options` tells them.
        limits: As `unmask.media.Limits` takes them.
        models: sha256 of the networks; others are not used in their place.
        out: File to be made for the results.
    """

    files: list[tuple[str, str]]
    options: Mapping[str, Any]
    limits: Mapping[str, Any]
    models: list[str]
    out: str


class Line:
    """The pipes to the server."""

    def __init__(self, told: BinaryIO, asked: BinaryIO) -> None:
        self._told, self._asked = told, asked
        self._last = 0.0
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def say(self, **message: Any) -> None:
        """Tell the server something."""
        self._told.write(json.dumps(message).encode() + b"\n")
        self._told.flush()

    def progress(self, file: int, share: float) -> None:
        """Tell how far it is, but not all the time."""
        if time.monotonic() - self._last >= EVERY:
            self._last = time.monotonic()
            self.say(progress=[file, round(share, 4)])

    def jobs(self) -> Iterator[Job]:
        """What the server asks for, without end."""
        while True:
            yield self._jobs.get()

    def _listen(self) -> None:
        for line in self._asked:
            self._jobs.put(Job(**json.loads(line)))
        os._exit(0)


def main() -> None:
    """Work until the server is gone."""
    from unmask.cli._check import KEPT as BYTES
    from unmask.memory import keep_freed

    line = Line(*_pipes())
    _no_core()
    _keep_to_one_core()
    keep_freed(BYTES)
    examiner("{}", "{}")
    line.say(ready=True)
    for job in line.jobs():
        _work(job, line)


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Standard output and input, taken away from libraries that print."""
    told = os.fdopen(os.dup(1), "wb")
    asked = os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    return told, asked


def _keep_to_one_core() -> None:
    """There is a worker for each; OpenCV's own threads would only take turns with the others."""
    import cv2

    cv2.setNumThreads(1)


def _no_core() -> None:
    """A crash must not leave somebody's photos in a core file."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@lru_cache(maxsize=KEPT)
def examiner(options: str, limits: str, models: str = "") -> Any:
    """An examiner for options and limits, given as JSON; `models` tells replaced ones apart."""
    from unmask.media import Limits, Sampling
    from unmask.pipeline import Examiner

    asked = json.loads(options)
    return Examiner(
        detectors=asked.get("detectors"),
        at=asked.get("at", "fpr=0.05"),
        promise=asked.get("promise"),
        limits=Limits(**json.loads(limits)),
        sampling=Sampling(frames=asked.get("frames", 32), fps=asked.get("fps")),
        threads=1,
        pictures=asked.get("pictures", True),
    )


def _work(job: Job, line: Line) -> None:
    """Do one job and say how it ended."""
    from unmask.errors import UnmaskError

    try:
        line.say(done=_done(job, line))
    except UnmaskError as error:
        line.say(failed={"code": error.code, "message": error.message})


def _done(job: Job, line: Line) -> dict[str, Any]:
    """Examine the files, write the results, and tell what the list of analyses shows of them."""
    from unmask.errors import ServeError
    from unmask.serve.results import write
    from unmask.types import Report

    _refuse_links(job)
    tool = examiner(json.dumps(job.options), json.dumps(job.limits), json.dumps(job.models))
    findings = []
    for index, (path, name) in enumerate(job.files):
        line.progress(index, 0.0)
        found = tool.examine(path, lambda share, index=index: line.progress(index, share))
        findings.append(_named(found, path, name))
    report = Report(tool.run, tuple(findings))
    line.say(writing=True)
    try:
        write(report, Path(job.out))
    except OSError as error:  # it names a path that is nobody's business
        raise ServeError("storage_full", "The results could not be written.") from error
    return {
        "exit_code": report.exit_code,
        "verdicts": [
            {
                "name": finding.path,
                "kind": finding.kind,
                "verdict": finding.verdict,
                "probability": finding.probability,
                "reasons": list(finding.reasons),
            }
            for finding in findings
        ],
    }


def _refuse_links(job: Job) -> None:
    """Nothing is read or written behind a link that somebody put into the data folder."""
    from unmask.errors import ServeError

    for path, _ in job.files:
        file = Path(path)
        if any(place.is_symlink() for place in (file, file.parent, file.parent.parent)):
            raise ServeError("not_found", "An upload is not where it was put.")


def _named(finding: Any, path: str, name: str) -> Any:
    """The finding under the name that the file was uploaded with, the server's path nowhere."""
    told = {"path": name, "notes": tuple(note.replace(path, name) for note in finding.notes)}
    if finding.media:
        told["media"] = replace(finding.media, path=name)
    if finding.error:
        told["error"] = replace(finding.error, message=finding.error.message.replace(path, name))
    return replace(finding, **told)


if __name__ == "__main__":
    main()
