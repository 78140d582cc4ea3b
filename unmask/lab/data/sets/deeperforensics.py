"""DeeperForensics-1.0: faces of hired actors put into the videos of FaceForensics++.

`manipulated_videos/VARIANT/TARGET_ACTOR.mp4`, where a variant is one of two ways to make them,
`end_to_end` or `reenact_postprocess`, and of the first also distorted copies: the kind of
distortion is read as the compression. `source_videos/ACTOR/…/NAME.mp4` are the actors: genuine, but
not meant as the counterpart, which is FaceForensics++ at c23. Frames may lie in `frames/NAME` of a
variant or an actor. `lists/splits` names the forgeries of each split; the actors have none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from unmask.lab.data.layout import Facts, Sample, Split
from unmask.lab.data.sets._folders import CLIPS
from unmask.lab.data.sets._videos import Medium, beneath, folders, lines, media

FORGED, GENUINE = "manipulated_videos", "source_videos"
_VARIANT = re.compile(r"(end_to_end|reenact_postprocess)(?:_(.+))?")
_ACTOR = re.compile(r"[MW]\d+")

FACTS = Facts(
    name="deeperforensics",
    title="DeeperForensics-1.0",
    venue="CVPR 2020",
    licence="research only, on request",
    # The set's page: each variant has 1,000 videos; 48,475 videos of actors.
    counts={
        "family:end_to_end": 1000,
        "family:reenact_postprocess": 1000,
        "source:deeperforensics/source_videos": 48475,
    },
)


def recognises(root: Path) -> bool:
    """Whether a variant or an actor is there."""
    variants = (_VARIANT.fullmatch(f.name) for f in folders(root / FORGED))
    return any(variants) or any(_ACTOR.fullmatch(f.name) for f in folders(root / GENUINE))


def samples(root: Path) -> Iterator[Sample]:
    """Variants, then actors."""
    splits = _splits(root)
    for folder in folders(root / FORGED):
        if variant := _VARIANT.fullmatch(folder.name):
            yield from (_forged(m, variant, splits.get(m.video, "")) for m in media(folder))
    for actor in folders(root / GENUINE):
        for clip in beneath(actor, CLIPS):
            yield _genuine(Medium(clip.stem, "clip", clip), actor.name)
        yield from (_genuine(m, actor.name) for m in media(actor) if m.kind == "frame")


def _splits(root: Path) -> dict[str, Split]:
    lists = root / "lists" / "splits"
    named = ((s, line) for s in get_args(Split) if s for line in lines(lists / f"{s}.txt"))
    return {Path(line).stem: split for split, line in named}


def _forged(medium: Medium, variant: re.Match[str], split: Split) -> Sample:
    target, _, actor = medium.video.partition("_")
    return Sample(
        path=medium.path,
        label=1,
        family=variant[1],
        source=f"{FACTS.name}/{variant[0]}",
        identity=target,
        split=split,
        kind=medium.kind,
        video=medium.video,
        compression=variant[2] or "",
        labels={"donor": actor},
    )


def _genuine(medium: Medium, actor: str) -> Sample:
    return Sample(
        path=medium.path,
        label=0,
        family="",
        source=f"{FACTS.name}/{GENUINE}",
        identity=actor,
        kind=medium.kind,
        video=medium.video,
    )
