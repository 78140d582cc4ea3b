"""Other people's detectors, to be measured beside ours on the same crops.

Each module of this folder is one: a literal `CARD` (title, authors, venue, year, arxiv, licence of
the weights, trained_on and seen by name of weights, notes), the crop that it was trained on as
`CROP`, and `load(path)`. `seen` names the sets on which a figure is not one of unseen data, so that
a table can mark it. A new peer needs no other place than its own file. No weights lie here; their
path is the caller's.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unmask.errors import ConfigError
from unmask.judge.card import CropRecipe

__all__ = ["Logits", "Peer", "get", "names"]

Logits = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
"""Crops, shape (n, h, w, 3), RGB, to logits, shape (n,); higher = more likely manipulated."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A published detector.

    Attributes:
        name: Its module.
        card: What is known about it; the keys stand at the head of this file.
        crop: How its input is cut.
        load: Weights file to detector. Raises `BundleError`: `bundle_missing` without a file,
            `bundle_invalid` when it does not hold this detector.
    """

    name: str
    card: Mapping[str, Any]
    crop: CropRecipe
    load: Callable[[Path], Logits]

    def seen(self, weights: Path) -> tuple[str, ...]:
        """Sets that these weights know, by the file's name; all known ones where that is silent.

        Example:
            >>> get("mesonet").seen(Path("Meso4_DF.safetensors"))
            ('swap_meso',)
        """
        known: Mapping[str, tuple[str, ...]] = self.card["seen"]
        told = [name for name in known if name in weights.stem] or list(known)
        return tuple(dict.fromkeys(one for name in told for one in known[name]))


def names() -> tuple[str, ...]:
    """All peers, in alphabetical order.

    Example:
        >>> "mesonet" in names()
        True
    """
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(sorted(name for name in found if not name.startswith("_")))


def get(name: str) -> Peer:
    """A peer by name.

    Raises:
        ConfigError: `unknown_detector`.

    Example:
        >>> get("mesonet").card["year"], get("mesonet").crop.size
        (2018, (256, 256))
    """
    if name not in names():
        known = ", ".join(names())
        raise ConfigError("unknown_detector", f"no peer called {name!r}; there are: {known}")
    module = import_module(f"{__name__}.{name}")
    return Peer(name, module.CARD, module.CROP, module.load)
