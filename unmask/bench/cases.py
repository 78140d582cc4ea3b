"""From a protocol and folders of data to test sets: what trains, tunes and tests, without overlap.

Samples are drawn by a hash of the seed and their own names, so that a quick run looks at a part of
what the full run looks at. Whoever is tested, person or source video, is in no other part.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from unmask.bench.protocol import Part, Protocol
from unmask.errors import LabError
from unmask.lab.data import layout
from unmask.lab.data.layout import Sample

TRAIN_LIMIT = 1000
"""Videos or photos a class that the shortcut baseline learns from, at most."""
Known = tuple[str, Sample]
"""A sample and the name of the reader that gave it."""


@dataclass(frozen=True, slots=True)
class TestSet:
    """One named test set with what belongs to it.

    Attributes:
        name: The case's, or the value that it was made for.
        train: For the shortcut baseline.
        dev: For thresholds.
        test: What is measured; of videos at most the protocol's number of frames.
        shared: Samples left out of train and dev because who they show is tested.
        taught: Whether the protocol's training part has samples of the sources that are tested,
            so that only a detector trained without them can be said not to know them.
    """

    __test__ = False  # pytest takes every Test… for one of its own

    name: str
    train: tuple[Sample, ...]
    dev: tuple[Sample, ...]
    test: tuple[Sample, ...]
    shared: int = 0
    taught: bool = True


@dataclass(frozen=True, slots=True)
class Source:
    """Genuine samples of one source.

    Attributes:
        name: Such as "labels_tsv/real_amfd".
        taught: Whether the protocol's training part has other samples of it.
        samples: Of videos at most the protocol's number of frames.
    """

    name: str
    taught: bool
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """All test sets of a protocol, and the names of those that lack a class in the data given."""

    sets: tuple[TestSet, ...]
    left_out: tuple[str, ...] = ()


def draw(
    protocol: Protocol, roots: Sequence[str | Path], *, limit: int | None = None, seed: int = 0
) -> Drawn:
    """Test sets of a protocol from data.

    Args:
        protocol: From `unmask.bench.protocol`.
        roots: Folders of data sets; `NAME=FOLDER` names the layout where several fit.
        limit: Videos or photos a class and part, at most.
        seed: Another seed, another choice under the limit and other shots.

    Raises:
        LabError: `data_missing` for a folder that is not there and when no test set has both
            classes; `unknown_layout` as the readers do.
    """
    known = [pair for root in roots for pair in _read(root)]
    sets, left_out = [], []
    for name, part in _parts(protocol, known):
        test = [pair for pair in known if protocol.test.takes(*pair) and part.takes(*pair)]
        found = _set(protocol, name, known, test, limit, seed)
        if {sample.label for sample in found.test} == {0, 1}:
            sets.append(found)
        else:
            left_out.append(name)
    if not sets:
        raise LabError("data_missing", f"No test set of {protocol.name!r} has both classes here.")
    return Drawn(tuple(sets), tuple(left_out))


def genuine(
    protocol: Protocol, roots: Sequence[str | Path], *, limit: int | None = None, seed: int = 0
) -> list[Source]:
    """Genuine samples of a protocol's test part by source, also of sources without forgeries.

    Where the training part names sources, others are left out.

    Args:
        protocol: From `unmask.bench.protocol`.
        roots: As for `draw`.
        limit: Videos or photos a source, at most.
        seed: Another seed, another choice under the limit.

    Raises:
        LabError: `data_missing` when there is none.
    """
    known = [pair for root in roots for pair in _read(root) if not pair[1].label]
    wanted = replace(protocol.test, sources=protocol.train.sources, genuine=protocol.train.genuine)
    found: dict[str, list[Sample]] = defaultdict(list)
    for name, sample in known:
        if wanted.takes(name, sample):
            found[sample.source].append(sample)
    if not found:
        raise LabError("data_missing", f"No genuine samples for {protocol.name!r} here.")
    return [
        Source(
            source,
            any(s.source == source and protocol.train.takes(name, s) for name, s in known),
            tuple(_thinned(_some(samples, limit, seed), protocol.frames)),
        )
        for source, samples in sorted(found.items())
    ]


def unit(sample: Sample) -> str:
    """Who or what is independent: the identity, within its data set."""
    return f"{sample.source.partition('/')[0]}/{sample.identity}"


def key(sample: Sample) -> tuple[str, str]:
    """Source and name of the video; a photo is its own."""
    return sample.source, sample.video or str(sample.path)


def _read(root: str | Path) -> Iterable[Known]:
    name, equals, folder = str(root).partition("=")
    if not equals or Path(root).exists():
        name, folder = layout.recognise(Path(root)), str(root)
    return ((name, sample) for sample in layout.read(Path(folder), name))


def _parts(protocol: Protocol, known: Sequence[Known]) -> Iterable[tuple[str, Part]]:
    """Names of the test sets, and which samples of the protocol's test each has."""
    if protocol.cases:
        return [(case.name, case.part) for case in protocol.cases]
    if not protocol.each:
        return [("all", Part())]
    tested = [pair for pair in known if protocol.test.takes(*pair)]
    values = {_value(protocol.each, *pair) for pair in tested if pair[1].label}
    return [(value or "-", _only(protocol.each, value)) for value in sorted(values)]


def _only(each: str, value: str) -> Part:
    words = ("".join(f"[{c}]" if c in "*?[" else c for c in value),)
    if each.startswith("label:"):
        return Part(labels={each.removeprefix("label:"): words})
    chosen: dict[str, Any] = {{"family": "families"}.get(each, f"{each}s"): words}
    return replace(Part(), **chosen)


def _value(attribute: str, name: str, sample: Sample) -> str:
    if attribute.startswith("label:"):
        return sample.labels.get(attribute.removeprefix("label:"), "")
    return name if attribute == "layout" else str(getattr(sample, attribute))


def _set(
    protocol: Protocol,
    name: str,
    known: Sequence[Known],
    test: Sequence[Known],
    limit: int | None,
    seed: int,
) -> TestSet:
    tested = [sample for _, sample in test]
    barred = {_value(protocol.leave_out, *p) for p in test if _bars(protocol, p[1])}
    shots: list[Sample] = []
    if protocol.dev.shots:
        shots = _some(tested, protocol.dev.shots, seed, whole=False)
        taken = {unit(sample) for sample in shots}
        tested = [sample for sample in tested if unit(sample) not in taken]
    people = {unit(sample) for sample in tested}
    sources = {sample.source for sample in tested}
    taught = any(p[1].source in sources and protocol.train.takes(*p) for p in known)
    parts, shared = [], 0
    for part, most in ((protocol.train, limit or TRAIN_LIMIT), (protocol.dev, limit)):
        fitting = [p for p in known if part.takes(*p)]
        if protocol.leave_out:
            fitting = [
                p
                for p in fitting
                if not _bars(protocol, p[1]) or _value(protocol.leave_out, *p) not in barred
            ]
        clear = [sample for _, sample in fitting if unit(sample) not in people]
        shared += len(fitting) - len(clear)
        parts.append(_thinned(_some(clear, most, seed), protocol.frames))
    train, dev = parts
    chosen = _thinned(_some(tested, limit, seed), protocol.frames)
    return TestSet(name, tuple(train), tuple(shots or dev), tuple(chosen), shared, taught)


def _bars(protocol: Protocol, sample: Sample) -> bool:
    """A family left out takes its forgeries along, a source also its genuine samples."""
    return bool(protocol.leave_out) and (protocol.leave_out != "family" or sample.label == 1)


def _some(
    samples: Sequence[Sample], limit: int | None, seed: int, whole: bool = True
) -> list[Sample]:
    """At most `limit` videos or photos a class, whole or by their first frame, order kept."""
    if limit is None:
        return list(samples)
    videos: dict[int, dict[tuple[str, str], None]] = defaultdict(dict)
    for sample in samples:
        videos[sample.label][key(sample)] = None
    chosen = {
        (label, video)
        for label, found in videos.items()
        for video in sorted(found, key=lambda v: _chance(seed, v))[:limit]
    }
    kept = [sample for sample in samples if (sample.label, key(sample)) in chosen]
    if whole:
        return kept
    firsts = {(sample.label, key(sample)): sample for sample in reversed(kept)}
    return list(reversed(firsts.values()))


def _chance(seed: int, video: tuple[str, str]) -> bytes:
    # The name alone: the same data in another folder give the same choice.
    source, name = video
    return hashlib.sha256(f"{seed}|{source}|{'/'.join(name.split('/')[-2:])}".encode()).digest()


def _thinned(samples: Sequence[Sample], frames: int) -> list[Sample]:
    """At most so many frames of each video, spread evenly over all of them."""
    rows: dict[tuple[int, tuple[str, str]], list[int]] = defaultdict(list)
    for row, sample in enumerate(samples):
        rows[sample.label, key(sample)].append(row)
    kept = {
        found[i]
        for found in rows.values()
        for i in np.linspace(0, len(found) - 1, min(frames, len(found))).round().astype(int)
    }
    return [sample for row, sample in enumerate(samples) if row in kept]
