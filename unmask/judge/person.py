"""One person through a video, or one face of a photo: samples, doubts, and what they amount to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cached_property

from unmask.faces.align import side
from unmask.judge.abstain import Doubt, Level
from unmask.judge.timeline import LEAST, Series, Windows
from unmask.types import Evidence, Interval


class Person:
    """Takes one person's moments; ask only after the last one.

    Args:
        number: The track.

    Attributes:
        number: As given.
        size: Face sides summed over the moments: who is large and long in the picture.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.size = 0.0
        self._series = Series()
        self._doubts: Counter[Doubt] = Counter()
        self._moments = 0

    def add(self, evidence: Evidence, doubts: Iterable[Doubt]) -> None:
        """Add a moment, judged or not."""
        self._moments += 1
        self.size += side(evidence.face.box)
        self._doubts.update(doubts)
        if evidence.probability is not None and evidence.interval is not None:
            self._series.add(evidence.time or 0.0, evidence.probability, evidence.interval)

    @property
    def samples(self) -> int:
        """In how many moments the person could be judged."""
        return len(self._series)

    @cached_property
    def windows(self) -> Windows | None:
        """The samples along time; `None` when there is none."""
        return Windows(self._series) if self.samples else None

    @property
    def probability(self) -> float | None:
        """Of the worst window."""
        return self.windows.peak if self.windows else None

    @property
    def interval(self) -> Interval | None:
        """Doubt about the worst window, 95 %."""
        return self.windows.interval if self.windows else None

    def over(self, threshold: float, frames: int) -> bool:
        """Tell whether the person counts as manipulated.

        Args:
            threshold: Probability.
            frames: How many were examined; a person seen in few of many was only glimpsed.
        """
        enough = self.samples >= min(LEAST, frames)
        return enough and self.probability is not None and self.probability >= threshold

    def under(self, threshold: float) -> bool:
        """Tell whether the person lies under the threshold with every window's whole interval."""
        return self.windows is not None and self.windows.upper < threshold

    def codes(self, level: Level) -> set[str]:
        """Return the codes of the doubts that hold at this level or above in half the moments."""
        held: Counter[str] = Counter()
        for doubt, count in self._doubts.items():
            if doubt.level >= level:
                held[doubt.code] += count
        return {code for code, count in held.items() if 2 * count >= self._moments}
