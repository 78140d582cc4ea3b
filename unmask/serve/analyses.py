"""The routes of `/v1/analyses`."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response, StreamingResponse

from unmask.serve import documents, events, examples
from unmask.serve.described import answers, form, problems
from unmask.serve.desk import Desk
from unmask.serve.folder import PICTURES, REPORT
from unmask.serve.problems import RefusedError
from unmask.serve.records import Record
from unmask.serve.settings import Bounds
from unmask.serve.uploads import received

LONGEST_WAIT: Final = 30.0

Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$", examples=[examples.ANALYSIS["id"]])]
Wait = Annotated[
    float | None, Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for the end.")
]
Name = Annotated[
    str, Path(pattern=r"^[0-9]{1,4}-[0-9a-z-]{1,32}\.(jpg|png)$", examples=["0-0-crop.jpg"])
]

_SANDBOX: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_EVENT: Final = {
    "type": "object",
    "description": "One event; comments may stand between them.",
    "required": ["event", "data"],
    "properties": {
        "event": {"enum": ["progress", "end"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}
_KINDS: Final = {".jpg": "image/jpeg", ".png": "image/png"}
_EXPORTS: Final = {"html": "text/html", "json": "application/json", "csv": "text/csv"}


def router(bounds: Bounds) -> APIRouter:
    """The routes, described with the limits of this server."""
    made = APIRouter(prefix="/v1/analyses", tags=["analyses"])
    made.post(
        "",
        status_code=202,
        summary="Examine photos and videos",
        openapi_extra={"requestBody": form(bounds)},
        responses={
            **answers("Analysis", 200, "Known already, or done in time."),
            **answers("Analysis", 202, "Accepted; its address is in `Location`."),
            **problems(*_UPLOAD_PROBLEMS),
        },
    )(enter)
    made.get("", summary="List analyses", responses=_listed())(listing)
    made.get("/{id}", summary="One analysis", responses=_one())(one)
    made.delete("/{id}", status_code=204, summary="Erase everything of it", responses=_gone())(gone)
    made.get("/{id}/events", summary="Progress as it comes", responses=_streamed())(stream)
    for kind in _EXPORTS:
        made.get(f"/{{id}}/report.{kind}", summary=f"The report as {kind}", responses=_file(kind))(
            _export(kind)
        )
    made.get("/{id}/pictures/{name}", summary="A picture", responses=_shown())(picture)
    return made


_UPLOAD_PROBLEMS: Final = (
    *("foreign_origin", "too_slow", "too_many_bytes", "too_many_parts", "unsupported_body"),
    *("no_files", "bad_field", "bad_option", "unknown_detector", "queue_full"),
    *("too_many_uploads", "storage_full"),
)


async def enter(request: Request, wait: Wait = None) -> Response:
    """Files go in as parts `files` of a form, options as further fields.

    The same bytes with the same options and models are answered with the analysis that there is.
    """
    desk = _desk(request)
    with desk.admitted():
        async with received(request, desk.folder, desk.settings.bounds) as upload:
            record, fresh = await desk.accept(upload)
    if wait and not fresh:  # what was uploaded had to be erased meanwhile
        record = await desk.fetch(record.id) or record
    outcome = await events.ended(desk.board, record, wait) if wait else None
    now, document = await _document(desk, record, outcome)
    status = 200 if now.ended or not fresh else 202
    return _json(document, status, {"Location": f"/v1/analyses/{record.id}"})


async def listing(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(pattern="^[0-9]{1,18}$")] = None,
    q: Annotated[str, Query(max_length=200, description="In names and verdicts.")] = "",
) -> Response:
    """The newest first."""
    desk = _desk(request)
    before = None if cursor is None else int(cursor)
    found = await desk.clerk(desk.store.listing, limit + 1, before, q)
    shown = found[:limit]
    told = [documents.summary(record, desk.board.progress(record)) for record in shown]
    more = str(shown[-1].number) if len(found) > limit else None
    return _json(json.dumps({"analyses": told, "next": more}).encode())


async def one(request: Request, id: Id, wait: Wait = None) -> Response:
    """Its state, and its report once it is done."""
    desk = _desk(request)
    record = await desk.known(id)
    outcome = await events.ended(desk.board, record, wait) if wait else None
    if wait and not (outcome or record.ended):  # it may be no more
        record = await desk.known(id)
    _, document = await _document(desk, record, outcome)
    return _json(document)


async def gone(request: Request, id: Id) -> Response:
    """Ends it if it runs; afterwards nothing of it is left on the disk."""
    if not await _desk(request).crew.erase(id):
        raise RefusedError("not_found", "There is no such analysis.")
    return Response(status_code=204)


async def stream(request: Request, id: Id) -> Response:
    """Server-sent events: `progress` now and after every change, `end` as the last one."""
    desk = _desk(request)
    await desk.known(id)
    told = events.stream(desk.board, id, lambda: desk.fetch(id))
    return StreamingResponse(told, media_type="text/event-stream")


async def picture(request: Request, id: Id, name: Name) -> Response:
    """A preview, a face, or a heat map, as the analysis names them."""
    desk = _desk(request)
    _, (found,) = await desk.results(await desk.known(id), name)
    if found is None:
        raise RefusedError("not_found", "There is no such picture.")
    kept = {"Cache-Control": "private, max-age=31536000, immutable"}
    return Response(found, media_type=_KINDS[name[-4:]], headers=kept)


def _export(kind: str) -> Any:
    async def export(request: Request, id: Id) -> Response:
        """As `unmask check --out` writes it."""
        found = await _desk(request).export(id, f".{kind}")
        headers = {"Content-Disposition": f'attachment; filename="unmask-{id[:8]}.{kind}"'}
        if kind == "html":
            headers["Content-Security-Policy"] = _SANDBOX
        return Response(found, media_type=_EXPORTS[kind], headers=headers)

    export.__name__ = f"report_{kind}"
    return export


async def _document(
    desk: Desk, record: Record, outcome: events.Outcome | None = None
) -> tuple[Record, bytes]:
    """The analysis as it is now, unless that was told already, and all of it as JSON."""
    now, files = outcome or await desk.results(record, REPORT, PICTURES)
    return now, documents.analysis(now, desk.board.progress(now), *files)


def _desk(request: Request) -> Desk:
    found: Desk = request.app.state.desk
    return found


def _json(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, headers, "application/json")


def _listed() -> dict[int | str, dict[str, Any]]:
    return {**answers("Listing"), **problems("foreign_origin", "bad_option")}


def _one() -> dict[int | str, dict[str, Any]]:
    return {**answers("Analysis"), **_found()}


def _gone() -> dict[int | str, dict[str, Any]]:
    return {204: {"description": "Erased."}, **_found()}


def _streamed() -> dict[int | str, dict[str, Any]]:
    content = {"text/event-stream": {"schema": _EVENT, "example": examples.EVENT}}
    return {200: {"description": "The events.", "content": content}, **_found()}


def _file(kind: str) -> dict[int | str, dict[str, Any]]:
    what = {"$ref": "#/components/schemas/Report"} if kind == "json" else {"type": "string"}
    return {
        200: {"description": "The file.", "content": {_EXPORTS[kind]: {"schema": what}}},
        **_found(),
    }


def _shown() -> dict[int | str, dict[str, Any]]:
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in _KINDS.values()}
    return {200: {"description": "The picture.", "content": content}, **_found()}


def _found() -> dict[int | str, dict[str, Any]]:
    return problems("foreign_origin", "not_found", "bad_option")
