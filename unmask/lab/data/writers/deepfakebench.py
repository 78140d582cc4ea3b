"""DeepfakeBench's own layout, to be put over its folder.

`datasets/rgb/<set>/<label>[/<compression>]/frames/<video>/<number>.png` with `masks` and
`landmarks` (.npy, float32, 68 points) likewise, and `preprocessing/dataset_json/<set>.json`. Sets
that DeepfakeBench knows get its names and labels; others need a line in its `label_dict` for each
label. Samples without a published split are listed under test.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np

from unmask.lab.data.cutting import Picture
from unmask.lab.data.layout import Sample, Split
from unmask.lab.data.units import Unit
from unmask.lab.data.writers import Line
from unmask.lab.data.writers.folders import plain

_FRAMES, _LISTS = "datasets/rgb", "preprocessing/dataset_json"
_SPLITS = [split for split in get_args(Split) if split]
_GENUINE = "FF-real"


@dataclass(frozen=True, slots=True)
class _Known:
    """A set's name there, the labels of genuine and of forged videos, and those of families."""

    name: str
    genuine: str
    forged: str = ""
    families: Mapping[str, str] = field(default_factory=dict)
    levels: bool = False


_FF = {
    "Deepfakes": "FF-DF",
    "Face2Face": "FF-F2F",
    "FaceSwap": "FF-FS",
    "NeuralTextures": "FF-NT",
    "FaceShifter": "FF-FH",
}
_KNOWN = {
    "ffpp": _Known("FaceForensics++", _GENUINE, families=_FF, levels=True),
    "dfd": _Known("DeepFakeDetection", "DFD_real", "DFD_fake", levels=True),
    "celeb_df_v1": _Known("Celeb-DF-v1", "CelebDFv1_real", "CelebDFv1_fake"),
    "celeb_df_v2": _Known("Celeb-DF-v2", "CelebDFv2_real", "CelebDFv2_fake"),
    "deeperforensics": _Known("DeeperForensics-1.0", "DF_real", "DF_fake"),
    "dfdc": _Known("DFDC", "DFDC_Real", "DFDC_Fake"),
    "dfdc_preview": _Known(
        "DFDCP",
        "DFDCP_Real",
        families={"method_A": "DFDCP_FakeA", "method_B": "DFDCP_FakeB"},
    ),
}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a video is kept and listed."""

    listed: str
    label: str
    split: str
    level: str
    video: str

    def folder(self, kind: str) -> str:
        """Of its frames, masks or landmarks."""
        parts = [self.listed, self.label, self.level, kind, self.video]
        return "/".join(plain(part) for part in parts if part)


class Writer:
    """Writes frames, masks and landmarks at once and the lists at the end."""

    def __init__(self, out: Path, units: Sequence[Unit], frames: int) -> None:
        self._out, self._units = out, units
        named = [_placed(unit, _video(unit)) for unit in units]
        count = Counter(place.folder("frames").lower() for place in named)
        self._places = {
            unit.key: place
            if count[place.folder("frames").lower()] == 1
            else _placed(unit, f"{place.video}-{unit.key}")
            for unit, place in zip(units, named, strict=True)
        }

    def resume(self, last: Line) -> None:
        """Nothing to undo: a unit that was begun is written over; see `writers.Writer`."""

    def put(self, unit: Unit, pictures: Sequence[Picture]) -> dict[str, Any]:
        """Write a unit's files; see `writers.Writer`."""
        names, masks = [], []
        for number, picture in _numbered(pictures):
            ending = "png" if picture.image.startswith(b"\x89PNG") else "jpg"
            names.append(self._store(unit, "frames", f"{number}.{ending}", picture.image))
            if picture.mask is not None:
                masks.append(self._store(unit, "masks", f"{number}.png", picture.mask))
            if picture.landmarks is not None:
                points = _saved(picture.landmarks)
                self._store(unit, "landmarks", f"{number}.npy", points)
        return {"frames": names, "masks": masks}

    def finish(self, lines: Iterable[Line]) -> None:
        """Write a list for each set, and for each method of FaceForensics++ one with the real."""
        sets: dict[str, dict[str, Any]] = {}
        for unit, line in zip(self._units, lines, strict=True):
            place = self._places[unit.key]
            labels = sets.setdefault(place.listed, {})
            video: dict[str, Any] = labels.setdefault(place.label, {s: {} for s in _SPLITS})
            if place.level:
                for split in _SPLITS:
                    video[split].setdefault(place.level, {})
            if line["frames"]:
                at = video[place.split][place.level] if place.level else video[place.split]
                at[place.video] = _entry(place, line)
        for labels in list(sets.values()):
            for label in labels if _GENUINE in labels else ():
                if label != _GENUINE:
                    sets[label] = {_GENUINE: labels[_GENUINE], label: labels[label]}
        folder = self._out / _LISTS
        folder.mkdir(parents=True, exist_ok=True)
        for name, labels in sets.items():
            text = json.dumps({name: labels}, indent=1)
            (folder / f"{plain(name)}.json").write_text(text, encoding="utf-8")

    def close(self) -> None:
        """Nothing is held open."""

    def _store(self, unit: Unit, kind: str, name: str, data: bytes) -> str:
        path = f"{_FRAMES}/{self._places[unit.key].folder(kind)}/{name}"
        (self._out / path).parent.mkdir(parents=True, exist_ok=True)
        (self._out / path).write_bytes(data)
        return f"./{path}"


def _entry(place: _Place, line: Line) -> dict[str, Any]:
    masks = {"masks": line["masks"]} if line["masks"] else {}
    return {"label": place.label, "frames": line["frames"]} | masks


def _placed(unit: Unit, video: str) -> _Place:
    sample = unit.samples[0]
    reader, _, rest = sample.source.partition("/")
    known = _KNOWN.get(reader) or _Known(reader, f"{reader}_Real")
    if reader == "deepfakebench":  # cut again; genuine videos are called by their label first
        named = sample.video.partition("/")[0]
        known = _Known(rest, named, sample.family, levels=bool(sample.compression))
    level = sample.compression if known.levels else ""
    return _Place(known.name, _label(known, sample), sample.split or "test", level, video)


def _label(known: _Known, sample: Sample) -> str:
    if not sample.label:
        return known.genuine
    named = known.families.get(sample.family) or known.forged
    return named or f"{known.name}_{sample.family or 'Fake'}"


def _video(unit: Unit) -> str:
    """A video's name: its file's, or that of its frames' folder."""
    path = unit.samples[0].path
    return path.parent.name if unit.samples[0].kind == "frame" else path.stem


def _numbered(pictures: Sequence[Picture]) -> list[tuple[str, Picture]]:
    """Frames are called by their number; several windows of one frame share it and add theirs."""
    shared = Counter(picture.number for picture in pictures)
    return [
        (f"{p.number:03d}" + (f"{p.window:02d}" if shared[p.number] > 1 else ""), p)
        for p in pictures
    ]


def _saved(points: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(points, np.float32))
    return stream.getvalue()
