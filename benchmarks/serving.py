"""A server of `unmask serve` on a free loopback port, for the measurements, and a plain client."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

File = tuple[str, bytes]
"""Name and content."""


ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as a document."""
        return json.loads(self.body)


class Server:
    """A running server; several runs may follow one another at one port and data folder.

    Args:
        data: Its data folder.
        options: Further ones of the command.
        scratch: Folder for all that it might write elsewhere, and for its log.
    """

    def __init__(self, data: Path, *options: str, scratch: Path | None = None) -> None:
        self.data, self.port, self._scratch = data, free_port(), scratch or data.parent
        self._command = [sys.executable, "-m", "unmask", "serve", "--data", str(data), *options]
        self._command += ["--port", str(self.port)]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, wait: float = 60.0) -> None:
        """Start it and wait until it can examine something."""
        self.launch()
        self.until("/readyz", wait)

    def launch(self) -> None:
        """Start it."""
        place = self._scratch
        (place / "cwd").mkdir(exist_ok=True)
        (place / "tmp").mkdir(exist_ok=True)
        homes = {"UNMASK_HOME": str(place / "home"), "TMPDIR": str(place / "tmp")}
        environment = os.environ | homes | {"PYTHONPATH": str(ROOT)}
        with (place / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=environment, stderr=log, cwd=place / "cwd"
            )

    def until(self, path: str, wait: float = 60.0) -> None:
        """Wait until a path is answered with 200."""
        end = time.monotonic() + wait
        while time.monotonic() < end:
            try:
                if ask(self.port, "GET", path).status == 200:
                    return
            except OSError:
                pass
            if self._process and self._process.poll() is not None:
                raise RuntimeError(f"the server ended with {self._process.returncode}")
            time.sleep(0.005)
        raise TimeoutError(path)

    def stop(self) -> None:
        """Tell it to end, and see that it does."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would, its workers not included."""
        self._signal(signal.SIGKILL)

    @property
    def pid(self) -> int:
        """Of the server's process."""
        assert self._process
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def workers(self) -> list[int]:
        """The numbers of its worker processes."""
        try:
            return [child.pid for child in psutil.Process(self.pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def memory(self, kind: str = "rss") -> float:
        """Megabytes of the server and its workers together: `rss`, or `pss` (shared ones once)."""
        return sum(weight(pid, kind) for pid in (self.pid, *self.workers()))

    def ask(self, method: str, path: str, *rest: Any, **more: Any) -> Answer:
        """One request."""
        return ask(self.port, method, path, *rest, **more)

    def analyse(self, *files: File, wait: float = 0, **fields: str) -> Answer:
        """Ask for an analysis."""
        return post(self.port, files, fields, wait)

    def listing(self) -> list[dict[str, Any]]:
        """All analyses, over all pages."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.ask("GET", f"/v1/analyses?limit=200{cursor}").json
            found += page["analyses"]
            if page["next"] is None:
                return found
            cursor = f"&cursor={page['next']}"

    def _signal(self, number: int) -> None:
        assert self._process
        self._process.send_signal(number)
        self._process.wait(30)


class Client:
    """One that keeps its connection, and is light: it shares the cores with what is measured."""

    def __init__(self, port: int) -> None:
        self._host = f"127.0.0.1:{port}"
        self._line = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._heard = self._line.makefile("rb")

    def analyse(self, *files: File, wait: float, **fields: str) -> Answer:
        """Ask for an analysis."""
        kind, pieces = parts(files, fields)
        head = (
            f"POST /v1/analyses?wait={wait:g} HTTP/1.1\r\nHost: {self._host}\r\n"
            f"Content-Type: {kind}\r\nContent-Length: {sum(map(len, pieces))}\r\n\r\n"
        )
        self._line.sendall(b"".join([head.encode(), *pieces]))
        status = int(self._heard.readline().split()[1])
        headers = dict(self._headers())
        return Answer(status, headers, self._heard.read(int(headers["content-length"])))

    def _headers(self) -> Iterator[tuple[str, str]]:
        while line := self._heard.readline().strip():
            name, _, text = line.decode("latin-1").partition(":")
            yield name.lower(), text.strip()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def weight(pid: int, kind: str) -> float:
    """Megabytes of one process; 0 when it is gone."""
    try:
        process = psutil.Process(pid)
        found = process.memory_info().rss if kind == "rss" else process.memory_full_info().pss
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0.0
    return float(found) / 1e6


def ask(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    patience: float = 60.0,
) -> Answer:
    """One request on a connection of its own."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=patience)
    try:
        line.request(method, path, body, dict(headers or {}))
        return _heard(line)
    except http.client.HTTPException as error:
        raise ConnectionError(repr(error)) from error
    finally:
        line.close()


def _heard(line: http.client.HTTPConnection) -> Answer:
    answer = line.getresponse()
    return Answer(
        answer.status, {name.lower(): text for name, text in answer.headers.items()}, answer.read()
    )


def post(port: int, files: Iterable[File], fields: Mapping[str, str], wait: float = 0) -> Answer:
    """Ask for an analysis."""
    kind, body = form(files, fields)
    path = "/v1/analyses" + (f"?wait={wait:g}" if wait else "")
    return ask(port, "POST", path, body, {"Content-Type": kind})


def form(files: Iterable[File], fields: Mapping[str, str] | None = None) -> tuple[str, bytes]:
    """A multipart form: its content type and its body."""
    kind, pieces = parts(files, fields)
    return kind, b"".join(pieces)


def parts(
    files: Iterable[File], fields: Mapping[str, str] | None = None
) -> tuple[str, list[bytes]]:
    """The same with the body in pieces, in which no file is copied."""
    edge = secrets.token_hex(16)
    told = [(f'name="{name}"', text.encode()) for name, text in (fields or {}).items()]
    told += [(f'name="files"; filename="{name}"', content) for name, content in files]
    pieces = []
    for words, content in told:
        pieces += [f"--{edge}\r\n".encode(), part(words, b""), content, b"\r\n"]
    return f"multipart/form-data; boundary={edge}", [*pieces, f"--{edge}--\r\n".encode()]


def part(told: str | bytes, content: bytes) -> bytes:
    """One part of a form."""
    told = told.encode() if isinstance(told, str) else told
    return b"Content-Disposition: form-data; %b\r\n\r\n%b" % (told, content)
