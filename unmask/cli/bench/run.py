"""`unmask bench run`: measure detectors under a protocol."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer


def run(
    protocol: Annotated[
        str, typer.Argument(help="A protocol's file, or the name of one that Unmask ships.")
    ],
    data: Annotated[
        list[str],
        typer.Option(metavar="ROOT", help="Folder of a data set, or NAME=ROOT. May be repeated."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the results; a stopped run in it goes on.")],
    detectors: Annotated[
        str | None,
        typer.Option(
            metavar="A,B", help="What is measured. [default: the embedded ones, fused and alone]"
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Videos or photos a class. [default: all]")
    ] = None,
    perturb: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Perturbation, family or all; with :1 to :5 for one."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of every choice.")] = 0,
    draws: Annotated[int, typer.Option(min=1, help="Of the bootstrap.")] = 1000,
) -> int:
    """Measure detectors under a protocol; prints its tables. Needs unmask[lab,bench]."""
    from unmask.cli._progress import followed
    from unmask.errors import ConfigError
    from unmask.judge import bundle

    try:
        from unmask.bench.run import Options
        from unmask.bench.run import run as measure
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("unmask"):
            raise
        raise ConfigError(
            "not_installed",
            f"{error.name} is missing; install the bench: pip install 'unmask[lab,bench]'",
        ) from error
    own = bundle.embedded_detectors()
    words = detectors.split(",") if detectors else ["+".join(own), *own]
    options = Options(
        detectors=tuple(word.strip() for word in words if word.strip()),
        data=tuple(data),
        out=out,
        limit=limit,
        perturb=tuple(perturb or ()),
        seed=seed,
        draws=draws,
        command=shlex.join(["unmask", *sys.argv[1:]]),
    )
    text = measure(protocol, options, lambda found, total: followed(found, lambda: total, "files"))
    print(text, end="")
    return 0
