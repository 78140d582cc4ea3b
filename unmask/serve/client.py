"""Talk to a running server from Python, with nothing but the standard library.

    from unmask.serve import client
    found = client.analyse(["photo.jpg"], "http://127.0.0.1:8000")
    print(found["report"]["findings"][0]["verdict"])

Analyses are the dicts of the API. A refusal is raised as the error that the server met, with the
same code; nothing is tried twice, except where the server says when to come back.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, urlencode, urlsplit

from unmask.errors import BundleError, ConfigError, InputError, ServeError, UnmaskError

Json = dict[str, Any]

WAIT = 25.0
"""Seconds that one request asks the server to wait."""

PAGE = 200
"""Analyses that one request lists."""

_CHUNK = 1 << 20


def analyse(
    paths: str | Path | Sequence[str | Path],
    url: str,
    token: str | None = None,
    *,
    wait: float | None = 600.0,
    **options: object,
) -> Json:
    """Have files examined.

    Args:
        paths: One file or several; they are sent under their last names, in this order.
        url: Of the server.
        token: Of the server, if it asks for one.
        wait: Seconds to wait for the end, and for a full queue; `None` to return at once.
        options: `detectors`, `at`, `promise`, `frames`, `fps`, as `unmask check` has them;
            `pictures=False` to have no picture kept.

    Returns:
        The analysis; `queued` or `running` when it had not ended in time.

    Raises:
        ServeError: With the server's code, or `unreachable`.
        ConfigError: For options that cannot be.
        BundleError: For a detector that cannot be used.
        OSError: For a file that cannot be read.
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    until = time.monotonic() + (wait or 0.0)
    found = _entered(given, url, token, options, until)
    while not ended(found) and (left := until - time.monotonic()) > 0:
        found = fetch(found["id"], url, token, wait=min(left, WAIT))
    return found


def _entered(
    paths: Sequence[str | Path],
    url: str,
    token: str | None,
    options: Mapping[str, object],
    until: float,
) -> Json:
    """Send files, again when the server says so, as long as there is time."""
    while True:
        left = max(0.0, until - time.monotonic())
        try:
            with _form(paths, options) as (headers, body):
                path = f"{_ROOT}?wait={min(left, WAIT):g}"
                found: Json = json.loads(_asked("POST", url, path, token, headers, body))
                return found
        except BusyError as busy:
            if time.monotonic() + busy.seconds > until:
                raise
            time.sleep(busy.seconds)


def fetch(id: str, url: str, token: str | None = None, *, wait: float = 0.0) -> Json:
    """Return an analysis, once it has ended or after `wait` seconds (at most 30).

    Raises:
        ServeError: `not_found`, `unauthorised` …
    """
    path = f"{_ROOT}/{quote(id, safe='')}?wait={wait:g}"
    found: Json = json.loads(_asked("GET", url, path, token))
    return found


def listing(url: str, token: str | None = None, q: str = "") -> Iterator[Json]:
    """Yield all analyses, the newest first.

    Args:
        url: Of the server.
        token: Of the server.
        q: Only those with this in a file's name or a verdict.
    """
    cursor: Json = {}
    while True:
        query = urlencode({"limit": PAGE, "q": q, **cursor})
        page = json.loads(_asked("GET", url, f"{_ROOT}?{query}", token))
        yield from page["analyses"]
        if page["next"] is None:
            return
        cursor = {"cursor": page["next"]}


def export(id: str, kind: str, url: str, token: str | None = None) -> bytes:
    """Return the report of an analysis as a file: `kind` is html, json or csv."""
    return _asked("GET", url, f"{_ROOT}/{quote(id, safe='')}/report.{kind}", token)


def delete(id: str, url: str, token: str | None = None) -> None:
    """Erase an analysis, whether it has ended or not."""
    _asked("DELETE", url, f"{_ROOT}/{quote(id, safe='')}", token)


def detectors(url: str, token: str | None = None) -> list[Json]:
    """Return the detectors that the server has."""
    found: list[Json] = json.loads(_asked("GET", url, "/v1/detectors", token))["detectors"]
    return found


def ended(analysis: Json) -> bool:
    """Tell whether nothing of an analysis will change any more."""
    return analysis["state"] in {"done", "failed"}


class BusyError(ServeError):
    """The server asks to come back later.

    Attributes:
        seconds: When.
    """

    def __init__(self, code: str, message: str, seconds: float) -> None:
        super().__init__(code, message)
        self.seconds = seconds


_ROOT = "/v1/analyses"


def _asked(
    method: str,
    url: str,
    path: str,
    token: str | None,
    headers: dict[str, str] | None = None,
    body: Iterator[bytes] | None = None,
) -> bytes:
    """Send one request and return the body of the answer."""
    place = urlsplit(url)
    kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
    line = kind(place.hostname or "", place.port, timeout=2 * WAIT)
    sent = dict(headers or {}) | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        with suppress(BrokenPipeError, ConnectionResetError):  # refused before it had everything
            line.request(method, place.path.rstrip("/") + path, body, sent)
        answer = line.getresponse()
        data = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise ServeError("unreachable", f"No answer from {url}: {error}.") from error
    finally:
        line.close()
    if answer.status >= 400:
        raise _error(answer, data)
    return data


def _error(answer: http.client.HTTPResponse, data: bytes) -> UnmaskError:
    """What the server met, as the error that it is in the library."""
    try:
        problem = json.loads(data)
        code, detail = str(problem["code"]), str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        return ServeError("unreachable", f"The answer is none of Unmask's: {answer.status}.")
    if seconds := answer.headers.get("Retry-After"):
        return BusyError(code, detail, float(seconds))
    for kind in (ServeError, ConfigError, BundleError, InputError):
        if code in kind.CODES:
            return kind(code, detail)
    return ServeError("internal", f"{detail} ({code})")


@contextmanager
def _form(
    paths: Sequence[str | Path], options: Mapping[str, object]
) -> Iterator[tuple[dict[str, str], Iterator[bytes]]]:
    """The headers and the body of a form; files are read as they are sent."""
    edge = secrets.token_hex(16)
    fields = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{_told(value)}\r\n'
        for name, value in options.items()
        if value is not None
    ]
    heads = [f"--{edge}\r\n{_disposition(Path(path).name)}\r\n\r\n".encode() for path in paths]
    end = f"--{edge}--\r\n".encode()
    files = [open(path, "rb") for path in paths]  # noqa: SIM115 - closed below
    try:
        sizes = sum(os.fstat(file.fileno()).st_size + 2 for file in files)
        whole = len("".join(fields).encode()) + sum(map(len, heads)) + sizes + len(end)
        headers = {
            "Content-Type": f"multipart/form-data; boundary={edge}",
            "Content-Length": str(whole),
        }
        yield headers, _body("".join(fields).encode(), heads, files, end)
    finally:
        for file in files:
            file.close()


def _body(
    fields: bytes, heads: Sequence[bytes], files: Sequence[BinaryIO], end: bytes
) -> Iterator[bytes]:
    yield fields
    for head, file in zip(heads, files, strict=True):
        yield head
        while chunk := file.read(_CHUNK):
            yield chunk
        yield b"\r\n"
    yield end


def _disposition(name: str) -> str:
    """As browsers write it: what would end the name is percent-encoded."""
    shown = name.encode("utf-8", "replace").decode()
    for bad in ('"', "\r", "\n"):
        shown = shown.replace(bad, quote(bad))
    return f'Content-Disposition: form-data; name="files"; filename="{shown}"'


def _told(value: object) -> str:
    """An option as a form has it; several values are separated by commas."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
