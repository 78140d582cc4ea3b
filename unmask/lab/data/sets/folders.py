"""Plain folders: anything whose folders are called real, fake or alike.

The innermost folder that says one of the two decides; what lies deeper names the family of
forgeries (`fake/stylegan/0.png`). A folder called as a split counts wherever it stands, so do
words as in `training_fake`. People are unknown: each file is its own identity.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from unmask.lab.data.layout import Facts, Sample, Split
from unmask.lab.data.sets._folders import folders, kind_of, label_of, media, split_of

FACTS = Facts(
    name="folders",
    title="Plain folders of genuine and fake media",
    venue="",
    licence="the set's own",
)
FALLBACK = True

_DEPTH = 3


def recognises(root: Path) -> bool:
    """Folders of both kinds, at most three levels down."""
    return {label_of(folder.name) for folder in folders(root, _DEPTH)} >= {0, 1}


def samples(root: Path) -> Iterator[Sample]:
    """All media below a folder that says what they are, in the order of their names."""
    for path in media(root):
        inner = path.relative_to(root)
        labels = [label_of(part) for part in inner.parts[:-1]]
        if (place := max((i for i, v in enumerate(labels) if v is not None), default=None)) is None:
            continue
        label = labels[place] or 0
        deeper = [part for part in inner.parts[place + 1 : -1] if not split_of(part)]
        yield Sample(
            path=path,
            label=label,
            family=(deeper or [inner.parts[place]])[0] if label else "",
            source=FACTS.name,
            identity=inner.with_suffix("").as_posix(),
            split=_split(inner.parts[:-1]),
            kind=kind_of(path),
        )


def _split(parts: tuple[str, ...]) -> Split:
    """The outermost split that a folder's name, or a word of one that gives a label, stands for."""
    for part in parts:
        words = re.findall("[A-Za-z]+", part) if label_of(part) is not None else [part]
        for word in words:
            if found := split_of(word):
                return found
    return ""
