"""CASIA Image Tampering Detection Evaluation v1 and v2, with the masks made later by others.

Folders come in many spellings, so the file names decide. `Au_nat_0067.jpg` is authentic;
`Sp_D_CND_A_ani0018_nat0067_0281.jpg` (v1) and `Tp_D_CRN_S_N_ani00018_nat00067_11818.jpg` (v2) are
tampered: D, another picture gave the part, or S, the same did; letters for what was done to it;
the giver; the picture that surrounds it; a number. v1 counts categories with four digits, v2 with
five. A mask is called as its picture with `_gt.png` behind.

A tampered picture and the authentic one under it share an identity. The sets publish no split.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from unmask.lab.data.layout import Facts, Sample
from unmask.lab.data.sets._folders import folders, media

FACTS = Facts(
    name="casia",
    title="CASIA Image Tampering Detection Evaluation Database 1.0 and 2.0",
    venue="ChinaSIP 2013; masks: Symmetry 2019",
    licence="research only",
    counts={"source:casia/v1": 1721, "source:casia/v2": 12614},
)

_AUTHENTIC = re.compile(r"Au_(?P<base>[a-z]{3}_?\d{4,5})\w*")
_TAMPERED = re.compile(
    r"(Tp|Sp)_(?P<way>[DS])_(?P<done>[A-Z]+(_[A-Z])+)"
    r"_(?P<giver>[a-z]{3}\d+)_(?P<base>[a-z]{3}\d+)_\d+"
)
_FAMILIES = {"D": "splicing", "S": "copy-move"}
_MASK = "_gt"


def recognises(root: Path) -> bool:
    """A folder of authentic pictures and one of tampered ones, by their short names."""
    names = {part for folder in folders(root, 3) for part in folder.name.split()}
    return "Au" in names and bool(names & {"Tp", "Sp"})


def samples(root: Path) -> Iterator[Sample]:
    """All pictures whose names follow the grammar."""
    found = list(media(root))
    masks = {p.stem.removesuffix(_MASK): p for p in found if p.stem.endswith(_MASK)}
    for path in found:
        if authentic := _AUTHENTIC.fullmatch(path.stem):
            yield _sample(path, 0, authentic["base"])
        elif tampered := _TAMPERED.fullmatch(path.stem):
            labels = {"donor": tampered["giver"], "operations": tampered["done"]}
            family, mask = _FAMILIES[tampered["way"]], masks.get(path.stem)
            yield _sample(path, 1, tampered["base"], family, mask, labels)


def _sample(
    path: Path,
    label: int,
    base: str,
    family: str = "",
    mask: Path | None = None,
    labels: dict[str, str] | None = None,
) -> Sample:
    base = base.replace("_", "")
    version = "v2" if len(base.lstrip("abcdefghijklmnopqrstuvwxyz")) == 5 else "v1"
    source = f"casia/{version}"
    more = {"category": base[:3]} | (labels or {})
    return Sample(path, label, family, source, base, mask=mask, labels=more)
