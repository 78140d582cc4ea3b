"""What a face is held to: a threshold and a promise, by who could judge it.

Figures for several detectors together hold for a face that all of them judged. Where some
abstained, the others answer for themselves: the face is held to the highest of their own
thresholds, and to what the one that is left promises; nobody promised anything about two of three.
Where nothing was fitted for the detectors together, the threshold is cautious enough for any of
them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from unmask.judge.fuse import NAIVE, Fusion

if TYPE_CHECKING:
    from unmask.judge.conformal import Bounds, Promise


@dataclass(frozen=True, slots=True)
class Held:
    """To what a face, or a person in several frames, is held.

    Attributes:
        threshold: Probability from which it counts as manipulated.
        bounds: Where labels are ruled out; `None` where no error was promised.
    """

    threshold: float
    bounds: Bounds | None = None

    def widened(self, other: Held | None) -> Held:
        """Return the more cautious of both."""
        if other is None:
            return self
        bounds = self.bounds and other.bounds and self.bounds.widened(other.bounds)
        return Held(max(self.threshold, other.threshold), bounds)


@dataclass(frozen=True)
class Terms:
    """The terms of a run.

    Attributes:
        threshold: Of all detectors together.
        fusion: Of them; see `unmask.judge.fuse`.
        alone: Their own thresholds by name; a detector without one is held to `threshold`.
        promise: The error that answers must keep, if any.
    """

    threshold: float
    fusion: Fusion = NAIVE
    alone: Mapping[str, float] = field(default_factory=dict)
    promise: Promise | None = None

    def of(self, names: Sequence[str]) -> Held:
        """Return what a face is held to.

        Args:
            names: Of the detectors that judged it, at least one.

        Example:
            >>> terms = Terms(0.9, Fusion({"a": 1.0, "b": 1.0}), {"a": 0.6, "b": 0.7})
            >>> terms.of(["a", "b"]).threshold, terms.of(["b"]).threshold
            (0.9, 0.7)
        """
        together = self.fusion.covers(names) or not self.fusion.weights
        bounds = self.promise.about(names, together) if self.promise else None
        if together:
            return Held(self.threshold, bounds)
        return Held(max(self._alone(name, names) for name in names), bounds)

    def _alone(self, name: str, names: Sequence[str]) -> float:
        """A detector's own threshold for a face that only `names` judged."""
        if name not in self.alone:
            return self.threshold
        return self.fusion.with_unseen(names, self.alone[name])
