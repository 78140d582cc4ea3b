"""Whatever is erased, or expires, leaves nothing on the disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from tests.serve.running import Server, eventually, here, traces

NAME, BYTES = "Grandmother at the lake.jpg", b"the bytes of a photo that nobody must find again"
NEEDLES = (
    NAME.encode(),
    NAME.casefold().encode(),
    BYTES,
    hashlib.sha256(BYTES).hexdigest().encode(),
)


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with here(tmp_path_factory.mktemp("erase") / "data") as running:
        yield running


def crowd(server: Server, kind: str) -> list[str]:
    """Enough analyses to fill some pages of the store."""
    return [server.post((f"{kind} {i}.jpg", f"{kind} {i}".encode())).json["id"] for i in range(20)]


def test_a_finished_one(server: Server) -> None:
    others = crowd(server, "before")
    id = server.post((NAME, BYTES), query="?wait=30").json["id"]
    others += crowd(server, "after")
    for other in others:
        server.until(other, "done")
    assert traces(server.data, *NEEDLES)
    assert server.ask("DELETE", f"/v1/analyses/{id}").status == 204
    assert not traces(server.data, *NEEDLES, id.encode())
    assert server.ask("GET", f"/v1/analyses/{id}").status == 404
    for other in others:
        assert server.ask("DELETE", f"/v1/analyses/{other}").status == 204
    assert not traces(server.data, b"before 1", b"after 1", *(other.encode() for other in others))


def test_a_running_one_and_a_waiting_one(server: Server) -> None:
    running = server.post((f"wait {NAME}", BYTES)).json["id"]
    eventually(lambda: server.state(running)["progress"]["done"])
    waiting = server.post((NAME, BYTES), frames="all").json["id"]
    for id in (waiting, running):
        assert server.ask("DELETE", f"/v1/analyses/{id}").status == 204
    assert not traces(server.data, *NEEDLES, running.encode(), waiting.encode())
    assert server.post(("next.jpg", b"next"), query="?wait=30").json["state"] == "done"


def test_uploads_are_gone_when_it_ends(server: Server) -> None:
    assert server.post((NAME, BYTES), query="?wait=30").json["state"] == "done"
    assert not traces(server.data, BYTES)
    assert server.post(("refuse.jpg", BYTES), frames="8", query="?wait=30").json["error"]
    assert not traces(server.data, BYTES)


def test_a_refused_one(server: Server) -> None:
    assert server.post((NAME, BYTES), at="nothing").status == 422
    assert not traces(server.data, *NEEDLES)


def test_an_expired_one(tmp_path_factory: pytest.TempPathFactory) -> None:
    with here(tmp_path_factory.mktemp("expiry") / "data", retention=0.5) as server:
        done = server.post((NAME, BYTES), query="?wait=30").json
        assert done["expires"] > done["finished"]
        eventually(lambda: server.ask("GET", f"/v1/analyses/{done['id']}").status == 404)
        eventually(lambda: not list((server.data / "analyses").iterdir()))
        assert not traces(server.data, *NEEDLES, done["id"].encode())
