"""Celeb-DF, first version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from unmask.lab.data.layout import Facts, Sample
from unmask.lab.data.sets import _celeb_df

FACTS = Facts(
    name="celeb_df_v1",
    title="Celeb-DF (v1)",
    venue="arXiv 2019",
    licence="research only, on request",
    # The set's page: 158 + 250 originals and 795 forgeries; the test list has 100 lines.
    counts={
        "all": 1203,
        "family:Celeb-synthesis": 795,
        "train/0": 370,
        "train/1": 733,
        "test/0": 38,
        "test/1": 62,
    },
)


def recognises(root: Path) -> bool:
    """Whether the folders are there and no person's number is past the first version's."""
    return _celeb_df.version(root) == 1


def samples(root: Path) -> Iterator[Sample]:
    """Celebrities, others, forgeries."""
    return _celeb_df.read(root, FACTS.name)
