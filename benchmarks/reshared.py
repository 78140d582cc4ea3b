"""What `unmask check` says of files that were shared once more: 256 pixels, JPEG quality 90.

    python benchmarks/reshared.py --data DEV_ROOT [--out FILE.json]

Both classes of the test split go through the same shrinking and the same compression, so that
neither size nor compression tells them apart; what is measured is the command itself, its verdicts
and its probabilities. One score a photo, or a source video. Sources that no training saw are
marked: they say most about sources that nobody has seen.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from unmask.bench.alarms import widened
from unmask.bench.metrics import auc, interval
from unmask.lab.data import dev

SIDE, QUALITY, SEED = 256, 90, 0
FAMILIES = {
    "GAN faces": ("ffhq256_vs_stylegan_140k",),
    "face swaps": ("swap_meso", "swap_timit_norm"),
    "composites": ("ciplab_photoshop",),
    "morphs": ("morph_train_3dsk", "morph_train_canada"),
    "diffusion faces (genuine: studio, portraits)": (
        "diff_sfhq_t2i",
        "real_amfd",
        "portrait_seg_pvt",
    ),
}
BY_VIDEO = ("swap_meso", "swap_timit_norm")


@dataclass(frozen=True)
class Row:
    """A figure with its 95 % interval; `n` counts photos or source videos."""

    what: str
    metric: str
    value: float
    low: float
    high: float
    n: int
    unjudged: int


@dataclass(frozen=True)
class Told:
    """What the command told of one file; no probability where it could not judge."""

    sample: dev.Sample
    probability: float | None
    alarm: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--each", type=int, default=150, help="most photos of one set and class")
    parser.add_argument("--split", default="test")
    parser.add_argument("--as-is", action="store_true", help="leave the files as they are")
    options = parser.parse_args()
    chosen = choose(dev.samples(options.data), options.each, options.split)
    with tempfile.TemporaryDirectory() as work:
        places = [share(s, Path(work), number, options.as_is) for number, s in enumerate(chosen)]
        told = check(chosen, places)
    found = [*alarms(told), *separation(told)]
    for row in found:
        seen = f"{row.value:.3f} ({row.low:.3f} to {row.high:.3f})"
        print(f"{row.what:<48} {row.metric:<14} {seen:<26} n={row.n:<4} not judged {row.unjudged}")
    if options.out:
        options.out.write_text(json.dumps([asdict(row) for row in found], indent=1) + "\n")


def choose(samples: Sequence[dev.Sample], each: int, split: str) -> list[dev.Sample]:
    """At most so many photos of a set and class, by seed."""
    groups: dict[tuple[str, int], list[dev.Sample]] = defaultdict(list)
    for sample in samples:
        if sample.split == split and sample.path.suffix != ".mp4":
            groups[sample.set, sample.label].append(sample)
    rng = np.random.default_rng(SEED)
    return [g[i] for g in groups.values() for i in sorted(rng.permutation(len(g))[:each].tolist())]


def share(sample: dev.Sample, work: Path, number: int, as_is: bool) -> Path:
    """The file shrunk and compressed, under a name that tells nothing."""
    if as_is:
        return sample.path
    picture = cv2.imread(str(sample.path))
    scale = SIDE / max(picture.shape[:2])
    if scale < 1:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    place = work / f"{number:05d}.jpg"
    cv2.imwrite(str(place), picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return place


def check(samples: Sequence[dev.Sample], places: Sequence[Path]) -> list[Told]:
    """Ask the command, which reads the paths from standard input."""
    command = [sys.executable, "-m", "unmask", "check", "-", "--jsonl"]
    asked = "\n".join(str(place) for place in places)
    done = subprocess.run(command, input=asked, capture_output=True, text=True)
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    if len(findings) != len(samples):
        raise SystemExit(f"{len(samples)} files, {len(findings)} findings\n{done.stderr}")
    return [
        Told(s, f["probability"], f["verdict"] == "likely_manipulated")
        for s, f in zip(samples, findings, strict=True)
    ]


def alarms(told: Sequence[Told]) -> list[Row]:
    """Share of genuine photos over the default threshold, by source and over all sources."""
    by_source: dict[str, list[Told]] = defaultdict(list)
    for one in told:
        if not one.sample.label:
            by_source[one.sample.set].append(one)
    rows = [alarm_row(source, group) for source, group in sorted(by_source.items())]
    unseen = [one for s in sorted(dev.UNSEEN_SETS) for one in by_source[s]]
    everything = [one for group in by_source.values() for one in group]
    return [*rows, alarm_row("unseen sources", unseen), alarm_row("all sources", everything)]


def alarm_row(name: str, group: Sequence[Told]) -> Row:
    judged = [one for one in group if one.probability is not None]
    values = np.array([one.alarm for one in judged], float)
    share, units = float(values.mean()), [one.sample.unit for one in judged]
    rank = np.arange(len(values)) % 2  # the resampler wants labels; they are not looked at
    drawn = interval(lambda _, v: float(v.mean()), rank, values, units, draws=500, seed=SEED)
    _, (low, high) = widened((share, drawn), len(set(units)))
    mark = name + (" (unseen)" if name in dev.UNSEEN_SETS else "")
    left = len(group) - len(judged)
    return Row(mark, "false alarms", share, low, high, len(values), left)


def separation(told: Sequence[Told]) -> list[Row]:
    """AUC of each family, and of each of its sets that has both classes."""
    rows = []
    for family, sets in FAMILIES.items():
        rows.append(auc_row(family, [one for one in told if one.sample.set in sets]))
        for name in sets:
            group = [one for one in told if one.sample.set == name]
            if len(sets) > 1 and len({one.sample.label for one in group}) == 2:
                rows.append(auc_row(f"  {name}", group))
    return rows


def auc_row(name: str, group: Sequence[Told]) -> Row:
    """One score a photo or source video: the mean of its judged frames."""
    scores: dict[tuple[str, int], list[float]] = defaultdict(list)
    for one in group:
        if one.probability is not None:
            by_video = one.sample.set in BY_VIDEO
            unit = one.sample.unit if by_video else str(one.sample.path)
            scores[unit, one.sample.label].append(one.probability)
    label = np.array([key[1] for key in scores])
    values = np.array([np.mean(each) for each in scores.values()])
    low, high = interval(auc, label, values, [key[0] for key in scores], draws=500, seed=SEED)
    left = sum(one.probability is None for one in group)
    return Row(name, "AUC", auc(label, values), low, high, len(values), left)


if __name__ == "__main__":
    main()
