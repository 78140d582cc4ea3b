"""What clients do to a connection: stop halfway, lie about lengths, send no HTTP at all."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serve.running import Server, eventually, form, here
from unmask.serve import wire
from unmask.serve.launch import bound
from unmask.serve.settings import Settings

KIND = "multipart/form-data; boundary=edge-of-the-tests"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("wire") / "data"
    with here(data, uploads=2, file_bytes=5_000_000) as running:
        yield running


@pytest.fixture
def impatient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with here(tmp_path / "data", silence=0.2) as running:
        monkeypatch.setattr(wire, "HEAD_SECONDS", 0.2)
        monkeypatch.setattr(wire, "REST_SECONDS", 0.2)
        yield running


def said(server: Server, *pieces: bytes, to_the_end: bool = False) -> bytes:
    """What comes back on one connection: the first answer, or all until it is closed."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
        for piece in pieces:
            line.sendall(piece)
        found = b""
        while (to_the_end or not whole(found)) and (more := line.recv(65536)):
            found += more
        return found


def whole(answer: bytes) -> bool:
    """Whether this is an answer with its body."""
    top, gap, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", top.lower())
    return bool(gap and length and len(body) >= int(length[1]))


def head(server: Server, *lines: str) -> bytes:
    """The head of an upload."""
    host = f"Host: 127.0.0.1:{server.port}"
    return "\r\n".join(["POST /v1/analyses HTTP/1.1", host, *lines, "", ""]).encode()


def code(answer: bytes) -> tuple[int, Any]:
    """Status and code of the first answer."""
    status, _, body = answer.partition(b"\r\n\r\n")
    return int(status.split()[1]), json.JSONDecoder().raw_decode(body.decode())[0]["code"]


def empty(server: Server) -> bool:
    return not list((server.data / "incoming").iterdir())


@pytest.mark.parametrize(
    "noise",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 200_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: nine\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused(server: Server, noise: bytes) -> None:
    assert code(said(server, noise)) == (400, "bad_request")


def test_a_head_that_does_not_end_is_given_up(impatient: Server) -> None:
    assert code(said(impatient, b"GET / HTTP/1.1\r\nHost:")) == (408, "too_slow")
    assert code(said(impatient)) == (408, "too_slow")


def test_a_body_that_does_not_come_is_given_up(impatient: Server) -> None:
    length = "Content-Length: 5000"
    start = head(impatient, f"Content-Type: {KIND}", length)
    assert code(said(impatient, start, b"--edge", to_the_end=True)) == (408, "too_slow")
    assert empty(impatient)


def test_an_aborted_body_leaves_nothing(server: Server) -> None:
    body, _ = form(("a.jpg", b"x" * 3_000_000))
    length = f"Content-Length: {len(body)}"
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        line.sendall(head(server, f"Content-Type: {KIND}", length) + body[:2_000_000])
        eventually(lambda: not empty(server))
    eventually(lambda: empty(server))
    assert server.ask("GET", "/v1/analyses").json["analyses"] == []


def test_a_length_that_is_too_short_or_too_long(server: Server) -> None:
    body, _ = form(("a.jpg", b"x" * 100))
    short = head(server, f"Content-Type: {KIND}", f"Content-Length: {len(body) - 20}")
    assert code(said(server, short, body)) == (400, "bad_request")
    huge = head(server, f"Content-Type: {KIND}", f"Content-Length: {10**13}")
    assert code(said(server, huge, body)) == (413, "too_many_bytes")
    assert empty(server)


def test_a_refused_body_is_thrown_away_until_the_answer_can_be_read(server: Server) -> None:
    body, kind = form(("a.jpg", b"x" * 8_000_000))
    answer = server.ask("POST", "/v1/analyses", body, {"Content-Type": kind})
    assert (answer.status, answer.code) == (413, "too_many_bytes")


def test_chunks_without_a_length_are_bounded_too(server: Server) -> None:
    start = head(server, f"Content-Type: {KIND}", "Transfer-Encoding: chunked")
    body, _ = form(("a.jpg", b"x" * 6_000_000))
    chunk = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    assert code(said(server, start, chunk))[0] == 413


def test_a_body_after_all_is_said_to_be_expected(server: Server) -> None:
    wanted = head(server, "Content-Type: text/plain", "Content-Length: 9", "Expect: 100-continue")
    assert code(said(server, wanted)) == (415, "unsupported_body")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no form at all",
        b"--edge-of-the-tests\r\n",
        b"--edge-of-the-tests--\r\n",
        form(("a.jpg", b"x"))[0][:-30],
        form(("a.jpg", b"x"))[0].replace(b"form-data", b"attachment"),
        form(("a.jpg", b"x"))[0].replace(b'name="files"; ', b""),
        form(("a.jpg", b"x"))[0].replace(b"; filename=", b"; nothing="),
        form(at="fpr=0.05")[0].replace(b'name="at"', b'name="at"; filename="x"'),
        b"--edge-of-the-tests\r\nContent-Disposition: " + b"a" * 20_000 + b"\r\n\r\nx",
        b"--edge-of-the-tests\r\n" + b"A: b\r\n" * 100 + b"\r\nx",
    ],
)
def test_a_malformed_form_is_refused(server: Server, body: bytes) -> None:
    answer = server.ask("POST", "/v1/analyses", body, {"Content-Type": KIND})
    assert 400 <= answer.status < 500
    assert answer.code in {"bad_request", "no_files", "bad_field"}
    assert empty(server)


def test_long_and_repeated_fields_are_refused(server: Server) -> None:
    kind = {"Content-Type": KIND}
    long, _ = form(("a.jpg", b"x"), at="y" * 5000)
    assert server.ask("POST", "/v1/analyses", long, kind).code == "too_many_bytes"
    field = form(at="fpr=0.05")[0].removesuffix(b"--edge-of-the-tests--\r\n")
    twice = field + form(("a.jpg", b"x"), at="fpr=0.05")[0]
    assert server.ask("POST", "/v1/analyses", twice, kind).code == "bad_field"


@pytest.mark.parametrize("edge", ["", "; boundary=", f"; boundary={'b' * 71}"])
def test_a_form_without_a_boundary_is_refused(server: Server, edge: str) -> None:
    kind = {"Content-Type": f"multipart/form-data{edge}"}
    assert server.ask("POST", "/v1/analyses", b"x", kind).code == "bad_request"


def test_more_uploads_than_allowed_are_told_to_come_back(server: Server) -> None:
    start = head(server, f"Content-Type: {KIND}", "Content-Length: 100")
    lines = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(2)]
    try:
        for line in lines:
            line.sendall(start)
        eventually(lambda: server.post(("a.jpg", b"one too many")).status == 429)
        answer = server.post(("a.jpg", b"one too many"))
        assert (answer.status, answer.code) == (429, "too_many_uploads")
        assert int(answer.headers["Retry-After"]) >= 1
    finally:
        for line in lines:
            line.close()
    eventually(lambda: empty(server))
    assert server.post(("a.jpg", b"now it fits")).status == 202


def test_more_connections_than_allowed_are_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "CONNECTIONS", 0)
    assert code(said(server)) == (503, "too_many_connections")


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    from tests.serve import running

    with running.here(tmp_path / "data") as full:
        object.__setattr__(full.desk.settings.bounds, "spare", 1 << 62)  # type: ignore[union-attr]
        answer = full.post(("a.jpg", b"no room"))
        assert (answer.status, answer.code) == (507, "storage_full")


def test_no_part_of_an_answer_waits_for_the_one_before(tmp_path: Path) -> None:
    with (
        bound(Settings(tmp_path, port=0)) as listening,
        socket.create_connection(listening.getsockname()),
        listening.accept()[0] as line,
    ):
        assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
