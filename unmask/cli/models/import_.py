"""`unmask models import`: take a bundle into your own folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    folder: Annotated[Path, typer.Argument(help="The bundle: a folder with card.json.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Overwrite an imported bundle of the same name.")
    ] = False,
) -> int:
    """Verify a bundle and copy it into your folder, so that its name can be used."""
    from unmask.cli._text import safe
    from unmask.judge.bundle import import_folder

    found = import_folder(folder, replace=replace)
    print(f"{found.card.name} {found.card.version} {safe(str(found.folder))}")
    return 0
