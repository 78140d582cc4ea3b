"""False alarms by source of genuine pictures: where a detector cries wolf.

One pooled share hides the source in which every second face is accused, so each source stands
alone, with its interval, before the shares of several together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from unmask.bench.adapters import Judge
from unmask.bench.cases import Source, key
from unmask.bench.measures import Judged, taken, together
from unmask.bench.panel import Look, Panel, Step, told
from unmask.bench.results import CLEAN, Figure, number
from unmask.lab.data.layout import Sample

ALL, UNSEEN = "all sources", "sources without a training part"
Z = 1.96
Watch = Callable[[Iterable[Sample], int], Iterable[Sample]]


@dataclass(frozen=True, slots=True)
class Row:
    """What one detector said of one source, or of several together.

    Attributes:
        source: Its name, or what was taken together.
        taught: Whether the training part has other pictures of it.
        condition: "as it comes", or a perturbation with its severity.
        detector: Its name.
        alarms: Share of the judged at or over the detector's own threshold; its interval reaches
            as far as the bootstrap's and as Wilson's for so many people, because drawing from
            pictures without any alarm never gives one.
        threshold: That threshold, of the probability.
        n: Videos or photos judged.
        units: People or source videos among them.
        unusable: Videos or photos that could not be judged; in no figure.
    """

    source: str
    taught: bool
    condition: str
    detector: str
    alarms: Figure
    threshold: float
    n: int
    units: int
    unusable: int

    def document(self) -> dict[str, Any]:
        """The row for JSON."""
        value, (low, high) = self.alarms
        return {
            **{n: getattr(self, n) for n in ("source", "taught", "condition", "detector")},
            "alarms": {"value": number(value), "interval": [number(low), number(high)]},
            "threshold": number(self.threshold),
            **{n: getattr(self, n) for n in ("n", "units", "unusable")},
        }


def measure(
    sources: Sequence[Source],
    panel: Panel,
    conditions: Sequence[Step] = (None,),
    *,
    draws: int = 1000,
    watch: Watch = lambda found, _: found,
) -> list[Row]:
    """A row a source, condition and detector, then rows of several sources together.

    Args:
        sources: From `unmask.bench.cases.genuine`.
        panel: Who looks; one score a photo, or the mean of a video's frames.
        conditions: Perturbations with severities, `None` for untouched pictures.
        draws: Of the bootstrap, which draws people and source videos.
        watch: Sees the samples of each source and condition go by, with their number.
    """
    found = []
    for step in conditions:
        told = CLEAN if step is None else f"{step[0]}:{step[1]}"
        every = [
            list(panel.looks(watch(one.samples, len(one.samples)), step, plain=False))
            for one in sources
        ]
        for index, judge in enumerate(panel.judges):
            parts = [_judged(looks, index, judge) for looks in every]
            rows = [
                _row(one.name.partition("/")[2] or one.name, one.taught, [part], draws)
                for one, part in zip(sources, parts, strict=True)
            ]
            new = [p for one, p in zip(sources, parts, strict=True) if not one.taught]
            rows += [_row(UNSEEN, False, new, draws), _row(ALL, True, parts, draws)]
            found += [replace(r, condition=told, detector=judge.name) for r in rows]
    return found


def _judged(looks: Sequence[Look], index: int, judge: Judge) -> tuple[Judged, int]:
    """One score a video, and how many videos or photos could not be judged."""
    judged, firsts = told(looks, index, judge)
    return judged, len({key(look.sample) for look in looks}) - len(firsts)


def _row(source: str, taught: bool, parts: Sequence[tuple[Judged, int]], draws: int) -> Row:
    """Pooled over parts; condition and detector are filled in by the caller."""
    known = [judged for judged, _ in parts]
    units = [who for judged in known for who in judged.units]
    figure: Figure = (math.nan, (math.nan, math.nan))
    if units:
        pooled = together(known)
        figure = widened(taken("alarms", pooled, draws, 0), len(set(units)))
    return Row(
        source=source,
        taught=taught,
        condition="",
        detector="",
        alarms=figure,
        threshold=known[0].alarm if known else math.nan,
        n=len(units),
        units=len(set(units)),
        unusable=sum(count for _, count in parts),
    )


def widened(figure: Figure, units: int) -> Figure:
    """The hull of an interval and of Wilson's (1927), 95 %, for independent units."""
    share, (low, high) = figure
    middle = (share + Z**2 / (2 * units)) / (1 + Z**2 / units)
    reach = math.sqrt(share * (1 - share) / units + Z**2 / (4 * units**2)) / (1 + Z**2 / units)
    return share, (max(0.0, min(low, middle - Z * reach)), min(1.0, max(high, middle + Z * reach)))
