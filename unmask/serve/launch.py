"""Starts the server: a worker that loads its models, which takes longest, then all the rest."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

from unmask.errors import ConfigError, ServeError
from unmask.serve.folder import Folder
from unmask.serve.hand import spawn
from unmask.serve.settings import Settings
from unmask.serve.store import Store

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

LIBRARIES = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")
BACKLOG = 256

GRACE = 3
"""Seconds that open requests have when the server is told to end."""


def serve(settings: Settings, told: Callable[[str], None]) -> None:
    """Serve until the process is told to end.

    Args:
        settings: Of the server.
        told: Called with the page's address once it can be opened.

    Raises:
        ConfigError: `not_installed` without the extra, `bad_option` for a useless data folder
            or store.
        ServeError: `address_taken`, `folder_taken`.
    """
    _refuse_without_libraries()
    os.umask(0o077)
    with spawn() as first:
        _load_quickly()
        try:
            _serve(settings, first, told)
        finally:
            first.kill()


def _serve(settings: Settings, first: subprocess.Popen[bytes], told: Callable[[str], None]) -> None:
    with closing(Folder(settings.data)) as folder:
        Store(folder.store, settings.retention).close()  # what is none is told before all else
        with bound(settings) as listening:
            from unmask.serve.app import build

            found = _of(settings, listening)
            app = build(found, folder, first)
            server = served(app)
            with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
                runner.run(_run(server, listening, lambda: told(_address(found))))


async def _run(server: uvicorn.Server, listening: socket.socket, told: Callable[[], None]) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not (server.started or serving.done()):
        await asyncio.sleep(0.005)
    gc.freeze()
    gc.enable()
    if server.started:
        told()
    await serving
    if not server.started:
        raise ServeError("internal", "The server could not start.")


def served(app: ASGIApp) -> uvicorn.Server:
    """The HTTP server of an application, not yet started."""
    import uvicorn

    from unmask.serve.wire import Wire

    for name in ("uvicorn.error", "uvicorn.access", "python_multipart"):  # no client's words
        logging.getLogger(name).setLevel(logging.ERROR)
    config = uvicorn.Config(
        app,
        http=Wire,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE,
    )
    return uvicorn.Server(config)


def bound(settings: Settings) -> socket.socket:
    """A socket at the settings' address; who connects before the server is up waits for it."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        made = socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise ServeError(
            "address_taken",
            f"Cannot listen at {settings.host} port {settings.port}: {error.strerror}.",
        ) from error
    # Connections take it over. Without it the body of an answer waits, on a connection that is
    # kept, for the client to confirm the head, which takes it 40 ms.
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def _of(settings: Settings, listening: socket.socket) -> Settings:
    """The settings with the port that was found."""
    return replace(settings, port=listening.getsockname()[1])


def _address(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}/"


def _load_quickly() -> None:
    """Save a fifth of the start.

    Looking for garbage among what is only just loaded finds none; and FastAPI would load the whole
    of pydantic's first version, just to tell that no model of ours is one of it.
    """
    gc.disable()
    sys.modules["pydantic.v1"] = None  # type: ignore[assignment]


def _refuse_without_libraries() -> None:
    for name in LIBRARIES:
        if not find_spec(name):
            raise ConfigError(
                "not_installed", f"{name} is missing; install it: pip install 'unmask[serve]'"
            )
