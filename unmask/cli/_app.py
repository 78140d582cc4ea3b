"""The Typer app, put together from the files of this folder."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Annotated, ParamSpec

import typer

from unmask import __version__, cli
from unmask.cli._guard import ending

P = ParamSpec("P")


def build() -> typer.Typer:
    """The whole command line as a Typer app."""
    app = _group(cli)
    app.callback()(_root)
    return app


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
            group.command(name)(_exiting(module.run))
    return group


def _exiting(run: Callable[P, int]) -> Callable[P, None]:
    """A command that ends with the exit code that its function returns.

    Errors are caught in here: Typer would exit with 1, our "something found", when the reader of a
    pipe goes away or, in some versions, on Ctrl-C.
    """

    @functools.wraps(run)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        raise typer.Exit(ending(lambda: run(*args, **kwargs)))

    return wrapped
