"""OpenForensics: photos of the street with several faces each, some of them exchanged.

`{Train,Val,Test-Dev,Test-Challenge}_poly.json` in COCO's form, beside or inside the folders of the
pictures. Category 0 is a genuine face and 1 a forged one; outlines are polygons.

One sample is one picture, forged when any face in it is: two samples of one file with opposite
labels could be told apart by nothing that a detector sees, and a check of the picture answers for
all its faces at once. What is true of each face stays in `labels["faces"]`, JSON of one
`[x, y, width, height, label]` a face in pixels of the picture, so that a cropping step can give
every crop its own label. The outlines are no pictures, so there is no mask. People are unknown:
each picture is its own identity.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from unmask.errors import LabError
from unmask.lab.data.layout import Facts, Sample
from unmask.lab.data.sets._folders import folders, split_of

FACTS = Facts(
    name="openforensics",
    title="OpenForensics",
    venue="ICCV 2021",
    licence="academic use only",
    counts={
        "source:openforensics/Train": 44122,
        "source:openforensics/Val": 7308,
        "source:openforensics/Test-Dev": 18895,
        "source:openforensics/Test-Challenge": 45000,
    },
)

_PARTS = ("Train", "Val", "Test-Dev", "Test-Challenge")


def recognises(root: Path) -> bool:
    """One of the four lists."""
    return any(_lists(root))


def samples(root: Path) -> Iterator[Sample]:
    """All pictures, list by list, in the lists' order.

    Raises:
        LabError: `unknown_layout` when a list is not as COCO has it.
    """
    for part, path in _lists(root):
        try:
            yield from _listed(part, path, json.loads(path.read_text("utf-8")))
        except (ValueError, KeyError, TypeError) as error:
            raise LabError("unknown_layout", f"{path} is no COCO list: {error!r}") from error


def _lists(root: Path) -> Iterator[tuple[str, Path]]:
    for part in _PARTS:
        for folder in (root, *folders(root, 2)):
            if (path := folder / f"{part}_poly.json").is_file():
                yield part, path
                break


def _listed(part: str, listed: Path, coco: Mapping[str, Any]) -> Iterator[Sample]:
    faces = defaultdict(list)
    for face in coco["annotations"]:
        faces[face["image_id"]].append([*face["bbox"], int(face["category_id"] != 0)])
    folder = _pictures(part, listed.parent)
    for image in coco["images"]:
        found = faces[image["id"]]
        label = int(any(face[-1] for face in found))
        name = Path(image["file_name"]).name
        yield Sample(
            path=folder / name,
            label=label,
            family="exchanged face" if label else "",
            source=f"{FACTS.name}/{part}",
            identity=Path(name).stem,
            split=split_of(part.partition("-")[0]),
            labels={"faces": json.dumps(found)},
        )


def _pictures(part: str, beside: Path) -> Path:
    """Where a list's pictures are: the archives unpack into one or two folders of its name."""
    above = beside.parent
    usual = (beside / part / part, beside / part, beside / "Images" / part)
    moved = (above / "Images" / part, above / part, beside)
    return next((f for f in (*usual, *moved) if f.is_dir()), beside / part)
