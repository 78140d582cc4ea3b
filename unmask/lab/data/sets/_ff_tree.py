"""The tree of FaceForensics++, which DeepFakeDetection shares.

`original_sequences/COLLECTION` and `manipulated_sequences/METHOD`, in each one folder a compression
(`raw`, `c23`, `c40`; `c0` in early copies), in that `videos/NAME.mp4`, `images/NAME/0000.png` or
`frames/NAME/000.png`. Masks do not depend on the compression: they lie in the method's folder as
`masks/videos/NAME.mp4` and `masks/images/NAME/0000.png`, or, where faces were cut out, beside the
frames of one compression, `c23/masks/NAME/000.png`.

A name is `TARGET`, `TARGET_DONOR`, `TARGET__SCENE` or `TARGET_DONOR__SCENE__CODE`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from unmask.lab.data.layout import Sample, Split
from unmask.lab.data.sets._videos import Medium, media

COMPRESSIONS = ("raw", "c0", "c23", "c40")
ORIGINALS, METHODS = "original_sequences", "manipulated_sequences"


def holds(root: Path, originals: Iterable[str], methods: Iterable[str]) -> bool:
    """Whether one of the collections is there."""
    named = [(ORIGINALS, name) for name in originals] + [(METHODS, name) for name in methods]
    return any((root / top / name).is_dir() for top, name in named)


def read(
    root: Path,
    reader: str,
    originals: Iterable[str],
    methods: Iterable[str],
    splits: Mapping[str, Split],
) -> Iterator[Sample]:
    """Samples of the named collections; `splits` by the video's name."""
    named = [(ORIGINALS, name) for name in originals] + [(METHODS, name) for name in methods]
    for top, name in named:
        for compression in COMPRESSIONS:
            for medium in media(root / top / name / compression):
                yield Sample(
                    path=medium.path,
                    label=int(top == METHODS),
                    family=name if top == METHODS else "",
                    source=f"{reader}/{name}",
                    identity=_people(medium.video)[0],
                    split=splits.get(medium.video, ""),
                    kind=medium.kind,
                    video=f"{compression}/{medium.video}",
                    compression=compression,
                    mask=_mask(root / top / name, compression, medium) if top == METHODS else None,
                    labels=_labels(medium.video),
                )


def _people(name: str) -> list[str]:
    return name.split("__")[0].split("_")


def _labels(name: str) -> dict[str, str]:
    people, parts = _people(name), name.split("__")
    found = {"donor": people[1]} if len(people) > 1 else {}
    return found | ({"scene": parts[1]} if len(parts) > 1 else {})


def _mask(method: Path, compression: str, medium: Medium) -> Path | None:
    if medium.kind == "clip":
        places = [method / "masks" / "videos"]
    else:
        beside = [method / c / "masks" for c in (compression, "c23")]
        places = [p / medium.video for p in (*beside, method / "masks" / "images")]
    masks = (place / medium.path.name for place in places)
    return next((mask for mask in masks if mask.is_file()), None)
