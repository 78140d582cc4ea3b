"""From a model's logit to a probability, with the doubt about it.

Six kinds, each stated on a bundle's card:

- `identity`: the sigmoid of the logit; nothing was fitted.
- `temperature`: the logit divided by a temperature.
- `platt`: slope times logit plus intercept (Platt, 1999).
- `beta`: a ln p - b ln(1 - p) + c with p the sigmoid of the logit (Kull, Silva Filho and Flach,
  AISTATS 2017); bends both ends on their own.
- `quality`: as `platt`, the logit being scaled by a logistic function of the face's quality first:
  a blurred face shows less of a trace, so that the same logit says less.
- `isotonic`: a rising staircase (pool adjacent violators).

The interval speaks of the calibration alone: how much the fitted curve would move on another
calibration set of the same size and kind. It does not cover a picture from another world.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise, product
from typing import Any

import numpy as np
import numpy.typing as npt

from unmask.errors import BundleError, ConfigError
from unmask.judge.odds import EDGE, Z95, Array, sigmoid, wilson
from unmask.types import Interval

UNSTATED_ERROR = 1.0
"""Standard error of the logit where a card states none: a factor of 7 in odds either way. Zero
would claim certainty, infinity would silence every detector without a covariance."""


@dataclass(frozen=True)
class _Curve:
    """A kind whose calibrated logit is `design(raw) @ theta`.

    Attributes:
        names: The card's parameters, in the order of the covariance.
        design: Shape (n,) to (n, k).
        convert: Between parameters and theta; its own inverse.
        rate: |d theta / d parameters|, elementwise.
        slopes: How many of theta, the first ones, must not be negative.
        gate: Further parameters, which say how the quality scales the logit.
    """

    names: tuple[str, ...]
    design: Callable[[Array], Array]
    slopes: int
    convert: Callable[[Array], Array] = field(default=lambda v: v)
    rate: Callable[[Array], Array] = field(default=np.ones_like)
    gate: tuple[str, ...] = ()


_CURVES: dict[str, _Curve] = {
    "identity": _Curve((), lambda x: np.empty((len(x), 0)), 0),
    "temperature": _Curve(
        ("temperature",), lambda x: x[:, None], 1, lambda v: 1 / v, lambda v: 1 / v**2
    ),
    "platt": _Curve(("slope", "intercept"), lambda x: np.stack([x, np.ones_like(x)], 1), 1),
    "beta": _Curve(
        ("a", "b", "c"),
        lambda x: np.stack([-np.logaddexp(0, -x), np.logaddexp(0, x), np.ones_like(x)], 1),
        2,
    ),
}
_CURVES["quality"] = replace(_CURVES["platt"], gate=("middle", "steepness"))

_GATES = [(0.5, 0.0), *product(np.linspace(0, 1, 11).tolist(), (2.0, 4.0, 8.0, 16.0, 32.0))]
"""Middle and steepness that are tried. The first one is `platt`; quality runs from 0 to 1, and a
steeper one would be a step."""


@dataclass(frozen=True)
class Calibration:
    """A fitted calibration, as it stands on a card.

    Attributes:
        kind: identity, temperature, platt, beta, quality or isotonic.
        parameters: By name, JSON values; see `card.schema.json`.
        fitted_on: Words for the set it was fitted on.
        n: Size of that set.

    Raises:
        BundleError: `bundle_invalid` when the parameters make no sense.

    Example:
        >>> platt = Calibration("platt", {"slope": 2.0, "intercept": -1.0})
        >>> platt.probability(0.5)
        0.5
        >>> [round(p, 2) for p in platt.interval(0.5)]
        [0.12, 0.88]
    """

    kind: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    fitted_on: str = ""
    n: int = 0

    def __post_init__(self) -> None:
        problem = _problem(self.kind, self.parameters)
        if problem:
            raise BundleError("bundle_invalid", f"Calibration {self.kind!r}: {problem}.")

    def probability(self, raw: float, quality: float | None = None) -> float:
        """Return the calibrated probability of one logit; see `probabilities`."""
        return float(self.probabilities([raw], _each(quality))[0])

    def interval(self, raw: float, quality: float | None = None) -> Interval:
        """Return the 95 % interval of one logit's probability; see `probabilities`."""
        low, high = self.intervals([raw], _each(quality))
        return float(low[0]), float(high[0])

    def probabilities(self, raw: npt.ArrayLike, quality: npt.ArrayLike | None = None) -> Array:
        """Return the calibrated probabilities of many logits, shape (n,).

        Args:
            raw: Logits, shape (n,).
            quality: Of each face, 0..1, shape (n,); only the kind `quality` looks at it.

        Raises:
            ConfigError: `bad_option` when the kind is `quality` and there is none.
        """
        x = self._seen(raw, quality)
        if self.kind == "isotonic":
            steps = np.asarray(self.parameters["probability"], np.float64)
            return np.clip(steps[self._step(x)], EDGE, 1 - EDGE)
        return np.clip(sigmoid(self._logit(x)), EDGE, 1 - EDGE)

    def intervals(
        self, raw: npt.ArrayLike, quality: npt.ArrayLike | None = None
    ) -> tuple[Array, Array]:
        """Return the lower and upper ends for many logits, each of shape (n,).

        Args and errors are those of `probabilities`.
        """
        x = self._seen(raw, quality)
        if self.kind == "isotonic":
            n = np.asarray(self.parameters["n"], np.float64)[self._step(x)]
            low, high = wilson(self.probabilities(x), n)
        else:
            centre, error = self._logit(x), Z95 * self._error(x)
            low, high = sigmoid(centre - error), sigmoid(centre + error)
        return np.clip(low, EDGE, 1 - EDGE), np.clip(high, EDGE, 1 - EDGE)

    def _seen(self, raw: npt.ArrayLike, quality: npt.ArrayLike | None) -> Array:
        """The logits, each as far as the quality of its face lets it count."""
        x = np.asarray(raw, np.float64)
        if self.kind != "quality":
            return x
        return x * _gate(quality, self.parameters["middle"], self.parameters["steepness"])

    def _step(self, x: Array) -> npt.NDArray[np.intp]:
        edges = np.asarray(self.parameters["raw"], np.float64)
        return np.maximum(np.searchsorted(edges, x, side="right") - 1, 0)

    def _values(self) -> Array:
        return np.array([self.parameters[name] for name in _CURVES[self.kind].names], np.float64)

    def _logit(self, x: Array) -> Array:
        curve = _CURVES[self.kind]
        return curve.design(x) @ curve.convert(self._values()) if curve.names else x

    def _error(self, x: Array) -> Array:
        """Standard error of the calibrated logit by the delta method."""
        curve = _CURVES[self.kind]
        if "covariance" not in self.parameters:
            return np.full(len(x), UNSTATED_ERROR)
        gradient = curve.design(x) * curve.rate(self._values())
        covariance = np.asarray(self.parameters["covariance"], np.float64)
        variance = np.einsum("ni,ij,nj->n", gradient, covariance, gradient)
        return np.asarray(np.sqrt(np.maximum(variance, 0)), np.float64)


def fit(
    kind: str,
    raw: npt.ArrayLike,
    labels: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    fitted_on: str = "",
    quality: npt.ArrayLike | None = None,
) -> Calibration:
    """Fit a calibration.

    The parametric kinds are fitted by maximum likelihood on Platt's smoothed targets, which keep
    the slope finite when the two classes do not overlap.

    Args:
        kind: identity, temperature, platt, beta, quality or isotonic.
        raw: Logits, shape (n,), finite.
        labels: 1 manipulated, 0 genuine, shape (n,); both must occur.
        weights: Shape (n,), above 0; only their ratios matter. All 1 by default.
        fitted_on: Words for the card.
        quality: Of the faces, 0..1, shape (n,); for the kind `quality`.

    Raises:
        ConfigError: `bad_option` for an unknown kind, unusable or missing data, or a detector that
            ranks genuine over manipulated.

    Example:
        >>> fit("platt", [-2, -1, 1, 2, -1, 1], [0, 0, 1, 1, 1, 0]).probability(0.0)
        0.5
    """
    x, y, w = _sample(raw, labels, weights)
    if kind == "isotonic":
        parameters = _fit_steps(x, y, w)
    elif kind == "quality":
        parameters = _fit_gated(x, y, w, quality)
    elif kind in _CURVES:
        parameters = _fit_curve(_CURVES[kind], x, y, w)
    else:
        raise ConfigError("bad_option", f"There is no calibration kind {kind!r}.")
    return Calibration(kind, parameters, fitted_on, len(x))


def _sample(
    raw: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None
) -> tuple[Array, Array, Array]:
    x, y = np.asarray(raw, np.float64), np.asarray(labels, np.float64)
    w = np.ones_like(x) if weights is None else np.asarray(weights, np.float64)
    if not (x.ndim == 1 and x.shape == y.shape == w.shape and np.isfinite(x).all()):
        raise ConfigError("bad_option", "Logits, labels and weights must be finite, of one length.")
    if set(np.unique(y)) != {0.0, 1.0} or not (np.isfinite(w).all() and (w > 0).all()):
        raise ConfigError("bad_option", "Calibration needs labels 0 and 1 and weights above 0.")
    return x, y, w * len(w) / w.sum()


def _fit_curve(curve: _Curve, x: Array, y: Array, w: Array) -> dict[str, Any]:
    if not curve.names:
        return {}
    design, targets = curve.design(x), _smoothed(y, w)
    theta, free = _newton(design, targets, w), np.ones(len(curve.names), bool)
    # Kull's rule for beta: a slope that turns negative is fixed at 0 and the rest is fitted again.
    while (theta[: curve.slopes] < 0).any():
        free[: curve.slopes] &= theta[: curve.slopes] >= 0
        theta = np.zeros_like(theta)
        theta[free] = _newton(design[:, free], targets, w)
    if not (theta[: curve.slopes] > 0).any():
        raise ConfigError("bad_option", "The detector ranks genuine over manipulated here.")
    covariance = np.zeros((len(theta), len(theta)))
    covariance[np.ix_(free, free)] = _covariance(design[:, free], theta[free], w)
    values = curve.convert(theta)
    rate = curve.rate(values)
    parameters: dict[str, Any] = dict(zip(curve.names, values.tolist(), strict=True))
    return parameters | {"covariance": (covariance / np.outer(rate, rate)).tolist()}


def _fit_gated(x: Array, y: Array, w: Array, quality: npt.ArrayLike | None) -> dict[str, Any]:
    """Try each gate and keep the likeliest; the covariance takes it as given."""
    curve, targets = _CURVES["quality"], _smoothed(y, w)
    if quality is not None and not _matches(quality, x):
        raise ConfigError("bad_option", "Qualities must be finite, one for each logit.")

    def loss(gate: tuple[float, float]) -> float:
        design = curve.design(x * _gate(quality, *gate))
        return _loss(design @ _newton(design, targets, w), targets, w)

    best = min(_GATES, key=loss)
    fitted = _fit_curve(curve, x * _gate(quality, *best), y, w)
    return fitted | dict(zip(curve.gate, best, strict=True))


def _gate(quality: npt.ArrayLike | None, middle: float, steepness: float) -> Array:
    if quality is None:
        raise ConfigError("bad_option", "This calibration needs the quality of each face.")
    return sigmoid(steepness * (np.asarray(quality, np.float64) - middle))


def _matches(quality: npt.ArrayLike, x: Array) -> bool:
    q = np.asarray(quality, np.float64)
    return q.shape == x.shape and bool(np.isfinite(q).all())


def _each(quality: float | None) -> list[float] | None:
    return None if quality is None else [quality]


def _smoothed(y: Array, w: Array) -> Array:
    high, low = (w * y).sum(), (w * (1 - y)).sum()
    return np.asarray(np.where(y > 0, (high + 1) / (high + 2), 1 / (low + 2)), np.float64)


def _newton(design: Array, targets: Array, w: Array) -> Array:
    """Maximise the weighted likelihood; the step is halved until it does not fall."""

    def loss(theta: Array) -> float:
        return _loss(design @ theta, targets, w)

    theta = np.zeros(design.shape[1])
    for _ in range(100 if theta.size else 0):
        p = sigmoid(design @ theta)
        gradient = design.T @ (w * (p - targets))
        step = np.linalg.lstsq(_hessian(design, p, w), gradient, rcond=None)[0]
        scale, before = 1.0, loss(theta)
        while loss(theta - scale * step) > before + 1e-12 and scale > 1e-8:
            scale /= 2
        theta = theta - scale * step
        if np.abs(scale * step).max() < 1e-10:
            break
    return theta


def _loss(z: Array, targets: Array, w: Array) -> float:
    return float((w * (np.logaddexp(0, z) - targets * z)).sum())


def _hessian(design: Array, p: Array, w: Array) -> Array:
    return np.asarray(design.T @ (design * (w * p * (1 - p))[:, None]), np.float64)


def _covariance(design: Array, theta: Array, w: Array) -> Array:
    """Model-based covariance; equals the inverse Hessian when all weights are 1."""
    p = sigmoid(design @ theta)
    inverse = np.linalg.pinv(_hessian(design, p, w))
    return np.asarray(inverse @ _hessian(design, p, w**2) @ inverse, np.float64)


def _fit_steps(x: Array, y: Array, w: Array) -> dict[str, Any]:
    """Pool adjacent violators; an edge lies midway between two steps."""
    values, group = np.unique(x, return_inverse=True)
    blocks: list[list[float]] = []  # first, last, weight, weighted positives, squared weights
    sums = [np.bincount(group, v) for v in (w, w * y, w**2)]
    for value, weight, positive, square in zip(values, *sums, strict=True):
        blocks.append([value, value, weight, positive, square])
        while len(blocks) > 1 and _share(blocks[-2]) >= _share(blocks[-1]):
            last = blocks.pop()
            blocks[-1] = [blocks[-1][0], last[1], *np.add(blocks[-1][2:], last[2:])]
    edges = [blocks[0][0]] + [(a[1] + b[0]) / 2 for a, b in pairwise(blocks)]
    least = 1 / (len(x) + 2)
    return {
        "raw": [float(e) for e in edges],
        "probability": [float(np.clip(_share(b), least, 1 - least)) for b in blocks],
        "n": [float(b[2] ** 2 / b[4]) for b in blocks],
    }


def _share(block: list[float]) -> float:
    return block[3] / block[2]


def _problem(kind: str, parameters: Mapping[str, Any]) -> str:
    """Say in words what is wrong with the parameters, or nothing."""
    if kind != "isotonic" and kind not in _CURVES:
        return "there is no such kind"
    try:
        if kind == "isotonic":
            return _steps_problem(*(np.asarray(parameters[k], float) for k in _STEPS))
        names = _CURVES[kind].names
        values = np.array([parameters[name] for name in names + _CURVES[kind].gate], float)
        covariance = np.asarray(parameters.get("covariance", np.eye(len(names))), float)
    except (KeyError, ValueError, TypeError):
        return "parameters are missing or not numbers"
    if not np.isfinite(values).all() or (kind == "temperature" and values[0] <= 0):
        return "parameters are out of range"
    if names and (covariance.shape != (len(names),) * 2 or not np.isfinite(covariance).all()):
        return "the covariance does not match the parameters"
    return ""


_STEPS = ("raw", "probability", "n")


def _steps_problem(raw: Array, probability: Array, n: Array) -> str:
    if not (raw.ndim == 1 and raw.shape == probability.shape == n.shape and raw.size):
        return "steps differ in number"
    if not (np.isfinite(raw).all() and (np.diff(raw) > 0).all() and (n > 0).all()):
        return "steps are not in rising order"
    if not ((np.diff(probability) >= 0).all() and (abs(probability - 0.5) <= 0.5).all()):
        return "probabilities do not rise within 0..1"
    return ""
