"""HTTP on the wire: uvicorn's protocol, with a bound on how long a request's head may take."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from unmask.serve.guard import HEADERS
from unmask.serve.problems import MEDIA, STATUS, document

HEAD_SECONDS = 20.0
"""Seconds that a client has for the head of a request, once its connection stands or it began."""


class Wire(H11Protocol):
    """One connection."""

    _overdue: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for the first head."""
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._unwatch()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; those of an incomplete head do not extend its time."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._unwatch()
        elif self._overdue is None:
            self._watch()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        self._refuse("bad_request", msg)

    def _watch(self) -> None:
        self._overdue = self.loop.call_later(HEAD_SECONDS, self._too_late)

    def _unwatch(self) -> None:
        if self._overdue:
            self._overdue.cancel()
            self._overdue = None

    def _too_late(self) -> None:
        if not self.transport.is_closing() and self.conn.our_state is h11.IDLE:
            self._refuse("too_slow", "The head of the request took too long to come.")

    def _refuse(self, code: str, message: str) -> None:
        """Answer with a problem and close the connection."""
        self._unwatch()
        status = STATUS[code]
        body = json.dumps(document(code, message, status)).encode()
        told = HEADERS | {"Content-Type": MEDIA, "Content-Length": str(len(body))}
        headers: list[Any] = [*told.items(), ("Connection", "close")]
        try:
            answer = h11.Response(status_code=status, headers=headers)
            for event in (answer, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        except h11.LocalProtocolError:
            pass  # an answer is on its way already
        self.transport.close()
