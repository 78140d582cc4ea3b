"""The Python client against a server whose workers examine nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.running import Server, eventually, here
from unmask.errors import BundleError, ConfigError, ServeError, UnmaskError
from unmask.serve import client

TOKEN = "a token of the tests"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("client") / "data"
    with here(data, token=TOKEN, queue=1, file_bytes=6_000_000) as running:
        yield running


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / 'a "photo" of Zoë.jpg'
    path.write_bytes(str(tmp_path).encode())
    return path


def test_a_photo_is_examined_listed_exported_and_erased(server: Server, photo: Path) -> None:
    options = {"frames": 8, "detectors": ["face-forgery"], "pictures": False}
    found = client.analyse(photo, server.url, TOKEN, **options)
    assert (found["state"], found["files"][0]["name"]) == ("done", 'a "photo" of Zoë.jpg')
    assert found["files"][0]["bytes"] == len(photo.read_bytes())
    assert {name: found["options"][name] for name in options} == options
    assert client.fetch(found["id"], server.url, TOKEN) == found
    assert [one["id"] for one in client.listing(server.url, TOKEN, "zoë")] == [found["id"]]
    assert b"unmask.report/1" in client.export(found["id"], "json", server.url, TOKEN)
    client.delete(found["id"], server.url, TOKEN)
    with pytest.raises(ServeError, match="no such analysis"):
        client.fetch(found["id"], server.url, TOKEN)
    assert {one["name"] for one in client.detectors(server.url, TOKEN)} >= {"face-forgery"}


def test_several_files_in_their_order(server: Server, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("b.jpg", "a.jpg")]
    for path in paths:
        path.write_bytes(path.name.encode() * 1000)
    found = client.analyse([str(path) for path in paths], server.url, TOKEN)
    listed = next(client.listing(server.url, TOKEN))
    assert listed["id"] == found["id"]
    told = [(one["name"], one["reasons"]) for one in listed["verdicts"]]
    assert told == [("b.jpg", ["5000"]), ("a.jpg", ["5000"])]


def test_the_list_goes_on_over_its_pages(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(client, "PAGE", 2)
    made = []
    for i in range(5):
        (tmp_path / f"page {i}.jpg").write_bytes(b"%d" % i)
        made.append(client.analyse(tmp_path / f"page {i}.jpg", server.url, TOKEN)["id"])
    assert [one["id"] for one in client.listing(server.url, TOKEN, "page")] == made[::-1]


def test_not_waiting_and_waiting_for_a_while(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "wait.jpg"
    path.write_bytes(b"waits")
    found = client.analyse(path, server.url, TOKEN, wait=None)
    assert found["state"] == "queued"
    again = client.analyse(path, server.url, TOKEN, wait=0.2)
    assert (again["id"], client.ended(again)) == (found["id"], False)
    client.delete(found["id"], server.url, TOKEN)


def test_a_full_queue_is_waited_for(
    server: Server, tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocking = []
    for name in ("wait one.jpg", "wait two.jpg"):
        (tmp_path / name).write_bytes(name.encode())
        blocking.append(client.analyse(tmp_path / name, server.url, TOKEN, wait=None)["id"])
        eventually(lambda: client.fetch(blocking[0], server.url, TOKEN)["state"] == "running")
    with pytest.raises(client.BusyError, match="queue_full") as busy:
        client.analyse(photo, server.url, TOKEN, wait=0.5)
    assert busy.value.seconds >= 1
    found: list[str] = []
    thread = threading.Thread(
        target=lambda: found.append(client.analyse(photo, server.url, TOKEN)["state"])
    )
    thread.start()
    for id in blocking:
        client.delete(id, server.url, TOKEN)
    thread.join(60)
    assert found == ["done"]


@pytest.mark.parametrize(
    ("options", "kind", "code"),
    [
        ({"at": "fpr=7"}, ConfigError, "bad_option"),
        ({"detectors": "gone"}, ConfigError, "unknown_detector"),
        ({"nonsense": 1}, ServeError, "bad_field"),
    ],
)
def test_a_refusal_is_the_librarys_error(
    server: Server, photo: Path, options: dict[str, object], kind: type[UnmaskError], code: str
) -> None:
    with pytest.raises(kind) as refused:
        client.analyse(photo, server.url, TOKEN, **options)
    assert refused.value.code == code


def test_a_refusal_in_the_middle_is_heard(server: Server, tmp_path: Path) -> None:
    (tmp_path / "big.mp4").write_bytes(b"x" * 12_000_000)
    with pytest.raises(ServeError) as refused:
        client.analyse(tmp_path / "big.mp4", server.url, TOKEN)
    assert refused.value.code == "too_many_bytes"


def test_a_wrong_token_and_nobody_there(server: Server, photo: Path) -> None:
    with pytest.raises(ServeError, match="unauthorised"):
        client.analyse(photo, server.url)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(ServeError, match="unreachable"):
        client.fetch("x", url)
    with pytest.raises(OSError, match="gone"):
        client.analyse("gone.jpg", server.url)


@pytest.mark.parametrize(
    ("code", "kind"),
    [("bundle_altered", BundleError), ("from_the_future", ServeError), (None, ServeError)],
)
def test_answers_of_other_kinds(code: str | None, kind: type[UnmaskError]) -> None:
    class Answer:
        status, headers = 500, {}

    body = b"<html>" if code is None else b'{"code": "%s", "detail": "Oh."}' % code.encode()
    error = client._error(Answer(), body)  # type: ignore[arg-type]
    assert type(error) is kind
    assert str(error) != ""
