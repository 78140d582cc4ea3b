"""The application: routes, the guard before them, and the desk that lives as long as it does."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from unmask import __version__
from unmask.errors import UnmaskError
from unmask.serve import analyses, described, problems, service
from unmask.serve.desk import Desk
from unmask.serve.folder import Folder
from unmask.serve.guard import Guard
from unmask.serve.settings import Settings


def build(
    settings: Settings, folder: Folder, first: subprocess.Popen[bytes] | None = None
) -> Guard:
    """The application, to be run by any ASGI server with one process.

    Args:
        settings: Of the server.
        folder: The data folder, held by this process.
        first: A worker process that was started already.
    """
    desk = Desk(settings, folder)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await desk.open(first)
        try:
            yield
        finally:
            await desk.close()

    app = FastAPI(
        title="Unmask",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.desk = desk
    app.include_router(analyses.router(settings.bounds))
    app.include_router(service.router)
    app.mount("/page", Page(directory=service.PAGE, check_dir=False))
    _handle_errors(app)
    _describe(app, guarded=settings.token is not None)
    return Guard(app, settings, desk.tally)  # outermost, so that no answer goes out without it


class Page(StaticFiles):
    """The page's files; asked for anew each time, so that an update is seen at once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One of them."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


def _handle_errors(app: FastAPI) -> None:
    app.add_exception_handler(UnmaskError, problems.of_ours)
    app.add_exception_handler(HTTPException, problems.of_the_framework)
    app.add_exception_handler(RequestValidationError, problems.of_a_parameter)
    app.add_exception_handler(ClientDisconnect, _nobody)
    app.add_exception_handler(Exception, problems.of_a_defect)


async def _nobody(_: Request, __: Exception) -> Response:
    """The client is gone; whatever is answered, nobody hears it."""
    return Response(status_code=400)


def _describe(app: FastAPI, *, guarded: bool) -> None:
    """Have the description made once, when it is asked for."""

    def description() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = described.describe(app, guarded=guarded)
        return app.openapi_schema

    app.openapi = description  # type: ignore[method-assign]
