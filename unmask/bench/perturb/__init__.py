"""Wear and edits at five severities, to see when a detector breaks and when it cries wolf.

Seven families hold 36 ways in which a single picture wears (compression, resize, blur, noise,
colour, geometry, overlay), as many as ForgeryNet has (He et al., CVPR 2021, arXiv:2103.05630).
Four more hold whole ways of travelling (screen, social, video) and edits that are no manipulation
(benign). Each module of this folder is a family and each perturbation in it a function; a new one
needs no other place than its own. Every perturbation carries its parameters in `steps`.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from functools import cache
from importlib import import_module

import numpy as np

from unmask.bench.perturb._registry import SEVERITIES, Perturbation
from unmask.errors import ConfigError
from unmask.types import Pixels

__all__ = [
    "SEVERITIES",
    "Perturbation",
    "apply",
    "apply_frames",
    "available",
    "chain",
    "families",
    "get",
    "names",
]
BENIGN = "benign"
"""The family on which an alarm is always false."""


def families() -> tuple[str, ...]:
    """All families, in alphabetical order.

    Example:
        >>> "benign" in families(), "noise" in families()
        (True, True)
    """
    return tuple(dict.fromkeys(one.family for one in _all().values()))


def names(family: str | None = None) -> tuple[str, ...]:
    """All perturbations, or those of a family, from the first of its module to the last.

    Raises:
        ConfigError: `bad_option` for an unknown family.

    Example:
        >>> names("resize")
        ('shrink_area', 'shrink_bilinear', 'shrink_nearest', 'pixelate')
    """
    if family is not None and family not in families():
        raise ConfigError("bad_option", f"No family {family!r}; there are {', '.join(families())}.")
    return tuple(name for name, one in _all().items() if family in (None, one.family))


def get(name: str) -> Perturbation:
    """A perturbation with its family, description and parameters.

    Raises:
        ConfigError: `bad_option` for an unknown name.

    Example:
        >>> get("jpeg").family, get("jpeg").steps["quality"]
        ('compression', (90, 70, 50, 30, 15))
    """
    if name not in _all():
        raise ConfigError("bad_option", f"No perturbation {name!r}; there are {', '.join(_all())}.")
    return _all()[name]


def available(name: str) -> bool:
    """Whether this machine has what a perturbation needs; codecs of videos may be missing.

    Example:
        >>> available("gaussian_noise")
        True
    """
    return get(name).ready()


def apply(name: str, pixels: Pixels, severity: int, seed: int) -> Pixels:
    """Perturb one picture.

    Args:
        name: One of `names()`.
        pixels: RGB, shape (h, w, 3); kept as it is.
        severity: 1 barely visible to 5 heavy.
        seed: Same seed, same result; the severities of one seed share their random draws.

    Returns:
        RGB of the same shape; only `crop` makes it smaller.

    Raises:
        ConfigError: `bad_option` for an unknown name, another severity or no RGB picture;
            `not_installed` when a codec is missing (see `available`).

    Example:
        >>> grey = np.full((17, 23, 3), 128, np.uint8)
        >>> apply("brightness", grey, severity=3, seed=0).shape
        (17, 23, 3)
    """
    return get(name)(pixels, severity, np.random.default_rng(seed))


def apply_frames(name: str, frames: Sequence[Pixels], severity: int, seed: int) -> list[Pixels]:
    """Perturb consecutive frames of one video, all of one shape.

    A codec sees them as a video; overlays, colours and warps stay the same from frame to frame;
    noise is drawn anew for each.

    Raises:
        ConfigError: As for `apply`.

    Example:
        >>> grey = np.full((16, 16, 3), 128, np.uint8)
        >>> first, second = apply_frames("gaussian_noise", [grey, grey], severity=1, seed=0)
        >>> bool((first == second).all())
        False
    """
    return get(name).frames(frames, severity, np.random.default_rng(seed))


def chain(pixels: Pixels, steps: Sequence[tuple[str, int]], seed: int) -> Pixels:
    """Perturb one picture several times over, each step by name and severity.

    Example:
        >>> grey = np.full((17, 23, 3), 128, np.uint8)
        >>> chain(grey, [("shrink_area", 3), ("jpeg", 2)], seed=0).shape
        (17, 23, 3)
    """
    rng = np.random.default_rng(seed)
    for name, severity in steps:
        pixels = get(name)(pixels, severity, rng)
    return pixels


@cache
def _all() -> dict[str, Perturbation]:
    found: dict[str, Perturbation] = {}
    for entry in sorted(pkgutil.iter_modules(__path__), key=lambda entry: entry.name):
        for value in vars(import_module(f"{__name__}.{entry.name}")).values():
            if not isinstance(value, Perturbation) or value.family != entry.name:
                continue
            if value.name in found:
                raise ValueError(f"two perturbations are called {value.name!r}")
            found[value.name] = value
    return found
