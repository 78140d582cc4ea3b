"""DeepFakeDetection: scenes played by actors, and swaps between them.

It is delivered in the tree of FaceForensics++. A tree that holds both is recognised as `ffpp`; name
this reader to read its part. No split is published: make one by actor, of donors too.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from unmask.lab.data.layout import Facts, Sample
from unmask.lab.data.sets import _ff_tree, ffpp

ORIGINALS, METHODS = ("actors",), ("DeepFakeDetection",)

FACTS = Facts(
    name="dfd",
    title="DeepFakeDetection",
    venue="Google and Jigsaw, 2019",
    licence="research only, on request",
    # The number of files in the release.
    counts={"source:dfd/actors": 363, "source:dfd/DeepFakeDetection": 3068},
)


def recognises(root: Path) -> bool:
    """Whether there are actors and nothing of FaceForensics++ proper."""
    return _ff_tree.holds(root, ORIGINALS, METHODS) and not ffpp.recognises(root)


def samples(root: Path) -> Iterator[Sample]:
    """Originals, then swaps."""
    return _ff_tree.read(root, FACTS.name, ORIGINALS, METHODS, {})
