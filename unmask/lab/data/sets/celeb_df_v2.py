"""Celeb-DF, second version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from unmask.lab.data.layout import Facts, Sample
from unmask.lab.data.sets import _celeb_df

FACTS = Facts(
    name="celeb_df_v2",
    title="Celeb-DF (v2)",
    venue="CVPR 2020",
    licence="research only, on request",
    # Paper, section 3, and the set's page: 590 + 300 originals, 5639 forgeries; 518 lines of test.
    counts={
        "all": 6529,
        "family:Celeb-synthesis": 5639,
        "train/0": 712,
        "train/1": 5299,
        "test/0": 178,
        "test/1": 340,
    },
)


def recognises(root: Path) -> bool:
    """Whether the folders are there with persons whom the first version does not have."""
    return _celeb_df.version(root) == 2


def samples(root: Path) -> Iterator[Sample]:
    """Celebrities, others, forgeries."""
    return _celeb_df.read(root, FACTS.name)
