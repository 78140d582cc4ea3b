"""ForgeryNet, its images.

`Training`, `Validation` and `Test` each have `image`, `spatial_localize` with the masks, and
`image_list.txt` (or `list/Training/image_list.txt` and so on) with lines such as
`train_release/6/be4f/47f4/frame00049.jpg 1 2 4`: the image below `image`, then whether it is
forged, whether its identity was replaced (1) or kept (2), and the forgery method (1 to 15), all 0
when genuine. Methods have no other name in the release. Masks bear the name of the image, below
`train_mask_release` for `train_release`.

The folder is neither the method nor an identity; the one below it, where there is one, is taken as
the unit, because genuine images have only that.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from unmask.errors import LabError
from unmask.lab.data.layout import Facts, Sample, Split

_PARTS: dict[str, Split] = {"Training": "train", "Validation": "val", "Test": "test"}
_TASKS = ("2way", "3way", "16way")

FACTS = Facts(
    name="forgerynet",
    title="ForgeryNet",
    venue="CVPR 2021",
    licence="research only",
    counts={"all": 2_896_062},  # Images, by the paper's comparison of data sets.
)


def recognises(root: Path) -> bool:
    """Whether the list of a part is there."""
    return any(_list(root, part).is_file() for part in _PARTS)


def samples(root: Path) -> Iterator[Sample]:
    """Every image of the lists, in their order."""
    for part, split in _PARTS.items():
        masks: dict[str, Path | None] = {}
        for name, truths in _rows(_list(root, part)):
            head, rest = name.parts[0], PurePosixPath(*name.parts[1:])
            if head not in masks:
                masks[head] = _masks(root / part / "spatial_localize", head)
            yield _sample(root / part / "image" / name, rest, truths, split, masks[head])


def _list(root: Path, part: str) -> Path:
    beside = root / part / "image_list.txt"
    return beside if beside.is_file() else root / "list" / part / "image_list.txt"


def _rows(path: Path) -> Iterator[tuple[PurePosixPath, dict[str, str]]]:
    """Name and labels of each line; the first line may be a header."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream):
            name, *labels = line.rsplit(maxsplit=3) or [""]
            if len(labels) == 3 and all(label.isdecimal() for label in labels):
                yield PurePosixPath(name), dict(zip(_TASKS, labels, strict=True))
            elif number and line.strip():
                raise LabError("data_missing", f"{path}:{number + 1} has no three labels")


def _masks(folder: Path, head: str) -> Path | None:
    """Folder of the masks of all images below `head`."""
    names = (head.replace("_release", "_mask_release"), head, "")
    return next((folder / name for name in names if (folder / name).is_dir()), None)


def _sample(
    path: Path, rest: PurePosixPath, truths: dict[str, str], split: Split, masks: Path | None
) -> Sample:
    forged = truths["2way"] == "1"
    unit = rest.parts[1:-1]
    return Sample(
        path=path,
        label=int(forged),
        family=truths["16way"] if forged else "",
        source=f"{FACTS.name}/{split}",
        identity=unit[0] if unit else f"{split}/{rest.with_suffix('')}",
        split=split,
        kind="frame" if unit else "photo",
        video=rest.parent.as_posix() if unit else "",
        mask=masks / rest if masks and forged else None,
        labels=truths,
    )
