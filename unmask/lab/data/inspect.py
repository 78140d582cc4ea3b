"""Inspects a data set: recognises its layout, looks at every file, tells what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unmask.lab.data import layout
from unmask.lab.data.faults import CHECKS, Fault, Seen
from unmask.lab.data.layout import Sample
from unmask.lab.data.look import Look, looks
from unmask.lab.data.sets import manifest

Looks = Iterator[tuple[Path, Look]]
Follow = Callable[[Looks, int], Iterable[tuple[Path, Look]]]


@dataclass(frozen=True)
class Inspection:
    """What an inspection found.

    Attributes:
        layout: The reader's name.
        samples: All samples, in the reader's order, with the `sha256` of each file that could be
            opened among the labels.
        faults: What is wrong, by check; empty when nothing is.
    """

    layout: str
    samples: tuple[Sample, ...]
    faults: tuple[Fault, ...]

    def document(self) -> dict[str, Any]:
        """The same as JSON has it, samples by their numbers."""
        groups = Counter(f"{s.split}/{s.label}" for s in self.samples)
        return {
            "layout": self.layout,
            "samples": len(self.samples),
            "by_split_and_label": dict(sorted(groups.items())),
            "faults": [{"kind": f.kind, "where": f.where, "detail": f.detail} for f in self.faults],
        }

    def write(self, path: Path) -> None:
        """Write a manifest with the sum of every file.

        Args:
            path: `.csv` or `.jsonl`; outside the data set, whose layout it would change.

        Raises:
            ConfigError: `bad_option` for another ending.
        """
        manifest.write(self.samples, path)


def inspect(
    root: Path, name: str | None = None, threads: int = 1, follow: Follow = lambda found, _: found
) -> Inspection:
    """Read a data set, look at each of its files and run every check.

    Args:
        root: The data set's folder.
        name: Its layout; recognised when it is not named.
        threads: Files looked at side by side.
        follow: Passes on what it is given, to show progress; it is told how much will come.

    Raises:
        LabError: `data_missing`, `unknown_layout`.
        ConfigError: `not_installed` when the layout needs a library that is missing.
    """
    name = name or layout.recognise(root)
    samples = tuple(layout.read(root, name))
    paths = dict.fromkeys(p for s in samples for p in (s.path, s.mask) if p)
    found = dict(follow(looks(paths, threads), len(paths)))
    seen = Seen(root, layout.readers()[name].FACTS, samples, found)
    faults = tuple(fault for check in CHECKS for fault in check(seen))
    return Inspection(name, tuple(_hashed(s, found[s.path]) for s in samples), faults)


def _hashed(sample: Sample, look: Look) -> Sample:
    sums = {"sha256": look.sha256} if look.sha256 else {}
    return replace(sample, labels={**sample.labels, **sums})
