from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from email.message import Message
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.request import Request

import pytest

from unmask.errors import FetchError
from unmask.judge import bundle
from unmask.judge.card import Card
from unmask.models import fetch as fetching


@pytest.fixture
def published(tmp_path: Path, tiny_bundle: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A network as its authors would publish it, and a catalogue that knows it."""
    made = tiny_bundle()
    data = made.read()
    card = made.card.document()
    for key in ("schema", "name", "model"):
        del card[key]
    entry = {
        "url": "https://models.invalid/network.onnx",
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "card": card,
    }
    monkeypatch.setattr(fetching, "catalogue", lambda: {"published": entry})
    monkeypatch.setenv("UNMASK_HOME", str(tmp_path / "home"))
    file = tmp_path / "network.onnx"
    file.write_bytes(data)
    return file


def test_catalogue_holds_valid_cards() -> None:
    for name, entry in fetching.catalogue().items():
        model = {"file": "model.onnx", "sha256": entry["sha256"], "bytes": entry["bytes"]}
        card = Card.of({"schema": "unmask.card/1", "name": name, "model": model, **entry["card"]})
        assert card.name == name
        assert entry["url"].startswith("https://")


@pytest.mark.parametrize("form", ["path", "url"])
def test_fetches_from_a_local_file(published: Path, form: str) -> None:
    source = str(published) if form == "path" else published.as_uri()
    found = fetching.fetch("published", source)
    assert found.folder == bundle.home() / "published"
    assert found.read() == published.read_bytes()
    assert bundle.installed() == ("published",)


def test_fetching_again_replaces(published: Path) -> None:
    fetching.fetch("published", str(published))
    assert fetching.fetch("published", str(published)).card.name == "published"


def test_unknown_name(published: Path) -> None:
    with pytest.raises(FetchError, match="published") as caught:
        fetching.fetch("nothing", str(published))
    assert caught.value.code == "unknown_model"


@pytest.mark.parametrize("change", ["flipped", "shorter", "longer"])
def test_altered_content_is_refused(published: Path, change: str) -> None:
    data = published.read_bytes()
    published.write_bytes(
        {"flipped": data[:-1] + bytes([data[-1] ^ 1]), "shorter": data[:-1], "longer": data * 2}[
            change
        ]
    )
    with pytest.raises(FetchError) as caught:
        fetching.fetch("published", str(published))
    assert caught.value.code == "fetch_altered"
    assert bundle.installed() == ()


def test_missing_file(published: Path) -> None:
    with pytest.raises(FetchError) as caught:
        fetching.fetch("published", str(published) + ".gone")
    assert caught.value.code == "fetch_failed"


@pytest.mark.parametrize("scheme", ["http", "ftp", "data"])
def test_only_https(published: Path, scheme: str) -> None:
    with pytest.raises(FetchError, match="only https") as caught:
        fetching.fetch("published", f"{scheme}://127.0.0.1/network.onnx")
    assert caught.value.code == "fetch_failed"


def test_plain_http_server_is_never_asked(published: Path) -> None:
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(FetchError):
            fetching.fetch("published", f"http://127.0.0.1:{server.server_port}/network.onnx")
        server.shutdown()
    assert asked == []


def test_redirect_away_from_https_is_refused() -> None:
    handler = fetching._HttpsOnly()
    request = Request("https://models.invalid/a")
    with pytest.raises(FetchError, match="only https"):
        handler.redirect_request(request, BytesIO(), 302, "", Message(), "http://models.invalid/a")
    to = handler.redirect_request(request, BytesIO(), 302, "", Message(), "https://b.invalid/a")
    assert to is not None
    assert to.full_url == "https://b.invalid/a"


def test_download_failure_is_told(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Opener:
        def open(self, request: Request, timeout: float) -> BytesIO:
            assert request.full_url == "https://models.invalid/network.onnx"
            assert timeout > 0
            raise TimeoutError("timed out")

    monkeypatch.setattr(fetching, "build_opener", lambda *_: Opener())
    with pytest.raises(FetchError, match="timed out") as caught:
        fetching.fetch("published")
    assert caught.value.code == "fetch_failed"


def test_download_installs(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = published.read_bytes()

    class Opener:
        def open(self, request: Request, timeout: float) -> BytesIO:
            return BytesIO(data)

    monkeypatch.setattr(fetching, "build_opener", lambda *_: Opener())
    assert fetching.fetch("published").read() == data
