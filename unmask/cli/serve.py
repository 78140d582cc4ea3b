"""`unmask serve`: the web page and the HTTP API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Host = Annotated[str, typer.Option(metavar="ADDRESS", help="Listen here; not loopback: --token.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Listen here; 0 for any free port.")]
Token = Annotated[
    str | None, typer.Option(envvar="UNMASK_TOKEN", help="What clients must present.")
]
Data = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folder of everything it keeps. [default: yours]")
]
Workers = Annotated[
    int | None, typer.Option(min=1, max=64, help="Most worker processes. [default: one per core]")
]
Retention = Annotated[
    str, typer.Option(metavar="TIME", help="Erase results after it: 7 (days), 12h, 30m, never.")
]
AllowHost = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="A further name of this server; repeatable."),
]
MaxBytes = Annotated[int | None, typer.Option(min=1, help="Refuse larger files.")]
MaxRequestBytes = Annotated[int | None, typer.Option(min=1, help="Refuse larger requests.")]
MaxFiles = Annotated[int | None, typer.Option(min=1, max=1000, help="Files in one request.")]
MaxPixels = Annotated[int | None, typer.Option(min=1, help="Refuse larger pictures.")]
MaxSeconds = Annotated[float | None, typer.Option(min=0, help="Refuse longer videos.")]
MaxQueue = Annotated[int | None, typer.Option(min=1, help="Analyses that may wait.")]
MaxUploads = Annotated[int | None, typer.Option(min=1, help="Uploads at a time.")]
Patience = Annotated[float | None, typer.Option(min=0.1, help="Seconds for one analysis.")]


def run(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    token: Token = None,
    data: Data = None,
    workers: Workers = None,
    retention: Retention = "7",
    allow_host: AllowHost = None,
    max_bytes: MaxBytes = None,
    max_request_bytes: MaxRequestBytes = None,
    max_files: MaxFiles = None,
    max_pixels: MaxPixels = None,
    max_seconds: MaxSeconds = None,
    max_queue: MaxQueue = None,
    max_uploads: MaxUploads = None,
    patience: Patience = None,
) -> int:
    """Serve the web page and the HTTP API on this machine until interrupted."""
    import sys

    from unmask.serve import settings
    from unmask.serve.launch import serve

    bounds = settings.bounds(
        file_bytes=max_bytes,
        request_bytes=max_request_bytes,
        files=max_files,
        pixels=max_pixels,
        seconds=max_seconds,
        queue=max_queue,
        uploads=max_uploads,
        patience=patience,
    )
    where, names = data or settings.default_data(), tuple(allow_host or ())
    kept, many = settings.span(retention), workers or settings.cores()
    chosen = settings.Settings(where, host, port, token, names, many, kept, bounds)
    serve(chosen, lambda page: print(f"Unmask is at {page}", file=sys.stderr, flush=True))
    return 0
