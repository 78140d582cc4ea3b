"""DF40: forty methods, of which each has a folder, in the root or in `DF40` and `DF40_train`.

Of the 31 methods made from FaceForensics++ and Celeb-DF only forgeries are included: in the test
set `METHOD/ff` and `METHOD/cdf`, in the training set `METHOD` itself; below, `frames/NAME/000.png`
where videos were forged and `NAME/…png` where images were generated. The other nine are for tests
only and have `METHOD/fake` and `METHOD/real` with frames, folders of images or images.

Names are those of FaceForensics++ (`001_870`) and Celeb-DF (`id0_id1_0000`), read as target and
donor; elsewhere the unit is the method's folder or image.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from unmask.lab.data.layout import Facts, Sample, Split
from unmask.lab.data.sets._folders import PHOTOS
from unmask.lab.data.sets._videos import beneath, folders

# The paper's four kinds: swapped, reenacted, entirely synthesised and edited faces.
_KINDS = {
    "FS": "fsgan faceswap simswap inswap blendface uniface mobileswap e4s facedancer deepfacelab",
    "FR": "fomm facevid2vid wav2lip mraa one_shot_free pirender tpsm lia danet sadtalker mcnet "
    "hyperreenact heygen heygen_new",
    "EFS": "vqgan stylegan2 stylegan3 styleganxl sd2.1 ddim rddm pixart dit sit midjourney "
    "whichfaceisreal whichisreal",
    "FE": "collabdiff e4e stargan starganv2 stargan2 styleclip",
}
METHODS = {name: kind for kind, names in _KINDS.items() for name in names.split()}
_INNER = ("cdf", "ff", "fake", "real", "frames")
_NAMES = re.compile(r"(\d{3})(?:_(\d{3}))?|(id\d+)(?:_(id\d+))?_\d+")

FACTS = Facts(
    name="df40",
    title="DF40",
    venue="NeurIPS 2024",
    licence="CC BY-NC 4.0",
)


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder with samples of one method and label."""

    folder: Path
    method: str
    source: str
    label: int
    split: Split


def recognises(root: Path) -> bool:
    """Whether a method's folder is there, arranged as above."""
    methods = (m for base in _bases(root) for m in folders(base) if m.name.lower() in METHODS)
    return any(f.name in _INNER or _NAMES.fullmatch(f.name) for m in methods for f in folders(m))


def samples(root: Path) -> Iterator[Sample]:
    """Method by method."""
    for base in _bases(root):
        for method in folders(base):
            for place in _places(method) if method.name.lower() in METHODS else ():
                for path in beneath(place.folder, PHOTOS):
                    if not {"masks", "landmarks"} & set(path.relative_to(place.folder).parts):
                        yield _sample(place, path)


def _bases(root: Path) -> list[Path]:
    return [root / n for n in ("DF40", "DF40_train") if (root / n).is_dir()] or [root]


def _places(method: Path) -> Iterator[_Place]:
    inner = [n for n in _INNER if (method / n).is_dir() and n != "frames"]
    split: Split = "train" if method.parent.name.lower().endswith("train") or not inner else "test"
    for name in inner:
        domain = f"{method.name}_{name}" if name in ("cdf", "ff") else method.name
        place = method / name
        yield _Place(place, method.name, f"{FACTS.name}/{domain}", int(name != "real"), split)
    if not inner:
        yield _Place(method, method.name, f"{FACTS.name}/{method.name}", 1, split)


def _sample(place: _Place, path: Path) -> Sample:
    kind = METHODS[place.method.lower()]
    inside = path.relative_to(place.folder)
    names = [part for part in inside.parts[:-1] if part not in _INNER]
    side = place.folder.name if place.folder.name in ("fake", "real") else ""
    unit = "/".join([side, *(names or [inside.stem])]).lstrip("/")
    match = _NAMES.fullmatch(names[-1]) if names and not side else None
    people = [person for person in match.groups() if person] if match else []
    moving = bool(names) and kind in ("FS", "FR")
    return Sample(
        path=path,
        label=place.label,
        family=place.method if place.label else "",
        source=place.source,
        identity=people[0] if people else f"{place.method}/{unit}",
        split=place.split,
        kind="frame" if moving else "photo",
        video=unit if moving else "",
        labels={"kind": kind} | ({"donor": people[1]} if people[1:] else {}),
    )
