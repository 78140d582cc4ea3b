"""How crops are stored: each format is a module of this folder with a class `Writer`."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from unmask.lab.data.cutting import Picture
from unmask.lab.data.units import Unit

Line = Mapping[str, Any]
"""One unit in the journal: what `Writer.put` returned, with more about it."""


class Writer(Protocol):
    """Stores the crops of one unit after another.

    What is in the folder depends on the units alone and not on interruptions: after one, the last
    line of the journal says up to where everything is stored, and the rest is written again.
    """

    def __init__(self, out: Path, units: Sequence[Unit], frames: int) -> None:
        """Prepare to store these units, of each video at most so many frames."""

    def resume(self, last: Line) -> None:
        """Go back to how things were right after the unit of this line.

        Raises:
            LabError: `data_missing` when what was stored is not there any more.
        """

    def put(self, unit: Unit, pictures: Sequence[Picture]) -> dict[str, Any]:
        """Store the crops of the next unit.

        Returns:
            What `resume` and `finish` need, for JSON.
        """
        ...

    def finish(self, lines: Iterable[Line]) -> None:
        """Complete the folder after the last unit.

        Args:
            lines: Of all units in their order.
        """

    def close(self) -> None:
        """Let go of everything, complete or not."""


@cache
def writers() -> Mapping[str, type[Writer]]:
    """All formats by name, sorted."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name: import_module(f"{__name__}.{name}").Writer for name in names}
