"""What went wrong, as `application/problem+json` (RFC 9457) with the library's codes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from unmask.errors import BundleError, ConfigError, ServeError, UnmaskError

MEDIA = "application/problem+json"

STATUS: Mapping[str, int] = {
    "bad_request": 400,
    "unauthorised": 401,
    "foreign_host": 403,
    "foreign_origin": 403,
    "not_found": 404,
    "wrong_method": 405,
    "too_slow": 408,
    "too_many_bytes": 413,
    "too_many_parts": 413,
    "unsupported_body": 415,
    "no_files": 422,
    "bad_field": 422,
    "queue_full": 429,
    "too_many_uploads": 429,
    "internal": 500,
    "worker_lost": 500,
    "not_ready": 503,
    "too_many_connections": 503,
    "timeout": 504,
    "storage_full": 507,
}
"""HTTP status of each code of `ServeError` that a request can meet."""

_PLAIN = {404: "not_found", 405: "wrong_method"}


class RefusedError(ServeError):
    """A request that is refused, with headers of its own such as `Retry-After`."""

    def __init__(self, code: str, message: str, **headers: str) -> None:
        super().__init__(code, message)
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def status(error: UnmaskError) -> int:
    """The HTTP status that an error is answered with."""
    if isinstance(error, ConfigError | BundleError):
        return 422
    return STATUS.get(error.code, 500)


def document(code: str, detail: str, number: int) -> dict[str, Any]:
    """The body of a problem.

    Example:
        >>> document("not_found", "There is no such analysis.", 404)["title"]
        'Not Found'
    """
    return {
        "type": f"urn:unmask:problem:{code}",
        "title": HTTPStatus(number).phrase,
        "status": number,
        "detail": detail,
        "code": code,
    }


def answer(error: UnmaskError) -> Response:
    """The response for an error."""
    number = status(error)
    headers = dict(error.headers) if isinstance(error, RefusedError) else {}
    if number == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body = json.dumps(document(error.code, error.message, number)).encode()
    return Response(body, number, headers, MEDIA)


async def of_ours(_: Request, error: Exception) -> Response:
    """Any error of the library."""
    assert isinstance(error, UnmaskError)
    return answer(error)


async def of_the_framework(request: Request, error: Exception) -> Response:
    """An unknown path or a method that it does not know."""
    assert isinstance(error, HTTPException)
    code = _PLAIN.get(error.status_code, "bad_request")
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_allowed(request))
    return answer(RefusedError(code, f"{error.detail}.", **headers))


def _allowed(request: Request) -> list[str]:
    """The methods that the path of a request knows; the framework tells those of one route only."""
    ways = ({**request.scope, "method": name} for name in ("GET", "HEAD", "POST", "DELETE"))
    routes = request.app.routes
    full = Match.FULL
    return [way["method"] for way in ways if any(one.matches(way)[0] is full for one in routes)]


async def of_a_parameter(_: Request, error: Exception) -> Response:
    """A parameter of the path or of the query that is not what it must be."""
    found: Any = error
    told = "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in found.errors()[:3])
    return answer(ConfigError("bad_option", told))


async def of_a_defect(_: Request, __: Exception) -> Response:
    """A defect; the framework tells the log more of it than the client gets to hear."""
    return answer(ServeError("internal", "Unmask failed on this request."))
