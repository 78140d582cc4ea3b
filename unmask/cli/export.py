"""`unmask export`: turn a finished training run into a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A folder that `unmask train` wrote.")],
    out: Annotated[Path, typer.Option(help="The bundle's folder, made when missing.")],
    data: Annotated[
        Path | None,
        typer.Option(help="Data set's folder: calibrates on its validation part and measures."),
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Where slow preparation is kept. [default: .cache]")
    ] = None,
    int8: Annotated[
        bool,
        typer.Option("--int8", help="Integers of eight bits where they do no harm; needs --data."),
    ] = False,
    int8_loss: Annotated[
        float, typer.Option(min=0, metavar="AUC", help="Largest loss that --int8 may cause.")
    ] = 0.005,
) -> int:
    """Write model.onnx, checked against torch, and card.json. Needs unmask[lab]."""
    from unmask.cli._lab import lab
    from unmask.cli._text import safe

    print(safe(str(lab("export").export(run, out, data, cache, int8_loss if int8 else None))))
    return 0
