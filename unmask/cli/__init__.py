"""Tell whether a face in a photo or a video is genuine, and show the evidence.

A command is a file of this folder with a function `run` that returns the exit code; a folder is a
group of commands. Both are found by walking, so that adding a file adds the command. A trailing
underscore (`import_.py`) keeps a name clear of Python's keywords; a leading one hides a helper.

Exit codes: 0 done, nothing over the threshold; 1 at least one finding over it; 2 usage,
configuration or internal error; 3 incomplete; 130 interrupted; 141 nobody reads the output.
"""

from __future__ import annotations

import inspect
import sys
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Annotated

import typer

from unmask import __version__
from unmask.cli._guard import guarded, report_crash


def _version(wanted: bool) -> None:
    if wanted:
        print(f"unmask {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it and stop.")
    ] = False,
) -> None:
    """Options of `unmask` itself."""


def _group(package: ModuleType) -> typer.Typer:
    """A Typer group of every command that lies in a package."""
    group = typer.Typer(
        help=(inspect.getdoc(package) or "").split("\n", 1)[0],
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    for found in iter_modules(package.__path__):
        if found.name.startswith("_"):
            continue
        module = import_module(f"{package.__name__}.{found.name}")
        name = found.name.rstrip("_").replace("_", "-")
        if found.ispkg:
            group.add_typer(_group(module), name=name)
        else:
            group.command(name)(guarded(module.run))
    return group


def build() -> typer.Typer:
    """The whole command line as a Typer app."""
    app = _group(sys.modules[__name__])
    app.callback()(_root)
    return app


def main() -> None:
    """Run the command line; the entry point of the `unmask` script."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")
    try:
        build()(prog_name="unmask")
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last line of defence
        sys.exit(report_crash(error))
