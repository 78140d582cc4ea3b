"""What a perturbation is: a named function of pixels with five severities, and its decorator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from unmask.errors import ConfigError
from unmask.types import Pixels

Rng = np.random.Generator
SEVERITIES = (1, 2, 3, 4, 5)
_STILL = 3
"""How often a photo is repeated to pass through a video codec: one key frame, two predicted."""


@dataclass(frozen=True, slots=True)
class Perturbation:
    """One kind of wear, from barely visible (1) to heavy (5).

    Attributes:
        name: Unique among all perturbations.
        family: The module that holds it.
        about: Its docstring: what it does, and after which source.
        steps: Each parameter's five values, mildest first.
        change: The function behind it: `change(pixels, rng, **parameters)`, or of a list of frames
            when `clip` is set.
        clip: Whether it works on consecutive frames together, as a video codec does.
        steady: Whether the frames of one video share their random draws.
        ready: Whether this machine has what it needs.
    """

    name: str
    family: str
    about: str
    steps: Mapping[str, tuple[float, ...]]
    change: Callable[..., Any]
    clip: bool = False
    steady: bool = True
    ready: Callable[[], bool] = lambda: True

    def __call__(self, pixels: Pixels, severity: int, rng: Rng) -> Pixels:
        """Shape (h, w, 3) to the same shape, unless `about` says otherwise; the input is kept.

        Raises:
            ConfigError: `bad_option` for another severity than 1..5 or what is no RGB picture;
                `not_installed` when this machine lacks a codec.
        """
        if self.clip:
            return self.frames([pixels] * _STILL, severity, rng)[-1]
        return self._change(_checked(pixels), rng, self._parameters(severity))

    def frames(self, frames: Sequence[Pixels], severity: int, rng: Rng) -> list[Pixels]:
        """Consecutive frames of one video, all of one shape, to as many frames."""
        parameters = self._parameters(severity)
        if self.clip:
            made = self.change([_checked(frame) for frame in frames], rng, **parameters)
            return [np.ascontiguousarray(frame, np.uint8) for frame in made]
        return [
            self._change(_checked(frame), deepcopy(rng) if self.steady else rng, parameters)
            for frame in frames
        ]

    def _change(self, pixels: Pixels, rng: Rng, parameters: dict[str, float]) -> Pixels:
        return np.ascontiguousarray(self.change(pixels, rng, **parameters), np.uint8)

    def _parameters(self, severity: int) -> dict[str, float]:
        if severity not in SEVERITIES:
            raise ConfigError("bad_option", f"A severity is 1 to 5, not {severity!r}.")
        if not self.ready():
            raise ConfigError("not_installed", f"{self.name!r} needs a codec that is missing here.")
        return {name: values[severity - 1] for name, values in self.steps.items()}


def perturbation(
    *,
    clip: bool = False,
    steady: bool = True,
    ready: Callable[[], bool] = lambda: True,
    **steps: tuple[float, ...],
) -> Callable[[Callable[..., Any]], Perturbation]:
    """Turn `change(pixels, rng, **parameters)` into a perturbation named after it.

    Its family is the module in which it stands. `steps` holds five values for each parameter. For
    one generator the draws should not depend on the parameters, so that severities differ in
    strength alone.
    """
    if any(len(values) != len(SEVERITIES) for values in steps.values()):
        raise ValueError("each parameter needs one value a severity")

    def decorate(change: Callable[..., Any]) -> Perturbation:
        family = change.__module__.rpartition(".")[2]
        about = (change.__doc__ or "").strip()
        return Perturbation(change.__name__, family, about, steps, change, clip, steady, ready)

    return decorate


def _checked(pixels: Pixels) -> Pixels:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ConfigError("bad_option", f"No RGB picture: {pixels.dtype} {pixels.shape}.")
    return np.ascontiguousarray(pixels)
