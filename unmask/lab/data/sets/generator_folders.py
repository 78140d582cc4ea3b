"""Pictures sorted by the generator that made them, in the two customary ways.

* CNNDetection and UniversalFakeDetect: `<generator>/[<class>/]{0_real,1_fake}`, with an optional
  split above (`train/car/0_real`) or behind the generator's name (`progan_train/car/0_real`).
* GenImage: `<generator>/[<batch>/]{train,val}/{nature,ai}`.

In the first way a lone folder under `train` or `val` that is called as one of the object classes
is a class of ProGAN: the training set of CNNDetection has no other generator and does not name
it. Nothing tells which genuine pictures belong to one scene, so each file is its own identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from unmask.lab.data.layout import Facts, Sample, Split
from unmask.lab.data.sets._folders import folders, media, split_of, words

FACTS = Facts(
    name="generator_folders",
    title="CNNDetection, UniversalFakeDetect and GenImage folders",
    venue="CVPR 2020, CVPR 2023, NeurIPS 2023",
    licence="each set's own",
)

_NUMBERED = {"0_real": 0, "1_fake": 1}
_NATURE = {"nature": 0, "ai": 1}
_DEPTH = 4
_CLASSES = words(
    "airplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike "
    "person pottedplant sheep sofa train tvmonitor"
)


def recognises(root: Path) -> bool:
    """Some folder called as one of the two ways calls its labels."""
    return any(_is_leaf(folder) for folder in folders(root, _DEPTH))


def samples(root: Path) -> Iterator[Sample]:
    """All pictures, folder by folder."""
    for folder in folders(root, _DEPTH):
        if _is_leaf(folder):
            for path in media(folder):
                yield _sample(root, folder, path)


def _is_leaf(folder: Path) -> bool:
    if folder.name in _NATURE:
        return bool(split_of(folder.parent.name))
    return folder.name in _NUMBERED


def _sample(root: Path, folder: Path, path: Path) -> Sample:
    parts = folder.relative_to(root).parts[:-1]
    generator, split, name = _placed(folder, (root.name, *parts))
    label = (_NUMBERED | _NATURE)[folder.name]
    return Sample(
        path=path,
        label=label,
        family=generator if label else "",
        source=f"{FACTS.name}/{generator}",
        identity=path.relative_to(root).with_suffix("").as_posix(),
        split=split,
        labels={"class": name} if name else {},
    )


def _placed(folder: Path, parts: tuple[str, ...]) -> tuple[str, Split, str]:
    """Generator, split and class from the folders above the labels, the root's name first."""
    if folder.name in _NATURE:
        above = parts[1:-1] or parts[:1]
        return above[0], split_of(parts[-1]), ""
    split: Split = ""
    if len(parts) > 1 and split_of(parts[1]) and (len(parts) > 2 or folder.parent.name != "train"):
        split, parts = split_of(parts[1]), (parts[0], *parts[2:])
    names = parts[1:] or parts[:1]
    if split in ("train", "val") and len(names) == 1 and names[0] in _CLASSES:
        return "progan", split, names[0]
    generator, _, ending = names[0].rpartition("_")
    if not split and generator and split_of(ending):
        return generator, split_of(ending), "/".join(names[1:])
    return names[0], split, "/".join(names[1:])
