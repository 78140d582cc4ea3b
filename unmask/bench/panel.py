"""Everyone who looks at a picture: all detectors of a run, and the baseline that sees no face.

Each file is opened and each face found once for all of them, by the runtime's own finder. The
largest face counts. What was scored before comes from the store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from unmask.bench import metrics, perturb
from unmask.bench.adapters import Judge
from unmask.bench.cases import key, unit
from unmask.bench.measures import Judged
from unmask.bench.shortcut import features
from unmask.bench.store import Key, Store, file_key
from unmask.errors import InputError, LabError
from unmask.faces.find import Finder
from unmask.judge.bundle import resolve
from unmask.lab.data.layout import Sample
from unmask.lab.data.sets import deepfakebench
from unmask.media import Limits, Sampling, open_media
from unmask.media.photo import read_photo
from unmask.media.sniff import HEAD, sniff
from unmask.types import Face, Pixels

SHORTCUT = "shortcut-1"
"""Stands for the baseline's features among the detectors; another number for other features."""
Tables = Mapping[int, Sequence[int]]
Step = tuple[str, int] | None
"""A perturbation and its severity; `None` for the untouched picture."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is known of one photo, or of one frame of a video.

    Attributes:
        sample: Whose it is.
        scores: One a detector, NaN where it could not judge.
        alarms: Probabilities from which each of them says "manipulated" of this face.
        features: Of the shortcut baseline; empty when not asked for.
    """

    sample: Sample
    scores: npt.NDArray[np.float64]
    alarms: npt.NDArray[np.float64]
    features: list[float]


class Panel:
    """Looks at samples with all detectors.

    Attributes:
        judges: The detectors.
        finder: sha256 of the finder's network.
    """

    def __init__(self, judges: Sequence[Judge], store: Store, frames: int, seed: int) -> None:
        bundle = resolve("face-finder")
        self.judges, self.finder = tuple(judges), bundle.card.model.sha256
        self._store, self._frames, self._seed = store, frames, seed
        self._find = Finder(bundle).find

    def looks(
        self,
        samples: Iterable[Sample],
        step: Step = None,
        *,
        judged: bool = True,
        plain: bool = True,
    ) -> Iterator[Look]:
        """All photos and frames of some samples; files that cannot be read give one blind look.

        Args:
            samples: In any order; looks come in the same one.
            step: What is done to every picture first.
            judged: Whether the detectors are asked.
            plain: Whether the baseline's features are wanted.
        """
        wanted = [*(j.sha256 for j in self.judges if judged), *([SHORTCUT] if plain else [])]
        for sample in samples:
            name = file_key(sample.path)
            count = self._count(name, sample)
            known = count is not None and all(
                self._key(name, n, who, step) in self._store for n in range(count) for who in wanted
            )
            if not known:
                count = self._examine(name, sample, step, wanted)
            yield from (self._look(name, sample, n, step, judged, plain) for n in range(count or 0))
            if not count:
                blind = np.full(len(self.judges), np.nan)
                yield Look(sample, blind, blind, [])

    def _key(self, name: str, frame: int, who: str, step: Step) -> Key:
        finder = "" if who == SHORTCUT else self.finder
        return name, frame, who, finder, f"{step[0]}:{step[1]}:{self._seed}" if step else ""

    def _count(self, name: str, sample: Sample) -> int | None:
        """How many frames a file gave, if it was opened before."""
        if (key := self._counted(name, sample)) in self._store:
            return int(self._store[key][0])
        return None

    def _counted(self, name: str, sample: Sample) -> Key:
        return name, self._frames if sample.kind == "clip" else 1, "frames", "", ""

    def _examine(self, name: str, sample: Sample, step: Step, wanted: Sequence[str]) -> int:
        try:
            pictures = list(_pictures(sample, self._frames))
        except (InputError, LabError):
            self._store.add(self._counted(name, sample), [0])
            return 0
        seed = _seed(self._seed, sample)
        if step:
            # A codec sees the frames of a clip together, as it does outside of a bench.
            worn = perturb.apply_frames(step[0], [p for p, _ in pictures], step[1], seed)
            pictures = [(pixels, {}) for pixels in worn]
        for number, (pixels, tables) in enumerate(pictures):
            self._score(name, number, pixels, tables, step, wanted)
        self._store.add(self._counted(name, sample), [len(pictures)])
        return len(pictures)

    def _score(
        self,
        name: str,
        number: int,
        pixels: Pixels,
        tables: Tables,
        step: Step,
        wanted: Sequence[str],
    ) -> None:
        missing = [w for w in wanted if self._key(name, number, w, step) not in self._store]
        if SHORTCUT in missing:
            key = self._key(name, number, SHORTCUT, step)
            self._store.add(key, np.round(features(pixels, tables), 5).tolist())
        asked = [judge for judge in self.judges if judge.sha256 in missing]
        face = self._largest(pixels) if asked else None
        for judge in asked:
            said = None if face is None else judge.score(pixels, face)
            key = self._key(name, number, judge.sha256, step)
            self._store.add(key, [value for value in said or () if value is not None])

    def _largest(self, pixels: Pixels) -> Face | None:
        return next(iter(self._find(pixels)), None)

    def _look(
        self, name: str, sample: Sample, number: int, step: Step, judged: bool, plain: bool
    ) -> Look:
        scores = np.full(len(self.judges), np.nan)
        alarms = np.array([judge.alarm for judge in self.judges])
        for index, judge in enumerate(self.judges if judged else ()):
            match self._store[self._key(name, number, judge.sha256, step)]:
                case [raw]:
                    scores[index] = raw
                case [raw, alarm]:
                    scores[index], alarms[index] = raw, alarm
        row = self._store[self._key(name, number, SHORTCUT, step)] if plain else []
        return Look(sample, scores, alarms, row)


def told(
    looks: Sequence[Look],
    index: int,
    judge: Judge,
    how: str = "mean",
    values: npt.NDArray[np.float64] | None = None,
) -> tuple[Judged, list[int]]:
    """What a detector said of the videos and photos that it could judge.

    A video is held to the most cautious of its frames' thresholds, as `unmask check` holds it.

    Args:
        looks: At the frames.
        index: Of the detector.
        judge: The detector.
        how: The frames' scores become one; see `metrics.AGGREGATIONS`.
        values: One a look, in the place of the detector's scores.

    Returns:
        The judged, without names, and the number of the look at the first frame of each.
    """
    rows = [i for i, look in enumerate(looks) if np.isfinite(look.scores[index])]
    if not rows:
        empty = np.zeros(0, np.int64), np.zeros(0)
        return Judged(*empty, [], [], judge.probability, alarm=judge.alarm), []
    labels = [looks[i].sample.label for i in rows]
    keys = [key(looks[i].sample) for i in rows]
    scores = [looks[i].scores[index] if values is None else values[i] for i in rows]
    alarms = [looks[i].alarms[index] for i in rows]
    y, joined, firsts = metrics.per_video(labels, scores, keys, how)
    _, held, _ = metrics.per_video(labels, alarms, keys, "none" if how == "none" else "max")
    firsts = [rows[i] for i in firsts]
    units = [unit(looks[i].sample) for i in firsts]
    judged = Judged(y, joined, units, [], judge.probability, alarm=judge.alarm, alarms=held)
    return judged, firsts


def _pictures(sample: Sample, frames: int) -> Iterator[tuple[Pixels, Tables]]:
    """The upright photo with its JPEG tables, or frames of a clip, evenly spread."""
    if not sample.path.exists():
        data = deepfakebench.member(sample.path)
        yield read_photo(data, sniff(data[:HEAD]).name, Limits()).pixels, {}
        return
    with open_media(sample.path, sampling=Sampling(frames=frames)) as source:
        tables = _tables(sample.path) if source.media.format == "JPEG" else {}
        for frame in source.frames():
            yield frame.pixels, tables


def _tables(path: Path) -> Tables:
    with Image.open(path) as picture:
        return dict(getattr(picture, "quantization", None) or {})


def _seed(seed: int, sample: Sample) -> int:
    """One seed a video, so that its frames wear alike; it knows nothing of the label."""
    told = f"{seed}|{sample.source}|{sample.video or sample.path.name}"
    return int.from_bytes(hashlib.sha256(told.encode()).digest()[:8], "little")
