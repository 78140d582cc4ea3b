"""What docs/security.md promises and no other test here holds: each row of its table names one."""

from __future__ import annotations

import io
import os
import re
import secrets
import socket
import stat
import struct
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

import unmask
from tests.serve.running import Server, here, real
from unmask.errors import ConfigError
from unmask.serve.folder import STORE, Folder
from unmask.serve.worker import Job, _done

TOKEN = "a token nobody may log"
SAMPLE = Path(unmask.__file__).parent / "samples" / "portrait.jpg"
SCRIPT = "<img src=x onerror=alert(1)><script>alert(2)</script>"
TESTS = Path(__file__).parent.parent
DOCS = TESTS.parent / "docs"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with here(tmp_path_factory.mktemp("security") / "data", token=TOKEN) as running:
        yield running


@pytest.fixture(scope="module")
def examining(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with real(tmp_path_factory.mktemp("examining") / "data") as running:
        yield running


# --- the data folder ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["incoming", "analyses", "lock", STORE, f"{STORE}-wal"])
def test_a_server_does_not_start_on_a_link(tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("precious")
    data = tmp_path / "data"
    data.mkdir()
    target = elsewhere if name in {"incoming", "analyses"} else elsewhere / "precious"
    (data / name).symlink_to(target)
    with pytest.raises(ConfigError) as refused:
        Folder(data)
    assert refused.value.code == "bad_option"
    assert (elsewhere / "precious").read_text() == "precious"
    assert [path.name for path in elsewhere.iterdir()] == ["precious"]


def test_nothing_behind_a_linked_analysis_is_erased(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    for place in ("0", "lease.zip", "other.zip"):
        (elsewhere / place).mkdir(parents=True)
    folder = Folder(tmp_path / "data")
    home = folder.analysis("known")
    home.symlink_to(elsewhere)
    folder.forget_files("known")
    folder.drop("known", "lease")
    folder.tidy({"known": "lease"})
    assert not home.is_symlink()
    assert len(list(elsewhere.iterdir())) == 3
    folder.close()


@pytest.mark.parametrize("linked", ["known/0", "known", "."])
def test_nothing_behind_a_link_is_examined(tmp_path: Path, linked: str) -> None:
    photo = tmp_path / "real" / "known" / "0"
    photo.parent.mkdir(parents=True)
    photo.write_bytes(SAMPLE.read_bytes())
    place = tmp_path / "analyses" / linked
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(tmp_path / "real" / linked)
    home = tmp_path / "analyses" / "known"
    job = Job([(str(home / "0"), "a.jpg")], {}, {}, [], str(home / "lease.zip"))
    with pytest.raises(unmask.UnmaskError) as refused:
        _done(job, None)  # type: ignore[arg-type] - it does not get as far as telling
    assert refused.value.code == "not_found"


def test_a_folder_that_others_may_change_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(ConfigError, match="open to all"):
        Folder(tmp_path)
    tmp_path.chmod(0o700)
    mine = os.getuid()
    os.chown(tmp_path, 12345, -1) if mine == 0 else monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(ConfigError, match="another user's"):
        Folder(tmp_path)


def test_no_other_user_can_read_what_is_kept(examining: Server) -> None:
    examining.post(("kept.jpg", SAMPLE.read_bytes() + b"kept"), query="?wait=30")
    for path in (examining.data, *examining.data.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


# --- who asks ----------------------------------------------------------------------------------


def test_tokens_are_compared_in_constant_time(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []
    honest = secrets.compare_digest

    def watched(given: bytes, right: bytes) -> bool:
        compared.append((given, right))
        return honest(given, right)

    monkeypatch.setattr(secrets, "compare_digest", watched)
    given = TOKEN[:-1] + "x"
    answer = server.ask("GET", "/v1/analyses", headers={"Authorization": f"Bearer {given}"})
    assert answer.code == "unauthorised"
    assert compared == [(given.encode(), TOKEN.encode())]


def test_ids_are_random_and_wide(server: Server) -> None:
    ids = [server.post(("id.jpg", b"id %d" % i)).json["id"] for i in range(3)]
    assert all(re.fullmatch("[0-9a-f]{32}", id) for id in ids)
    assert len({id[:4] for id in ids}) > 1


def test_a_body_with_two_lengths_is_refused_and_nothing_follows_it(server: Server) -> None:
    host = f"Host: 127.0.0.1:{server.port}\r\nAuthorization: Bearer {TOKEN}\r\n"
    form = "Content-Type: multipart/form-data; boundary=x\r\n"
    lengths = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"
    inner = f"GET /v1/analyses HTTP/1.1\r\n{host}\r\n"
    told = f"POST /v1/analyses HTTP/1.1\r\n{host}{form}{lengths}\r\n0\r\n\r\n{inner}"
    heard = spoken(server, told.encode())
    assert heard.startswith(b"HTTP/1.1 400 ")
    assert b'"code": "bad_request"' in heard
    assert heard.count(b"HTTP/1.1 ") == 1


def spoken(server: Server, told: bytes) -> bytes:
    """Everything that the server says until it closes."""
    heard = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as line:
        line.sendall(told)
        while more := line.recv(1 << 16):
            heard += more
    return heard


# --- what is told ------------------------------------------------------------------------------


def test_the_log_knows_neither_token_nor_names(
    server: Server, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("INFO")
    server.post(("Grandmother.jpg", b"a word of hers"), query="?wait=30")
    server.ask("GET", "/v1/analyses?q=Grandmother")
    server.ask("GET", "/Grandmother", headers={"Authorization": "Bearer Grandmother"})
    bad = b"POST /v1/analyses HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %b\r\n"
    bad += b"Transfer-Encoding: chunked\r\nContent-Type: Grandmother\r\n\r\nGrandmother\r\n\r\n"
    assert spoken(server, bad % (server.port, TOKEN.encode())).startswith(b"HTTP/1.1 400 ")
    said = caplog.text + "".join(capfd.readouterr())
    assert "Grandmother" not in said
    assert TOKEN not in said
    assert "Traceback" not in said


def test_names_and_metadata_are_text_in_the_report(examining: Server) -> None:
    exif = Image.Exif()
    exif[305] = exif[270] = exif[271] = SCRIPT
    stream = io.BytesIO()
    Image.open(SAMPLE).save(stream, "JPEG", exif=exif.tobytes())
    done = examining.post((f"{SCRIPT}.jpg", stream.getvalue()), query="?wait=30").json
    assert done["state"] == "done"
    answer = examining.ask("GET", f"/v1/analyses/{done['id']}/report.html")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Disposition"].startswith("attachment")
    found = Found()
    found.feed(answer.body.decode())
    assert "alert(1)" in answer.body.decode()
    assert not found.active


class Found(HTMLParser):
    """Collects what a browser would run."""

    def __init__(self) -> None:
        super().__init__()
        self.active: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "iframe", "object", "embed", "base", "form", "meta-refresh"}:
            self.active.append(tag)
        for name, value in attrs:
            if name.startswith("on") or (value or "").strip().lower().startswith("javascript:"):
                self.active.append(f"{tag} {name}")


def test_the_page_makes_no_markup_of_what_it_is_told() -> None:
    page = Path(unmask.__file__).parent / "serve" / "page"
    words = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|Function\("
    )
    scripts = list(page.rglob("*.js"))
    assert scripts
    assert [path.name for path in scripts if words.search(path.read_text("utf-8"))] == []


# --- hostile media -----------------------------------------------------------------------------


def bomb() -> bytes:
    """A PNG that says it has 3.6 thousand million pixels."""
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "PNG")
    small = stream.getvalue()
    header = b"IHDR" + struct.pack(">II", 60_000, 60_000) + small[24:29]
    return small[:12] + header + struct.pack(">I", zlib.crc32(header)) + small[33:]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("bomb.png", bomb(), "too_many_pixels"),
        ("page.jpg", b"<!doctype html><script>1</script>", "unsupported_format"),
        ("vector.jpg", b'<svg xmlns="http://www.w3.org/2000/svg"/>', "unsupported_format"),
        ("list.mp4", b"#EXTM3U\n#EXTINF:9,\nfile:///etc/passwd\n", "unsupported_format"),
        ("archive.jpg", b"PK\x03\x04" + bytes(1000), "unsupported_format"),
        ("empty.jpg", b"", "empty"),
    ],
    ids=lambda told: told if isinstance(told, str) else "",
)
def test_hostile_media_end_in_a_coded_error(
    examining: Server, name: str, content: bytes, code: str
) -> None:
    done = examining.post((name, content), query="?wait=30").json
    assert [one["error"]["code"] for one in done["report"]["findings"]] == [code]
    assert examining.ask("GET", "/readyz").status == 200


# --- the document ------------------------------------------------------------------------------


def test_every_line_of_the_threat_model_names_tests_that_there_are() -> None:
    told = (DOCS / "security.md").read_text("utf-8").splitlines()
    rows = [line for line in told if line.startswith("| ") and line.count("|") == 4][1:]
    assert len(rows) >= 14
    assert [row for row in rows if "`test_" not in row] == []
    named = {name for row in rows for name in re.findall(r"`(test_\w+)`", row)}
    sources = [path.read_text("utf-8") for path in TESTS.rglob("test_*.py")]
    assert (
        named - {name for text in sources for name in re.findall(r"def (test_\w+)", text)} == set()
    )
