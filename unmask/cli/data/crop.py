"""`unmask data crop`: the faces of a data set, cut once."""

from __future__ import annotations

import json as jsons
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from unmask.judge.card import CropRecipe
    from unmask.lab.data.crop import Outcome

EXAMPLES = 5


def run(
    root: Annotated[Path, typer.Argument(help="The data set's folder.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="New, or one to be continued.")],
    layout: Annotated[
        str | None, typer.Option(metavar="NAME", help="Its layout. [default: recognised]")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(metavar="BUNDLE", help="Cut as this detector wants it.")
    ] = None,
    size: Annotated[
        int | None, typer.Option(min=16, help="Or so many pixels a side. [default: 256]")
    ] = None,
    margin: Annotated[
        float | None, typer.Option(min=1.0, help="With so much around it. [default: 1.3]")
    ] = None,
    frames: Annotated[int, typer.Option(min=1, help="Of a video, evenly spread.")] = 32,
    format: Annotated[str, typer.Option(help="How they are stored: tar, folders …")] = "tar",
    image: Annotated[str, typer.Option(metavar="png|jpg", help="How crops are encoded.")] = "png",
    workers: Annotated[int, typer.Option(min=1, help="Photos and videos side by side.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> int:
    """Cut the main face out of every photo and video; 3 if a file could not be used."""
    from unmask.cli._lab import lab
    from unmask.cli._progress import followed

    room = lab("data.crop")
    settings = room.Settings(_recipe(recipe, size, margin), frames, format, image)
    outcome = room.crop(
        root,
        out,
        settings,
        name=layout,
        workers=workers,
        follow=lambda work, total: followed(work, lambda: total, "photos and videos"),
    )
    if json:
        print(jsons.dumps(room.asdict(outcome), indent=1))
    else:
        print("\n".join(_lines(outcome)))
    return 3 if outcome.failed else 0


def _recipe(bundle: str | None, size: int | None, margin: float | None) -> CropRecipe:
    """A bundle's recipe, or the usual one with another size or margin."""
    from dataclasses import replace

    from unmask.cli._lab import lab
    from unmask.errors import ConfigError
    from unmask.judge.bundle import resolve

    if bundle:
        if size or margin:
            raise ConfigError("bad_option", "Give --recipe, or --size and --margin, not both.")
        return resolve(bundle).card.crop
    usual: CropRecipe = lab("data.crop").PLAIN
    side = size or usual.size[0]
    return replace(usual, size=(side, side), margin=margin or usual.margin)


def _lines(outcome: Outcome) -> Iterator[str]:
    """Totals, then what has no crop."""
    told = (
        f"{outcome.crops} crops of {outcome.looked} pictures in {outcome.units} photos and videos"
    )
    yield f"{outcome.layout}: {told}"
    yield from _some("no usable face", outcome.faceless)
    yield from _some("not usable", outcome.failed)


def _some(what: str, why: Mapping[str, str]) -> Iterator[str]:
    """How many, and the first few with their reasons."""
    from unmask.cli._text import safe

    if why:
        yield f"{what}  {len(why)}"
        yield from (f"  {safe(path)}: {code}" for path, code in islice(why.items(), EXAMPLES))
    if len(why) > EXAMPLES:
        yield f"  and {len(why) - EXAMPLES} more"
