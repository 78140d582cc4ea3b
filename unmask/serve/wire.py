"""HTTP on the wire: uvicorn's protocol, with bounds on what a client may leave unfinished."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from unmask.serve.guard import HEADERS
from unmask.serve.problems import MEDIA, STATUS, document

CONNECTIONS = 512
"""Connections at a time."""

HEAD_SECONDS = 20.0
"""Seconds that a client has for the head of a request, from when its connection is free for one."""

REST_SECONDS = 3.0
"""Seconds for which the rest of a refused body is thrown away, so that a client that only listens
once it has sent everything gets to hear why; then the connection is closed."""


class Wire(H11Protocol):
    """One connection."""

    _timer: asyncio.TimerHandle | None = None
    _owed: str | None = None
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for the first head."""
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS:
            self._refuse("too_many_connections", "There are too many connections.")
            transport.close()
        else:
            self._mind()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._expect(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; those of an incomplete head or of an unwanted body do not extend its time."""
        if not self._refused:
            super().data_received(data)
            self._mind()

    def on_response_complete(self) -> None:
        """Go on to the next request, or wait for the end of this one."""
        super().on_response_complete()
        self._mind()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        self._refuse("bad_request", msg)

    def _mind(self) -> None:
        """See what the client owes now."""
        if self._refused:
            return
        state = self.conn.their_state
        if state is h11.IDLE:
            self._expect("head")
        elif state is h11.SEND_BODY and self.cycle and self.cycle.response_complete:
            self._expect("rest")
        else:
            self._expect(None)

    def _expect(self, owed: str | None) -> None:
        """Let the clock run, from when it is owed."""
        if owed == self._owed:
            return
        self._owed = owed
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if owed and not self.transport.is_closing():
            seconds = HEAD_SECONDS if owed == "head" else REST_SECONDS
            self._timer = self.loop.call_later(seconds, self._too_late)

    def _too_late(self) -> None:
        began = self.cycle is None or self.conn.trailing_data[0]
        if self._owed == "head" and self.conn.our_state is h11.IDLE and began:
            self._refuse("too_slow", "The head of the request took too long to come.")
        else:
            self.transport.close()

    def _refuse(self, code: str, message: str) -> None:
        """Answer with a problem, hear no more, and close the connection in a moment."""
        self._refused = True
        if self.cycle:
            self.cycle.disconnected = True  # what it was about to say comes too late
        status = STATUS[code]
        body = json.dumps(document(code, message, status)).encode()
        told = HEADERS | {"Content-Type": MEDIA, "Content-Length": str(len(body))}
        headers: list[Any] = [*told.items(), ("Connection", "close")]
        try:
            answer = h11.Response(status_code=status, headers=headers)
            for event in (answer, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
            self.transport.write_eof()
        except h11.LocalProtocolError:
            self.transport.close()  # an answer is on its way already
        self._expect("rest")
