"""Moments: what stays of a video as evidence when its length must not matter.

All moments stay while they are few; then every second frame's, every fourth's and so on, so that
they remain spread evenly. Besides, the strongest moments of each person stay with their pictures:
a few, some time apart, because neighbouring frames show the same thing twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from unmask.types import Crop, Evidence, Plane

KEPT = 600
"""Moments from which thinning starts; up to twice as many are held."""

PEAKS, PEAKS_EACH = 24, 3
"""Moments kept with pictures: of all persons together, of each."""

APART = 1.0
"""Seconds between two of one person's peaks."""

Key = tuple[int, int]
"""Number of the examined frame, place in it."""

Pictures = Callable[[], tuple[Crop | None, Plane | None]]


@dataclass(frozen=True, slots=True)
class _Peak:
    key: Key
    person: int
    strength: float
    evidence: Evidence


class Moments:
    """Collects evidence in the order of time.

    Args:
        thin: Whether to thin; a photo's faces all stay.
    """

    def __init__(self, *, thin: bool) -> None:
        self._thin = thin
        self._stride = 1
        self._kept: dict[Key, Evidence] = {}
        self._peaks: dict[Key, _Peak] = {}

    def add(self, key: Key, person: int, evidence: Evidence, pictures: Pictures) -> None:
        """Add a moment.

        Args:
            key: Higher than the last one.
            person: Whose.
            evidence: Without pictures.
            pictures: Makes the crop and the heat map; called for a peak only.
        """
        if key[0] % self._stride == 0:
            slim = tuple(replace(score, heat=None) for score in evidence.scores)
            self._kept[key] = replace(evidence, scores=slim)
        if self._thin and len(self._kept) > 2 * KEPT:
            self._stride *= 2
            self._kept = {k: e for k, e in self._kept.items() if k[0] % self._stride == 0}
        strength = -1.0 if evidence.probability is None else evidence.probability
        if self._room(person, evidence.time or 0.0, strength):
            crop, heat = pictures()
            shown = replace(evidence, crop=crop, heat=heat)
            self._peaks[key] = _Peak(key, person, strength, shown)

    def evidence(self) -> tuple[Evidence, ...]:
        """Return what was kept, in the order of time."""
        found = self._kept | {key: peak.evidence for key, peak in self._peaks.items()}
        return tuple(found[key] for key in sorted(found))

    def _room(self, person: int, time: float, strength: float) -> bool:
        """Tell whether a moment is a peak, and clear weaker ones out of its way."""
        own = [p for p in self._peaks.values() if p.person == person]
        near = [p for p in own if abs((p.evidence.time or 0.0) - time) < APART]
        if near:
            rivals = near
        elif len(own) >= PEAKS_EACH:
            rivals = [min(own, key=_strength)]
        elif len(self._peaks) >= PEAKS:
            rivals = [min(self._peaks.values(), key=_strength)]
        else:
            return True
        if strength <= max(map(_strength, rivals)):
            return False
        for rival in rivals:
            del self._peaks[rival.key]
        return True


def _strength(peak: _Peak) -> float:
    return peak.strength
