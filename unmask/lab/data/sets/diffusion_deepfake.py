"""Diffusion Deepfake: faces found among the pictures of DiffusionDB and JourneyDB.

The fakes come as `DiffusionDB-Face` (Stable Diffusion) and `JourneyDB-Face` (Midjourney). What
lies inside is described nowhere that could be read, so splits and folders called real or alike
are taken wherever they stand, inside the two or beside them, and everything else in the two is
fake. Nobody is known: each picture is its own identity.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from unmask.lab.data.layout import Facts, Sample
from unmask.lab.data.sets._folders import folders, label_of, media, split_of

FACTS = Facts(
    name="diffusion_deepfake",
    title="Diffusion Deepfake",
    venue="arXiv 2404.01579, 2024",
    licence="not stated",
)

_PARTS = re.compile(r"(DiffusionDB|JourneyDB)[ _-]?Faces?", re.IGNORECASE)
_DEPTH = 2


def recognises(root: Path) -> bool:
    """One of the two collections by its name."""
    return any(_PARTS.fullmatch(folder.name) for folder in folders(root, _DEPTH))


def samples(root: Path) -> Iterator[Sample]:
    """All pictures in one of the collections or below a folder of genuine ones."""
    for path in media(root):
        inner = path.relative_to(root)
        parts = inner.parts[:-1]
        part = next((p for p in parts if _PARTS.fullmatch(p)), "")
        genuine = any(label_of(p) == 0 for p in parts)
        if part or genuine:
            yield Sample(
                path=path,
                label=int(not genuine),
                family="" if genuine else part,
                source=f"{FACTS.name}/{part}" if part else FACTS.name,
                identity=inner.with_suffix("").as_posix(),
                split=next(filter(None, map(split_of, parts)), ""),
            )
