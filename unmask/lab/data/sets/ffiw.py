"""FFIW-10K, Face Forensics in the Wild: videos of several people, of whom some are manipulated.

`source/SPLIT/NAME.mp4` is genuine, `target/SPLIT/NAME.mp4` the same video manipulated, and
`target_mask/SPLIT/NAME_mask.mp4` shows where. Clips may lie one folder deeper, in `videos`, and
frames in `frames/NAME`. People are not published, so the unit is the genuine video.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from unmask.lab.data.layout import Facts, Sample, Split
from unmask.lab.data.sets._videos import Medium, media

GENUINE, FORGED = "source", "target"
_SPLITS: tuple[Split, ...] = tuple(s for s in get_args(Split) if s)

FACTS = Facts(
    name="ffiw",
    title="FFIW-10K",
    venue="CVPR 2021",
    licence="research only, on request",
    # The validation set, as those who measure on it count it.
    counts={"val/0": 250, "val/1": 250},
)


def recognises(root: Path) -> bool:
    """Whether both sides have a split."""
    sides = ((root / side, _SPLITS) for side in (GENUINE, FORGED))
    return all(any((side / split).is_dir() for split in splits) for side, splits in sides)


def samples(root: Path) -> Iterator[Sample]:
    """Split by split, the genuine videos first."""
    for split in _SPLITS:
        for side in (GENUINE, FORGED):
            for medium in media(root / side / split):
                yield Sample(
                    path=medium.path,
                    label=int(side == FORGED),
                    family=FORGED if side == FORGED else "",
                    source=f"{FACTS.name}/{side}",
                    identity=f"{split}/{medium.video}",
                    split=split,
                    kind=medium.kind,
                    video=f"{split}/{medium.video}",
                    mask=_mask(root, split, medium) if side == FORGED else None,
                )


def _mask(root: Path, split: Split, medium: Medium) -> Path | None:
    name = f"{medium.video}_mask{medium.path.suffix}"
    mask = root / "target_mask" / split / name
    return mask if medium.kind == "clip" and mask.is_file() else None
