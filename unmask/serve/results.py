"""The results of an analysis as files: the reports, and the pictures that the page shows."""

from __future__ import annotations

import json
from pathlib import Path

from unmask.report import write as write_report
from unmask.serve import pictures
from unmask.serve.folder import PICTURES, REPORTS
from unmask.types import Report


def write(report: Report, folder: Path) -> None:
    """Write all files into a new folder.

    Args:
        report: With the names that the files were uploaded with.
        folder: To be made.
    """
    folder.mkdir(mode=0o700)
    for name in REPORTS:
        write_report(report, folder / name)
    shown = [
        pictures.save(finding, number, folder) for number, finding in enumerate(report.findings)
    ]
    (folder / PICTURES).write_text(json.dumps(shown))
