"""The preview of the DeepFake Detection Challenge.

`dataset.json` has an entry for each clip below `original_videos`, `method_A` and `method_B`, by its
path: label, set ("train" or "test"), the person in the clip and the one whose face was put in.
Clips may lie in a folder `videos` of the three, and frames in `frames/NAME`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from unmask.lab.data.layout import Facts, Sample
from unmask.lab.data.sets._folders import PHOTOS, split_of
from unmask.lab.data.sets._videos import Medium, files, load, written_as_published

LABELS = ("real", "fake")
FOLDERS = ("original_videos", "method_A", "method_B")

FACTS = Facts(
    name="dfdc_preview",
    title="DeepFake Detection Challenge, preview",
    venue="arXiv 2019",
    licence="on registration, own terms",
    # No counts: the paper's and those of the released file differ by a few clips.
)


def recognises(root: Path) -> bool:
    """Whether the list is there beside one of the three folders."""
    return (root / "dataset.json").is_file() and any((root / f).is_dir() for f in FOLDERS)


def samples(root: Path) -> Iterator[Sample]:
    """Every entry of the list, in its order."""
    with written_as_published(root / "dataset.json") as path:
        for name, row in load(path).items():
            for medium in _media(root, PurePosixPath(name)):
                yield _sample(medium, PurePosixPath(name).parts[0], row)


def _sample(medium: Medium, folder: str, row: Mapping[str, Any]) -> Sample:
    label = LABELS.index(row["label"])
    labels = {"donor": str(row.get("swapped_id") or "") if label else ""}
    labels["augmentations"] = "+".join(row.get("augmentations") or ())
    return Sample(
        path=medium.path,
        label=label,
        family=folder if label else "",
        source=f"{FACTS.name}/{folder}",
        identity=str(row.get("target_id") or medium.video),
        split=split_of(row["set"]),
        kind=medium.kind,
        video=medium.video,
        labels={name: value for name, value in labels.items() if value},
    )


def _media(root: Path, name: PurePosixPath) -> list[Medium]:
    folder = root / name.parts[0]
    clips = (root / name, folder / "videos" / name.relative_to(name.parts[0]))
    found = [Medium(name.stem, "clip", clip) for clip in clips if clip.is_file()]
    found += [Medium(name.stem, "frame", f) for f in files(folder / "frames" / name.stem, PHOTOS)]
    return found or [Medium(name.stem, "clip", root / name)]
