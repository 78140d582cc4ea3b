"""The door to the lab, which is there only where the extra was installed."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from unmask.errors import ConfigError


def lab(room: str) -> ModuleType:
    """The module `unmask.lab.<room>`.

    Raises:
        ConfigError: `not_installed` when one of the lab's libraries is missing.
    """
    try:
        return import_module(f"unmask.lab.{room}")
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("unmask"):
            raise
        raise ConfigError(
            "not_installed", f"{error.name} is missing; install the lab: pip install 'unmask[lab]'"
        ) from error
