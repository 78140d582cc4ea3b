"""The last room: tell what was found, in the format that the reader needs.

A format is one module of this folder with two names: `SUFFIX`, the ending of its files, and
`write(report, stream)`. Formats from outside come in through the entry-point group
`unmask.reports`, under the same two names. Importing this package loads none of them.
"""

from __future__ import annotations

import io
import os
import pkgutil
import secrets
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

from unmask.errors import ConfigError

if TYPE_CHECKING:
    from unmask.types import Report

__all__ = ["Format", "choose", "formats", "render", "write"]


class Format(Protocol):
    """What a module must offer to be a format.

    Attributes:
        SUFFIX: Ending of its files, lower case with the dot: ".html".
    """

    SUFFIX: str

    def write(self, report: Report, stream: TextIO) -> None:
        """Write the whole report to a text stream."""


@cache
def formats() -> dict[str, Format]:
    """All formats by suffix; ours win over one from outside with the same suffix.

    Example:
        >>> sorted(formats())
        ['.csv', '.html', '.json', '.jsonl']
    """
    outside = [point.load() for point in entry_points(group="unmask.reports")]
    inside = [import_module(f"{__name__}.{entry.name}") for entry in pkgutil.iter_modules(__path__)]
    return {module.SUFFIX: module for module in outside + inside if hasattr(module, "SUFFIX")}


def choose(path: str | Path) -> Format:
    """The format that a file's name asks for.

    Lets a caller refuse a wrong name before hours of work instead of after them.

    Raises:
        ConfigError: `unknown_format`.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in formats():
        known = ", ".join(sorted(formats()))
        raise ConfigError(
            "unknown_format", f"No report format for {str(path)!a}; the name must end in {known}."
        )
    return formats()[suffix]


def render(report: Report, suffix: str) -> str:
    """The report as one string, for callers that send it on instead of keeping it.

    Raises:
        ConfigError: `unknown_format`.
    """
    stream = io.StringIO()
    choose(f"report{suffix}").write(report, stream)
    return stream.getvalue()


def write(report: Report, path: str | Path) -> None:
    """Write the report in the format of the path's suffix, UTF-8, whole or not at all.

    Example:
        >>> write(unmask.check("photo.jpg"), "report.html")  # doctest: +SKIP

    Raises:
        ConfigError: `unknown_format`, or `bad_option` when the file cannot be written.
    """
    form = choose(path)
    target = Path(os.path.realpath(path))
    part = target.parent / f".unmask-{secrets.token_hex(8)}.part"
    try:
        with part.open("x", encoding="utf-8", newline="") as stream:
            form.write(report, stream)
        part.replace(target)
    except OSError as error:
        raise ConfigError(
            "bad_option", f"Cannot write the report to {str(path)!a}: {error.strerror or error}."
        ) from error
    finally:
        part.unlink(missing_ok=True)
