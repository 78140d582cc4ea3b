"""Videos: one person's scores along time.

Single frames are noisy and people blink, turn and blur, so the log-odds are averaged over a moving
window; a person's probability is the highest window's. Neighbouring frames repeat each other and
share one calibration, so a window's doubt is the mean of its frames' doubts, not their mean over
the root of their number. A maximum over many windows rises with their number: the longer a genuine
video, the likelier one window passes the threshold by chance.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from unmask.judge.odds import Array, log_odds, sigmoid
from unmask.types import Interval, Segment

WINDOW = 1.5
"""Seconds: long enough to outvote a blink, short enough to place a forged sentence."""

LEAST = 3
"""Samples per window, however far apart they lie; fewer cannot outvote one."""

GAP = 2.0
"""Seconds without the person that end a segment, unless samples are sparser than that anyway."""


@dataclass(slots=True)
class Series:
    """One person's samples, kept as plain numbers; 32 bytes a sample."""

    times: array[float] = field(default_factory=lambda: array("d"))
    logits: array[float] = field(default_factory=lambda: array("d"))
    lows: array[float] = field(default_factory=lambda: array("d"))
    highs: array[float] = field(default_factory=lambda: array("d"))

    def add(self, time: float, probability: float, interval: Interval) -> None:
        """Add a sample; times must not fall."""
        self.times.append(time)
        self.logits.append(log_odds(probability))
        self.lows.append(log_odds(interval[0]))
        self.highs.append(log_odds(interval[1]))

    def __len__(self) -> int:
        return len(self.times)


class Windows:
    """The windowed view of a series, computed once.

    Args:
        series: At least one sample.

    Example:
        >>> series = Series()
        >>> for second in range(10):
        ...     series.add(second, 0.9 if second >= 5 else 0.1, (0.05, 0.95))
        >>> round(Windows(series).peak, 2)
        0.9
        >>> [(s.start, s.end) for s in Windows(series).segments(0.7, track=0)]
        [(5.5, 9.5)]
    """

    def __init__(self, series: Series) -> None:
        self._times = np.array(series.times)
        self._series = series

    @cached_property
    def probabilities(self) -> Array:
        """Windowed probability at each sample, shape (n,)."""
        return sigmoid(self._mean(self._series.logits))

    @property
    def peak(self) -> float:
        """The highest windowed probability."""
        return float(self.probabilities.max())

    @property
    def interval(self) -> Interval:
        """Doubt about the highest window, 95 %."""
        at = int(self.probabilities.argmax())
        low, high = (sigmoid(self._mean(v)[at]) for v in (self._series.lows, self._series.highs))
        return float(low), float(high)

    @property
    def upper(self) -> float:
        """The highest upper end of any window's interval."""
        return float(sigmoid(self._mean(self._series.highs).max()))

    def segments(
        self, threshold: float, track: int, duration: float | None = None
    ) -> list[Segment]:
        """Return the stretches at or over the threshold, bounded midway between samples.

        Args:
            threshold: Windowed probability.
            track: The person's number.
            duration: Seconds; no segment ends later.
        """
        over = np.flatnonzero(self.probabilities >= threshold)
        if not over.size:
            return []
        breaks = np.flatnonzero((np.diff(over) > 1) | (np.diff(self._times[over]) > self._gap)) + 1
        return [self._segment(run, track, duration) for run in np.split(over, breaks)]

    def _segment(self, run: npt.NDArray[np.intp], track: int, duration: float | None) -> Segment:
        first, last = int(run[0]), int(run[-1])
        start = self._times[first] - self._reach(first, first - 1)
        end = self._times[last] + self._reach(last, last + 1)
        end = end if duration is None else min(end, max(duration, float(self._times[last])))
        highest = float(self.probabilities[run].max())
        return Segment(max(float(start), 0.0), float(end), track, highest)

    def _reach(self, at: int, neighbour: int) -> float:
        """Half the way to the neighbouring sample; half a usual step where none is near."""
        if not 0 <= neighbour < len(self._times):
            return self._step / 2
        away = abs(float(self._times[neighbour] - self._times[at]))
        return (away if away <= self._gap else self._step) / 2

    @cached_property
    def _step(self) -> float:
        return float(np.median(np.diff(self._times))) if len(self._times) > 1 else 0.0

    @property
    def _gap(self) -> float:
        return max(GAP, 2.5 * self._step)

    @cached_property
    def _bounds(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """First and past-the-last sample of each window; at least `LEAST` samples if there are."""
        n, here = len(self._times), np.arange(len(self._times))
        least = min(LEAST, n)
        widest_low = np.clip(here - least // 2, 0, n - least)
        low = np.searchsorted(self._times, self._times - WINDOW / 2, side="left")
        high = np.searchsorted(self._times, self._times + WINDOW / 2, side="right")
        short = high - low < least
        return np.where(short, widest_low, low), np.where(short, widest_low + least, high)

    def _mean(self, values: array[float]) -> Array:
        low, high = self._bounds
        total = np.concatenate([[0.0], np.cumsum(np.array(values))])
        return np.asarray((total[high] - total[low]) / (high - low), np.float64)
