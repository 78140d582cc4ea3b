r"""DeepfakeBench: its JSON lists, over its folders of frames or its LMDB data bases.

`[preprocessing/]dataset_json/<set>.json` nests set, label, split, for some sets compression, and
video; a video has a `label`, a list of `frames` and perhaps of `masks`. One of its own lists lacks
the level of the videos in one split, which is read too. Frames come with either slash, below
`./datasets/`, below another machine's folders, or plain. They lie under `datasets/rgb`, `rgb`,
`datasets` or the root; where there is none of the set's folders but a `<set>_lmdb`, a sample's
path is the data base's with the frame's below it, and `member` reads it. All FaceForensics++ lists
share one data base.

Every list is a sub-collection of its own, so that frames named by several lists come once for
each. Splits are given as listed, though some lists have videos in several: the inspection finds
them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, get_args

from unmask.errors import LabError
from unmask.lab.data.layout import Facts, Sample, Split
from unmask.lab.data.sets._folders import optional

FACTS = Facts(
    name="deepfakebench",
    title="DeepfakeBench",
    venue="NeurIPS 2023",
    licence="CC BY-NC 4.0; each set's own",
)

_LISTS = ("dataset_json", "preprocessing/dataset_json")
_FRAMES = ("datasets/rgb", "rgb", "datasets", ".")
_BASES = ("datasets/lmdb", "lmdb", "datasets", ".")
_COMPRESSIONS = ("raw", "c23", "c40")
_FF = ("FF-", "FaceForensics++", "FaceShifter", "DeepFakeDetection")
# FaceForensics++ and DFD: target_source; Celeb-DF: id of the target first.
_TARGET = re.compile(r"\d{3}(?=_\d{3}$)|\d{2}(?=__|_\d{2}__)|id\d+(?=_)")


def recognises(root: Path) -> bool:
    """A folder of lists where DeepfakeBench keeps it."""
    return any(_lists(root))


def samples(root: Path) -> Iterator[Sample]:
    """All frames of all lists, those of a video in the order of their numbers.

    Raises:
        LabError: `unknown_layout` when a list is not as DeepfakeBench writes it.
    """
    for path in _lists(root):
        try:
            for name, labels in json.loads(path.read_text("utf-8")).items():
                for label, splits in labels.items():
                    for split in get_args(Split):
                        for keys, video in _videos(splits.get(split, {})):
                            yield from _video(root, path.stem, name, label, split, keys, video)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            message = f"{path} is no list of DeepfakeBench: {error!r}"
            raise LabError("unknown_layout", message) from error


def member(path: Path) -> bytes:
    r"""A file's bytes out of an LMDB.

    The tool writes keys as the set, a backslash and the path in the writing system's own slashes;
    lists hold either kind. All spellings are tried.

    Args:
        path: As `samples` gives it: `.../<set>_lmdb/<set>/<rest>`.

    Raises:
        ConfigError: `not_installed` without the library lmdb.
        LabError: `data_missing` when there is no such data base or no such key in it.
    """
    lmdb = optional("lmdb", "Reading an LMDB")
    base = next((p for p in path.parents if p.name.endswith("_lmdb")), path)
    if not (base / "data.mdb").is_file():
        raise LabError("data_missing", f"{path} lies in no LMDB")
    rest = path.relative_to(base).as_posix()
    spellings = (rest.replace("/", "\\", 1), rest.replace("/", "\\"), rest)
    with lmdb.open(str(base), readonly=True, lock=False, create=False) as env, env.begin() as view:
        for key in spellings:
            if (found := view.get(key.encode())) is not None:
                return bytes(found)
    raise LabError("data_missing", f"{base} has no {rest}")


def _lists(root: Path) -> list[Path]:
    return sorted(path for name in _LISTS for path in (root / name).glob("*.json"))


def _videos(
    node: Mapping[str, Any], keys: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Whatever has frames, with the keys that lead to it."""
    if "frames" in node:
        yield keys, node
        return
    for key, inner in node.items():
        yield from _videos(inner, (*keys, key))


def _video(
    root: Path,
    listed: str,
    name: str,
    label: str,
    split: Split,
    keys: tuple[str, ...],
    video: Mapping[str, Any],
) -> Iterator[Sample]:
    frames = sorted((_plain(f) for f in video["frames"]), key=_number)
    masks = {_plain(m).name: _plain(m) for m in video.get("masks", ())}
    called = keys[-1] if keys else frames[0].parent.name if frames else ""
    compression = keys[0] if keys and keys[0] in _COMPRESSIONS else ""
    target = _TARGET.match(called)
    forged = int("real" not in label.lower())
    for frame in frames:
        mask = masks.get(frame.name)
        yield Sample(
            path=_placed(root, name, frame),
            label=forged,
            family=label if forged else "",
            source=f"{FACTS.name}/{listed}",
            identity=f"{_shared(name)}/{target[0] if target else called}",
            split=split,
            kind="frame",
            video="/".join(part for part in (label, compression, called) if part),
            compression=compression,
            mask=_placed(root, name, mask) if mask else None,
        )


def _plain(listed: str) -> PurePosixPath:
    """A listed path without the folders that hold the sets."""
    path = PurePosixPath(listed.replace("\\", "/"))
    for holder in ("rgb", "datasets"):
        if holder in path.parts[:-1]:
            return PurePosixPath(*path.parts[path.parts.index(holder) + 1 :])
    return path


def _number(frame: PurePosixPath) -> tuple[int, str]:
    return int(frame.stem) if frame.stem.isdecimal() else -1, frame.name


def _placed(root: Path, name: str, path: PurePosixPath) -> Path:
    for folder in _FRAMES:
        if (root / folder / path.parts[0]).is_dir():
            return root / folder / path
    for folder in _BASES:
        if (base := root / folder / f"{_shared(name)}_lmdb").is_dir():
            return base / path
    return root / _FRAMES[0] / path


def _shared(name: str) -> str:
    """The set whose videos a list names: several lists are cut from FaceForensics++."""
    return "FaceForensics++" if name.startswith(_FF) else name
