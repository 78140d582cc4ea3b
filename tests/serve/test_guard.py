"""Who is let in: host names, origins, tokens, and what every answer carries."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.serve.running import Server, here
from unmask.errors import ConfigError
from unmask.serve.guard import POLICY
from unmask.serve.settings import Settings

TOKEN = "a token of the tests"
BROWSERS = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
ELSEWHERE = "http://evil.example"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with here(tmp_path_factory.mktemp("guard") / "data", names=("photos.example",)) as running:
        yield running


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with here(tmp_path_factory.mktemp("locked") / "data", token=TOKEN) as running:
        yield running


def test_loopback_names_with_our_port_are_ours(server: Server) -> None:
    for host in ("127.0.0.1", "localhost", "LOCALHOST", "[::1]", "127.1.2.3"):
        told = {"Host": f"{host}:{server.port}"}
        assert server.ask("GET", "/healthz", headers=told).status == 200, host
    assert server.ask("GET", "/healthz", headers={"Host": "photos.example"}).status == 200
    assert server.ask("GET", "/healthz", headers={"Host": "photos.example:443"}).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "localhost.evil.example:{port}",
        "127.0.0.1.nip.io:{port}",
        "localhost:1",
        "localhost",
        "0.0.0.0:{port}",
        "10.0.0.1:{port}",
        "",
        ":{port}",
        "[::1",
        "localhost:{port}:{port}",
        "localhost:+{port}",
    ],
)
@pytest.mark.parametrize("path", ["/", "/healthz", "/v1/analyses", "/page/main.js"])
def test_a_rebound_name_gets_nothing(server: Server, host: str, path: str) -> None:
    answer = server.ask("GET", path, headers={"Host": host.format(port=server.port)})
    assert (answer.status, answer.code) == (403, "foreign_host")


def test_two_hosts_are_none(server: Server) -> None:
    told = f"GET /healthz HTTP/1.1\r\nHost: localhost:{server.port}\r\nHost: evil.example\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        line.sendall(told.encode())
        assert line.recv(1000).split()[1] in {b"400", b"403"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": ELSEWHERE},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Origin": "file://"},
        {"Sec-Fetch-Site": "cross-site", **BROWSERS},
        {"Sec-Fetch-Site": "same-site", **BROWSERS},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Site": "none", "Origin": ELSEWHERE},
    ],
)
def test_another_site_gets_nothing(server: Server, headers: dict[str, str]) -> None:
    for path in ("/v1/analyses", "/", "/healthz", "/metrics"):
        assert server.ask("GET", path, headers=headers).code == "foreign_origin"
    posted = server.post(("a.jpg", b"cross-site"), headers=headers)
    assert (posted.status, posted.code) == (403, "foreign_origin")
    assert server.ask("OPTIONS", "/v1/analyses", headers=headers).status == 403
    assert server.ask("GET", "/v1/analyses").json["analyses"] == []


def test_our_own_page_and_links_to_it_are_let_in(server: Server) -> None:
    ours = {"Origin": server.url, "Sec-Fetch-Site": "same-origin", **BROWSERS}
    assert server.ask("GET", "/v1/analyses", headers=ours).status == 200
    link = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    followed = {"Sec-Fetch-Site": "cross-site", **link}
    assert server.ask("GET", "/", headers=followed).status == 200
    assert server.ask("GET", "/v1/analyses", headers=followed).code == "foreign_origin"
    assert server.ask("POST", "/", headers=followed).code == "foreign_origin"


@pytest.mark.parametrize(
    "given",
    ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xe9"],
)
def test_a_wrong_token_gets_nothing(locked: Server, given: str) -> None:
    for method, path in (
        ("GET", "/v1/analyses"),
        ("GET", "/v1/detectors"),
        ("GET", "/metrics"),
        ("GET", "/openapi.json"),
        ("DELETE", f"/v1/analyses/{'0' * 32}"),
        ("POST", "/v1/analyses"),
        ("GET", "/nowhere"),
    ):
        answer = locked.ask(method, path, headers={"Authorization": given})
        assert (answer.status, answer.code) == (401, "unauthorised")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_the_token_opens_the_api_and_the_page_needs_none(locked: Server) -> None:
    assert locked.ask("GET", "/v1/analyses").status == 200
    assert (
        locked.ask("GET", "/v1/analyses", headers={"Authorization": f"bearer {TOKEN}"}).status
        == 200
    )
    for path in ("/", "/healthz", "/readyz", "/page/main.js"):
        assert locked.ask("GET", path, headers={"Authorization": ""}).status == 200
    described = locked.ask("GET", "/openapi.json").json
    assert described["paths"]["/v1/analyses"]["post"]["security"] == [{"token": []}]


@pytest.mark.parametrize("path", ["/", "/healthz", "/page/main.js", "/nowhere", "/v1/analyses"])
def test_every_answer_carries_the_headers(server: Server, path: str) -> None:
    headers = server.ask("GET", path).headers
    assert headers["Content-Security-Policy"] == POLICY
    assert "unsafe" not in POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == (
        "no-cache" if path in {"/", "/page/main.js"} else "no-store"
    )
    for name in ("Set-Cookie", "Access-Control-Allow-Origin", "Server"):
        assert name not in headers


def test_other_addresses_demand_a_good_token(tmp_path: str) -> None:
    for host in ("0.0.0.0", "::", "192.168.1.2", "example.org"):
        with pytest.raises(ConfigError, match="--token"):
            Settings(tmp_path, host)
        assert Settings(tmp_path, host, token=TOKEN).token == TOKEN
    for token in ("short", "", "x" * 15, "eeeeeeeeeeeeeeeé", "a" * 16 + "\n"):
        with pytest.raises(ConfigError, match="token"):
            Settings(tmp_path, token=token)
