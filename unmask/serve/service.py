"""The routes about the server itself, and the page."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, Response

from unmask.serve import metrics
from unmask.serve.described import answers, problems
from unmask.serve.desk import Desk
from unmask.serve.options import catalogue
from unmask.serve.problems import RefusedError

PAGE: Final = Path(__file__).parent / "page"

router = APIRouter(tags=["server"])


@router.get(
    "/v1/detectors",
    summary="The detectors that can be asked",
    responses={**answers("Detectors"), **problems("foreign_origin")},
)
async def detectors() -> Response:
    """Those that come with Unmask, and those that were imported."""
    found = await asyncio.to_thread(catalogue)
    return Response(json.dumps({"detectors": found}), media_type="application/json")


@router.get(
    "/healthz",
    summary="Whether the server answers",
    responses={**answers("Health"), **problems("foreign_origin")},
)
async def alive() -> Response:
    """True whenever it is answered."""
    return JSONResponse({"status": "ok"})


@router.get(
    "/readyz",
    summary="Whether it can examine something now",
    responses={**answers("Health"), **problems("foreign_origin", "not_ready")},
)
async def ready(request: Request) -> Response:
    """True when a worker has its models loaded and the store answers."""
    desk: Desk = request.app.state.desk
    await desk.clerk(desk.store.counts)
    if not desk.crew.ready:
        raise RefusedError("not_ready", "The models are being loaded.", Retry_After="1")
    return JSONResponse({"status": "ok"})


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    responses={
        200: {"description": "Text format.", "content": {"text/plain": {}}},
        **problems("foreign_origin"),
    },
)
async def figures(request: Request) -> Response:
    """Requests, analyses by state, queue, seconds per analysis, workers."""
    desk: Desk = request.app.state.desk
    states = await desk.clerk(desk.store.counts)
    text = await asyncio.to_thread(desk.tally.exposition, states, len(desk.crew.pids))
    return Response(text, media_type=metrics.MEDIA)


@router.get("/", include_in_schema=False)
async def page() -> Response:
    """The page."""
    return FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-cache"})
