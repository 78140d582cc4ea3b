"""Who may speak to the server: its own page, and clients that hold the token.

Any page of the web can have a browser send requests to this machine. Three things tell them apart:
the `Host` header, which a page that points its own name at 127.0.0.1 cannot choose; `Origin` and
`Sec-Fetch-Site`, which browsers set and pages cannot; and the token, which never travels by itself,
because there are no cookies.

A body with two lengths is refused too: a proxy before this server could read the other one.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unmask.serve.metrics import Tally
from unmask.serve.problems import RefusedError, answer
from unmask.serve.settings import Settings, loopback

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "media-src blob:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), display-capture=()",
    "Cache-Control": "no-store",
}
"""Set on every answer that does not say otherwise itself."""

OPEN = frozenset({"/", "/healthz", "/readyz"})
"""What needs no token, beside the files of the page."""


class Guard:
    """Refuses foreign requests, and puts the security headers on every answer.

    Args:
        app: What stands behind it.
        settings: Of the server.
        tally: Where requests are counted.
    """

    def __init__(self, app: ASGIApp, settings: Settings, tally: Tally) -> None:
        self._app, self._settings, self._tally = app, settings, tally
        own = () if loopback(settings.host) else (settings.host,)
        self._names = {name.lower() for name in (*own, *settings.names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sending = self._sending(scope, send)
        try:
            self._check(scope)
        except RefusedError as refusal:
            await answer(refusal)(scope, receive, sending)
            return
        await self._app(scope, receive, sending)

    def _sending(self, scope: Scope, send: Send) -> Callable[[Message], Awaitable[None]]:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._tally.answered(_method(scope), message["status"])
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        return sending

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        if len(headers.getlist("host")) != 1 or not self._ours(host, scope):
            raise RefusedError("foreign_host", "This server does not answer to that name.")
        if "content-length" in headers and "transfer-encoding" in headers:
            raise RefusedError("bad_request", "A body has one length.", Connection="close")
        if not _from_here(headers, host, scope):
            raise RefusedError("foreign_origin", "Pages of other sites may not use this server.")
        if self._settings.token is not None and _guarded(scope["path"]):
            _check_token(headers, self._settings.token)

    def _ours(self, host: str, scope: Scope) -> bool:
        name, port = _parted(host)
        if host in self._names or name in self._names:
            return True
        return loopback(name) and port == scope["server"][1]


def _method(scope: Scope) -> str:
    """The method, or "other": a client must not be able to invent names without end."""
    known = {"GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH"}
    return scope["method"] if scope["method"] in known else "other"


def _parted(host: str) -> tuple[str, int]:
    """Name and port of a `Host` header; port -1 when it is none."""
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        return host.strip("[]"), 80
    return name.strip("[]"), int(port) if port.isdecimal() and len(port) < 6 else -1


def _from_here(headers: Headers, host: str, scope: Scope) -> bool:
    """Whether no page of another site sent this; `curl` and the like say nothing of it."""
    for origin in headers.getlist("origin"):
        if origin.lower() not in {f"http://{host}", f"https://{host}"}:
            return False
    site = headers.get("sec-fetch-site", "none")
    return site in {"none", "same-origin"} or _navigation(headers, scope)


def _navigation(headers: Headers, scope: Scope) -> bool:
    """Whether somebody followed a link to the page itself."""
    return (
        scope["method"] == "GET"
        and scope["path"] == "/"
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )


def _guarded(path: str) -> bool:
    return path not in OPEN and not path.startswith("/page/")


def _check_token(headers: Headers, token: str) -> None:
    kind, _, given = headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not secrets.compare_digest(
        given.strip().encode("utf-8", "replace"), token.encode()
    ):
        raise RefusedError("unauthorised", "The token is missing or wrong.")
