"""Check the shipped samples and hold the answers against what is known about them.

Run it through `make demo`, or with any Python that has Unmask: python examples/demo.py --out demo
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

import unmask
from unmask import report as reports
from unmask.conformance import SAMPLES
from unmask.types import Evidence, Finding

FORGED = (5.0, 10.0)
"""Seconds of the video whose face was forged."""

Answer = tuple[bool, str]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("demo"), help="Folder for the reports.")
    out = parser.parse_args().out
    report = unmask.check([SAMPLES / name for name in EXPECTED])
    out.mkdir(exist_ok=True)
    for suffix in ("html", "json"):
        reports.write(report, out / f"report.{suffix}")
    right = [tell(finding) for finding in report.findings]
    print(f"\nHTML report: {(out / 'report.html').resolve()}")
    return 0 if all(right) else 1


def tell(finding: Finding) -> bool:
    name = Path(finding.path).name
    right, detail = EXPECTED[name](finding)
    sure = "-" if finding.probability is None else f"{finding.probability:.2f}"
    verdict = finding.verdict or "-"
    print(
        f"{name:<20} {verdict:<18} {sure:>5}  {'as expected' if right else 'WRONG':<11}  {detail}"
    )
    return right


def portrait(finding: Finding) -> Answer:
    return finding.verdict == "no_evidence", "a genuine portrait"


def twin(finding: Finding) -> Answer:
    share, area, inside = heat_in_mask(finding.faces[0])
    detail = (
        f"{share:.0%} of the heat lies in the forged region, {area:.0%} of the crop; "
        f"its peak lies {'inside' if inside else 'OUTSIDE'}"
    )
    return finding.verdict == "likely_manipulated" and share > area and inside, detail


def heat_in_mask(evidence: Evidence) -> tuple[float, float, bool]:
    """The region's share of the heat, its share of the crop, and whether the peak is in it."""
    assert evidence.crop is not None
    assert evidence.heat is not None
    mask = cv2.imread(str(SAMPLES / "portrait_forged.mask.png"), cv2.IMREAD_GRAYSCALE) / 255.0
    height, width = evidence.heat.shape
    forged = cv2.warpAffine(mask, evidence.crop.matrix, (width, height)) > 0.1
    peak = np.unravel_index(int(evidence.heat.argmax()), evidence.heat.shape)
    share = float(evidence.heat[forged].sum() / max(float(evidence.heat.sum()), 1e-9))
    return share, float(forged.mean()), bool(forged[peak])


def landscape(finding: Finding) -> Answer:
    return finding.reasons == ("no_face",), f"reasons: {', '.join(finding.reasons)}"


def crowd(finding: Finding) -> Answer:
    return len(finding.faces) == 12, f"{len(finding.faces)} of 12 faces found"


def video(finding: Finding) -> Answer:
    """The marked stretches must cover most of the forged seconds and little else."""
    start, end = FORGED
    inside = sum(max(0.0, min(s.end, end) - max(s.start, start)) for s in finding.segments)
    marked = sum(s.end - s.start for s in finding.segments)
    stretches = ", ".join(f"{s.start:.1f}-{s.end:.1f} s" for s in finding.segments) or "nothing"
    right = inside >= 0.8 * (end - start) and marked - inside <= 0.5
    return right, f"marked {stretches}; forged is {start:.1f}-{end:.1f} s"


EXPECTED: dict[str, Callable[[Finding], Answer]] = {
    "portrait.jpg": portrait,
    "portrait_forged.jpg": twin,
    "landscape.jpg": landscape,
    "crowd.jpg": crowd,
    "video.mp4": video,
}


if __name__ == "__main__":
    sys.exit(main())
