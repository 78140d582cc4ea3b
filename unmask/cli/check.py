"""`unmask check`: photos, videos and folders in, findings out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli._check import AT, check

Paths = Annotated[
    list[str], typer.Argument(metavar="PATH…", help="Files or folders; - reads paths from stdin.")
]
Out = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="Write a .json, .jsonl, .csv or .html; repeatable."),
]
Jsonl = Annotated[
    bool, typer.Option("--jsonl", help="One JSON object per input on stdout, at once.")
]
Detectors = Annotated[
    str | None, typer.Option(metavar="A,B", help="Names or folders. [default: ours]")
]
Finder = Annotated[
    str | None, typer.Option(metavar="NAME", help="Face finder, such as yunet. [default: ours]")
]
At = Annotated[
    str, typer.Option(metavar="fpr=RATE", help="False-alarm rate that sets the threshold.")
]
Promise = Annotated[
    float | None,
    typer.Option(metavar="RATE", help="Answer only where so small an error can be promised."),
]
Frames = Annotated[
    str | None,
    typer.Option(metavar="N|all", help="Frames of a video, spread evenly. [default: 32]"),
]
Fps = Annotated[
    float | None, typer.Option(metavar="F", help="Or so many frames of a video a second.")
]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Inputs examined at a time. [default: one per core]")
]
MaxBytes = Annotated[int | None, typer.Option(min=1, help="Refuse larger files.")]
MaxPixels = Annotated[int | None, typer.Option(min=1, help="Refuse larger pictures.")]
MaxSeconds = Annotated[float | None, typer.Option(min=0, help="Refuse longer videos.")]
ExitZero = Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 in place of 1 and 3.")]


def run(
    paths: Paths,
    out: Out = None,
    jsonl: Jsonl = False,
    detectors: Detectors = None,
    finder: Finder = None,
    at: At = AT,
    promise: Promise = None,
    frames: Frames = None,
    fps: Fps = None,
    threads: Threads = None,
    max_bytes: MaxBytes = None,
    max_pixels: MaxPixels = None,
    max_seconds: MaxSeconds = None,
    exit_zero: ExitZero = False,
) -> int:
    """Tell for each face whether it looks manipulated, how sure that is, and why to doubt it.

    Exit code: 0 nothing over the threshold, 1 something over it, 2 error, 3 incomplete.
    """
    code = check(
        paths,
        out=out or (),
        jsonl=jsonl,
        detectors=detectors.split(",") if detectors else None,
        finder=finder,
        at=at,
        promise=promise,
        limits={"bytes": max_bytes, "pixels": max_pixels, "seconds": max_seconds},
        frames=frames,
        fps=fps,
        threads=threads,
    )
    return 0 if exit_zero and code in (1, 3) else code
