"""`unmask train`: train a detector, a finder or a landmark model from a recipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def run(
    recipe: Annotated[
        str, typer.Argument(help="A recipe's file, or the name of one that Unmask ships.")
    ],
    data: Annotated[
        Path, typer.Option(help="Folder of the data set that the recipe's method reads.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the run; an interrupted run in it goes on.")],
    cache: Annotated[
        Path | None, typer.Option(help="Where slow preparation is kept. [default: .cache]")
    ] = None,
) -> int:
    """Train from a recipe; prints the best validation's measures as JSON. Needs unmask[lab]."""
    from unmask.cli._lab import lab

    measures = lab("train").train(lab("method").read_recipe(recipe), data, out, cache)
    print(json.dumps(measures))
    return 0
