"""Server-sent events: the present state at once, every change, the end."""

from __future__ import annotations

import http.client
import json
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.serve.running import PATIENCE, Server, eventually, here
from unmask.serve import events


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with here(tmp_path / "data") as running:
        yield running


def stream(server: Server, id: str) -> Generator[tuple[str, Any], None, None]:
    """Names and data of the events, "" for a comment, as they come."""
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    line.request("GET", f"/v1/analyses/{id}/events")
    with closing(line), line.getresponse() as answer:
        yield from told(answer)


def told(answer: http.client.HTTPResponse) -> Iterator[tuple[str, Any]]:
    assert answer.headers.get_content_type() == "text/event-stream"
    name = ""
    for raw in answer:
        field, _, text = raw.decode().strip().partition(": ")
        if field == "event":
            name = text
        elif field == "data":
            yield name, json.loads(text)
        elif text:
            yield "", text


def test_a_finished_one_says_so_and_ends(server: Server) -> None:
    id = server.post(("a.jpg", b"a"), query="?wait=30").json["id"]
    state = {"state": "done", "progress": {"done": 1.0, "file": 0, "files": 1}}
    assert list(stream(server, id)) == [("progress", state), ("end", state)]


def test_every_change_is_told_until_it_is_erased(server: Server) -> None:
    id = server.post(("wait.jpg", b"a"), ("b.jpg", b"b")).json["id"]
    heard = stream(server, id)
    seen = next(told for name, told in heard if name and told["progress"]["done"])
    assert seen == {"state": "running", "progress": {"done": 0.25, "file": 0, "files": 2}}
    assert server.ask("DELETE", f"/v1/analyses/{id}").status == 204
    rest = list(heard)
    assert rest[-1] == ("end", {"state": "erased", "progress": None})
    assert server.desk
    eventually(lambda: not server.desk.board._watchers)


def test_a_failed_one_ends(server: Server) -> None:
    id = server.post(("refuse.jpg", b"a")).json["id"]
    assert list(stream(server, id))[-1][1]["state"] == "failed"


def test_a_silent_stream_is_kept_open(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT", 0.05)
    id = server.post(("wait.jpg", b"a")).json["id"]
    with closing(stream(server, id)) as heard:
        assert next(text for name, text in heard if not name) == "still here"
    assert server.ask("DELETE", f"/v1/analyses/{id}").status == 204
