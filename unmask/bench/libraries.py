"""Libraries of the extra `[bench]`, loaded when something is drawn or stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from unmask.errors import ConfigError


def matplotlib() -> Any:
    """The library, of which only figures without a window and without a global state are used.

    Raises:
        ConfigError: `not_installed`.
    """
    with _needed("matplotlib"):
        import matplotlib.figure
    return matplotlib


def polars() -> Any:
    """The library of tables.

    Raises:
        ConfigError: `not_installed`.
    """
    with _needed("polars"):
        import polars
    return polars


@contextmanager
def _needed(name: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        message = f"{name} is missing; install the bench: pip install 'unmask[bench]'"
        raise ConfigError("not_installed", message) from error
