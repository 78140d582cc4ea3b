"""Servers for the tests: one in this process with workers that examine nothing, and real ones."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from unmask.serve import crew
from unmask.serve.app import build
from unmask.serve.desk import Desk
from unmask.serve.folder import Folder
from unmask.serve.launch import bound, served
from unmask.serve.settings import Bounds, Settings

PATIENCE = 60.0
"""Seconds until a condition that must come true counts as never coming true."""

STUB = Path(__file__).with_name("stub.py")


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        assert self.headers.get_content_type() == "application/problem+json", self.body
        assert self.json["status"] == self.status
        return str(self.json["code"])


@dataclass
class Server:
    """A running server, and how to talk to it."""

    url: str
    data: Path
    token: str | None = None
    desk: Desk | None = None
    process: subprocess.Popen[str] | None = None

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        key = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            line.request(method, path, body, key | dict(headers or {}))
            found = line.getresponse()
            return Answer(found.status, found.headers, found.read())
        finally:
            line.close()

    def post(
        self,
        *files: tuple[str, bytes],
        query: str = "",
        headers: Mapping[str, str] = {},
        **fields: str,
    ) -> Answer:
        body, kind = form(*files, **fields)
        sent = {"Content-Type": kind} | dict(headers)
        return self.ask("POST", f"/v1/analyses{query}", body, sent)

    def state(self, id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", f"/v1/analyses/{id}").json
        return found

    def until(self, id: str, *states: str) -> dict[str, Any]:
        """The analysis, once it is in one of these states."""
        eventually(lambda: self.state(id)["state"] in states)
        return self.state(id)


def form(*files: tuple[str, bytes], **fields: str) -> tuple[bytes, str]:
    """A multipart body and its content type."""
    edge = "edge-of-the-tests"
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in fields.items()
    ]
    parts += [
        f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="{name}"'.encode()
        + b"\r\n\r\n"
        + data
        + b"\r\n"
        for name, data in files
    ]
    return b"".join([*parts, f"--{edge}--\r\n".encode()]), f"multipart/form-data; boundary={edge}"


def eventually(holds: Callable[[], object]) -> None:
    """Wait until something is true."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)


def stub() -> subprocess.Popen[bytes]:
    """A worker process that examines nothing."""
    return subprocess.Popen(
        [sys.executable, str(STUB)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


@contextmanager
def here(
    data: Path,
    *,
    spawn: Callable[[], subprocess.Popen[bytes]] = stub,
    token: str | None = None,
    names: tuple[str, ...] = (),
    workers: int = 1,
    retention: float | None = None,
    ready: bool = True,
    **bounds: Any,
) -> Iterator[Server]:
    """A server in a thread of this process, on a socket of its own."""
    asked = Settings(
        data, "127.0.0.1", 0, token, names, workers, retention, Bounds(spare=0, **bounds)
    )
    folder = Folder(data)
    with pytest.MonkeyPatch.context() as patch, bound(asked) as listening:
        patch.setattr(crew, "spawn", spawn)
        app: Any = build(asked, folder)
        server = served(app)
        thread = threading.Thread(target=lambda: server.run(sockets=[listening]), daemon=True)
        thread.start()
        try:
            eventually(lambda: server.started or not thread.is_alive())
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            running = Server(url, folder.root, token, app._app.state.desk)
            eventually(lambda: not ready or running.ask("GET", "/readyz").status == 200)
            yield running
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
            folder.close()
            assert not thread.is_alive()


@contextmanager
def real(data: Path, *options: str, env: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A server in a process of its own, with workers that examine."""
    words = [sys.executable, "-m", "unmask", "serve", "--port", "0", "--data", str(data), *options]
    process = subprocess.Popen(
        words, stderr=subprocess.PIPE, text=True, env=os.environ | dict(env or {})
    )
    assert process.stderr
    try:
        told = iter(process.stderr.readline, "")
        address = next(m[0] for line in told if (m := re.search(r"http://[^/]+", line)))
        running = Server(address, data, process=process)
        eventually(lambda: running.ask("GET", "/readyz").status == 200)
        yield running
    finally:
        process.terminate()
        process.communicate()


def traces(folder: Path, *needles: bytes) -> list[Path]:
    """Every file below a folder that has one of these in its name or in itself."""
    found = []
    for path in folder.rglob("*"):
        held = path.read_bytes() if path.is_file() else b""
        if any(needle in held or needle in os.fsencode(path) for needle in needles):
            found.append(path)
    return found
