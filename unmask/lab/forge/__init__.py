"""Makers of pseudo-forgeries and of the wear that every picture suffers on its way.

A module here that has a function `forge` is a *forging*: it turns a genuine face into a forged one
and says what it replaced. A recipe chooses one by the module's name, for every method whose
`Config` has a setting `forging`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Protocol, cast

import numpy as np

from unmask.errors import LabError
from unmask.types import Pixels, Plane, Points

Donor = tuple[Pixels, Points]
"""Another face: a picture, shape (h, w, 3), and its 68 landmarks in that picture's pixels."""
DrawDonor = Callable[[np.random.Generator], Donor]
"""Draws any genuine face. A forging that needs none leaves the generator untouched."""


class Forging(Protocol):
    """What the function `forge` of a module takes and gives."""

    def __call__(
        self, pixels: Pixels, landmarks: Points, rng: np.random.Generator, donor: DrawDonor
    ) -> tuple[Pixels, Plane]:
        """Forge a picture.

        Args:
            pixels: Shape (h, w, 3), RGB; not changed.
            landmarks: Shape (68, 2), in its pixels.
            rng: Equal generators give equal forgeries.
            donor: Where another face may be had.

        Returns:
            The forged picture and the mask of what was replaced, shape (h, w), 0..1.
        """


def named(name: str) -> Forging:
    """The forging of a module in this folder.

    Raises:
        LabError: `bad_recipe` when there is none of that name.

    Example:
        >>> named("blend").__module__
        'unmask.lab.forge.blend'
    """
    try:
        return cast(Forging, importlib.import_module(f"{__name__}.{name}").forge)
    except (ModuleNotFoundError, AttributeError) as error:
        raise LabError("bad_recipe", f"no forging called {name!r} in {__name__}") from error
