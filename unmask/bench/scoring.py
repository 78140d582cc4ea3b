"""Scores of embedded detectors for many pictures, kept so that no picture is judged twice."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from unmask.bench.families import Item
from unmask.bench.shortcut import features
from unmask.faces.align import cut
from unmask.faces.find import Finder
from unmask.faces.landmarks import Landmarker
from unmask.judge.bundle import resolve
from unmask.judge.runtime import Detector
from unmask.lab.forge.blend import self_blend
from unmask.types import Face, Pixels


class Examiner:
    """The runtime's own way from a picture to each detector's logit for its largest face.

    Attributes:
        detectors: By name.
        version: Changes with any of the models, so that old scores are not mixed in.
    """

    def __init__(self, names: Sequence[str]) -> None:
        bundles = [resolve(name) for name in names]
        finder = resolve("face-finder")
        self.finder = Finder(finder)
        self.landmarker = Landmarker(resolve("face-landmarks"))
        self.detectors = {bundle.card.name: Detector(bundle) for bundle in bundles}
        shas = [bundle.card.model.sha256[:12] for bundle in (finder, *bundles)]
        self.version = "-".join(shas)

    def face(self, pixels: Pixels) -> Face | None:
        """The largest face."""
        return next(iter(self.finder.find(pixels)), None)

    def score(self, pixels: Pixels) -> dict[str, float | None]:
        """Logit by detector; `None` where there was no face or the crop recipe refused it."""
        face = self.face(pixels)
        return {
            name: None if face is None else logit(detector, pixels, face)
            for name, detector in self.detectors.items()
        }

    def forge(self, pixels: Pixels, rng: np.random.Generator) -> Pixels | None:
        """A self-blend of the largest face, or `None` without one."""
        face = self.face(pixels)
        points = None if face is None else self.landmarker.locate(pixels, [face])[0]
        return None if points is None else self_blend(pixels, points, rng)[0]


def logit(detector: Detector, pixels: Pixels, face: Face) -> float | None:
    """A detector's logit of a face, cut by its own recipe; `None` where that refuses the face."""
    score = detector.score([cut(pixels, face, detector.card.crop)])[0]
    return None if score is None else score.raw


@dataclass(frozen=True, slots=True)
class Scored:
    """What is kept of a picture: no pixels.

    Attributes:
        logits: By detector; `None` where it could not judge.
        features: Of the shortcut baseline.
    """

    logits: dict[str, float | None]
    features: list[float]


class Cache:
    """A JSON file of scores by picture key; another examiner's version starts afresh."""

    def __init__(self, path: Path, version: str) -> None:
        self.path, self.version = path, version
        self.rows: dict[str, Scored | None] = {}
        if path.exists():
            stored = json.loads(path.read_text(encoding="utf-8"))
            if stored["version"] == version:
                self.rows = {k: v and Scored(**v) for k, v in stored["rows"].items()}

    def save(self) -> None:
        """Write beside and swap in, so that an interrupted run loses nothing."""
        rows = {
            key: row and {"logits": row.logits, "features": row.features}
            for key, row in self.rows.items()
        }
        part = self.path.with_suffix(".part")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps({"version": self.version, "rows": rows}), encoding="utf-8")
        os.replace(part, self.path)


class Judges(Protocol):
    """What scores pictures: an `Examiner`, or a stand-in of the tests."""

    def score(self, pixels: Pixels) -> dict[str, float | None]:
        """Logit by detector."""
        ...


def run(items: Sequence[Item], examiner: Judges, cache: Cache) -> list[Scored | None]:
    """Scores of items, in order; `None` where no picture could be made."""
    for item in items:
        if item.key in cache.rows:
            continue
        picture = item.load()
        if picture is None:
            cache.rows[item.key] = None
            continue
        row = [round(float(value), 5) for value in features(*picture)]
        # Training items only serve the baseline: no detector is measured on them.
        judged = examiner.score(picture[0]) if item.split == "test" else {}
        cache.rows[item.key] = Scored(judged, row)
    cache.save()
    return [cache.rows[item.key] for item in items]
