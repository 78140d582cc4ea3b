"""Which answers cannot be ruled out: conformal prediction with a promise for either class.

Split conformal prediction, conditional on the class (Vovk, Gammerman and Shafer, "Algorithmic
Learning in a Random World", 2005, section 4.5): a label is ruled out when the probability is
stranger for it than all but a share of the calibration faces that truly have it. Of new faces of
the same kind, at most that share then loses its true label, whatever the detector is worth; a poor
one does not err more often, it only gives fewer answers.

What is left may be one label, both, or none; only a single one is an answer. The promise speaks of
one face: among ten genuine ones, ten chances to err add up. It holds for faces of the sources that
it was fitted on, in each of them; nobody can promise anything about another source.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from unmask.errors import BundleError, ConfigError

if TYPE_CHECKING:
    from unmask.judge.card import Card
    from unmask.judge.fuse import Fusion

Label = Literal["genuine", "manipulated"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where either label is ruled out, at one error rate.

    Attributes:
        genuine: The highest probability of manipulation that a genuine face may have.
        manipulated: The lowest that a manipulated face may have.

    Example:
        >>> Bounds(0.6, 0.3).labels(0.2), Bounds(0.6, 0.3).labels(0.5)
        (('genuine',), ('genuine', 'manipulated'))
        >>> Bounds(0.3, 0.6).labels(0.5)
        ()
    """

    genuine: float
    manipulated: float

    def labels(self, probability: float) -> tuple[Label, ...]:
        """Return the labels that cannot be ruled out; neither, one or both."""
        kept: list[Label] = []
        if probability <= self.genuine:
            kept.append("genuine")
        if probability >= self.manipulated:
            kept.append("manipulated")
        return tuple(kept)

    def widened(self, other: Bounds) -> Bounds:
        """Return bounds that rule out only what both do."""
        return Bounds(max(self.genuine, other.genuine), min(self.manipulated, other.manipulated))


UNKNOWN = Bounds(1.0, 0.0)
"""Rule nothing out: for faces about which nothing was promised."""


@dataclass(frozen=True, slots=True)
class Bound:
    """Where one label is ruled out, and the share of its faces that lose it, both 0..1."""

    error: float
    probability: float


@dataclass(frozen=True, slots=True)
class Conformal:
    """What a card, or the fusion, can promise.

    Attributes:
        genuine: `Bounds.genuine` at rising error rates.
        manipulated: `Bounds.manipulated` at rising error rates.
        fitted_on: Words for the calibration set.
        n: Its size.

    Raises:
        BundleError: `bundle_invalid` when more errors would rule out less.
    """

    genuine: tuple[Bound, ...]
    manipulated: tuple[Bound, ...]
    fitted_on: str = ""
    n: int = 0

    def __post_init__(self) -> None:
        wrong = any(a.probability < b.probability for a, b in pairwise(self.genuine))
        if wrong or any(a.probability > b.probability for a, b in pairwise(self.manipulated)):
            raise BundleError("bundle_invalid", "conformal: more errors cannot rule out less.")

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Conformal:
        """Read the section as it stands in JSON, checked against the schema before."""
        bounds = {key: _rising(document[key]) for key in ("genuine", "manipulated")}
        return cls(**{**document, **bounds})

    def states(self, error: float) -> bool:
        """Tell whether it promises as little error for both labels."""
        return all(side[0].error <= error for side in (self.genuine, self.manipulated))

    def at(self, error: float) -> Bounds:
        """Return the bounds at an error rate.

        Between two stated rates the lower one is taken: the promise must hold, not nearly hold.

        Raises:
            ConfigError: `bad_option` below the lowest stated rate.
        """
        if not self.states(error):
            least = max(self.genuine[0].error, self.manipulated[0].error)
            raise ConfigError(
                "bad_option", f"An error of {error:g} cannot be promised; at least {least:g} can."
            )
        sides = ([b for b in side if b.error <= error] for side in (self.genuine, self.manipulated))
        genuine, manipulated = (side[-1].probability for side in sides)
        return Bounds(genuine, manipulated)

    def labels(self, probability: float, error: float) -> tuple[Label, ...]:
        """Return the labels that cannot be ruled out at an error rate; raises as `at`.

        Example:
            >>> stated = Conformal((Bound(0.1, 0.6),), (Bound(0.1, 0.3),))
            >>> stated.labels(0.7, 0.1)
            ('manipulated',)
        """
        return self.at(error).labels(probability)


@dataclass(frozen=True)
class Promise:
    """A promised error for a run.

    Attributes:
        error: Share of the faces of either class that may get the wrong answer.
        together: For a face that all detectors judged.
        alone: By name, for a face that only this one judged.
    """

    error: float
    together: Bounds
    alone: Mapping[str, Bounds] = field(default_factory=dict)

    def about(self, names: Sequence[str], together: bool) -> Bounds:
        """Return the bounds for a face; `UNKNOWN` where nothing was promised.

        Args:
            names: Of the detectors that judged it.
            together: Whether those are all; see `unmask.judge.terms`.
        """
        if together:
            return self.together
        return self.alone.get(names[0], UNKNOWN) if len(names) == 1 else UNKNOWN


def promise(cards: Sequence[Card], fusion: Fusion, error: float) -> Promise:
    """Make a promise for detectors that judge together, and for each that is left to judge alone.

    Args:
        cards: Of the detectors that take part.
        fusion: Of them; see `unmask.judge.fuse.fitted_for`.
        error: The error promised, 0..1.

    Raises:
        ConfigError: `bad_option` for a rate that is none or is not stated, or when nobody fitted a
            promise for these detectors.
    """
    if not 0 < error < 1:
        raise ConfigError("bad_option", f"{error} is no promise; write 0.1 for one error in 10.")
    names = [card.name for card in cards]
    together = cards[0].conformal if len(cards) == 1 else None
    if fusion.covers(names):
        together = fusion.conformal
    if together is None:
        raise ConfigError("bad_option", f"No error can be promised for {', '.join(names)}.")
    alone = {
        card.name: _with_unseen(fusion, card.name, card.conformal.at(error))
        for card in cards
        if card.conformal and card.conformal.states(error)
    }
    return Promise(error, together.at(error), alone)


def _with_unseen(fusion: Fusion, name: str, bounds: Bounds) -> Bounds:
    """A detector's own bounds for what the fusion says of a face that it alone judged."""
    return Bounds(
        fusion.with_unseen([name], bounds.genuine), fusion.with_unseen([name], bounds.manipulated)
    )


def _rising(bounds: Iterable[Mapping[str, float]]) -> tuple[Bound, ...]:
    return tuple(sorted((Bound(**bound) for bound in bounds), key=lambda bound: bound.error))
