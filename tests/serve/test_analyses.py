"""The API of analyses, from outside; the workers examine nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serve.running import Answer, Server, eventually, here, traces

ID = "0" * 32


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("analyses") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUB_MEMORY", str(tmp_path_factory.mktemp("memory")))
        with here(data, workers=2, file_bytes=10_000, request_bytes=30_000, files=3) as running:
            yield running


def test_an_upload_is_accepted_and_done(server: Server) -> None:
    answer = server.post(("a.jpg", b"first"))
    assert answer.status == 202
    assert answer.headers["Location"] == f"/v1/analyses/{answer.json['id']}"
    assert (answer.json["state"], answer.json["report"]) == ("queued", None)
    done = server.until(answer.json["id"], "done")
    assert done["files"][0]["bytes"] == 5
    assert (done["exit_code"], done["pictures"], done["error"]) == (3, [], None)
    assert done["progress"] == {"done": 1.0, "file": 0, "files": 1}
    assert done["report"]["schema"] == "unmask.report/1"
    assert done["expires"] is None
    assert done["options"] == {
        "detectors": None,
        "at": "fpr=0.05",
        "promise": None,
        "frames": 32,
        "fps": None,
        "pictures": True,
    }


def test_waiting_answers_with_the_end(server: Server) -> None:
    answer = server.post(("b.jpg", b"second"), ("c.jpg", b"third"), query="?wait=30")
    assert answer.status == 200
    assert answer.json["state"] == "done"


def test_waiting_ends_with_its_patience(server: Server) -> None:
    answer = server.post(("wait.jpg", b"waits"), query="?wait=0.1")
    assert answer.status == 202
    assert answer.json["state"] in {"queued", "running"}
    id = answer.json["id"]
    eventually(lambda: server.state(id)["progress"]["done"] == 0.5)
    assert server.ask("GET", f"/v1/analyses/{id}?wait=0.1").json["state"] == "running"
    assert server.ask("DELETE", f"/v1/analyses/{id}").status == 204


def test_the_same_bytes_and_options_are_the_same_analysis(server: Server) -> None:
    first = server.post(("one.jpg", b"same"), query="?wait=30")
    again = server.post(("other.jpg", b"same"))
    assert (again.status, again.json["id"]) == (200, first.json["id"])
    other = server.post(("one.jpg", b"same"), frames="all", query="?wait=30")
    assert other.json["id"] != first.json["id"]
    assert server.post(("one.jpg", b"same"), at="fpr=0.05").json["id"] == first.json["id"]
    assert server.ask("DELETE", f"/v1/analyses/{first.json['id']}").status == 204
    assert server.post(("one.jpg", b"same"), query="?wait=30").json["id"] != first.json["id"]


def test_the_same_bytes_sent_at_once_are_one_analysis(server: Server) -> None:
    answers: list[Answer] = []
    threads = [
        threading.Thread(target=lambda: answers.append(server.post(("x.jpg", b"at once"))))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({answer.json["id"] for answer in answers}) == 1
    assert sorted(answer.status for answer in answers)[-2:] == [200, 202]
    assert len({answer.status for answer in answers}) == 2


def test_a_failed_one_is_tried_anew(server: Server) -> None:
    first = server.post(("refuse.jpg", b"bad model"), query="?wait=30")
    assert (first.status, first.json["state"]) == (200, "failed")
    assert first.json["error"]["code"] == "bundle_altered"
    again = server.post(("fine.jpg", b"bad model"), query="?wait=30")
    assert again.json["id"] != first.json["id"]
    assert again.json["state"] == "done"


def test_the_list_has_pages_and_a_search(server: Server) -> None:
    ids = [server.post((f"Zürich {i}.jpg", b"list %d" % i)).json["id"] for i in range(3)]
    for id in ids:
        server.until(id, "done")
    first = server.ask("GET", "/v1/analyses?limit=2&q=z%C3%BCRICH").json
    assert [one["id"] for one in first["analyses"]] == [ids[2], ids[1]]
    assert first["analyses"][0]["verdicts"][0]["name"] == "Zürich 2.jpg"
    rest = server.ask("GET", f"/v1/analyses?q=z%C3%BCrich&cursor={first['next']}").json
    assert [one["id"] for one in rest["analyses"]] == [ids[0]]
    assert rest["next"] is None
    assert server.ask("GET", "/v1/analyses?q=nothing+like+it").json["analyses"] == []


def test_the_files_of_an_analysis(server: Server) -> None:
    done = server.post(("f.jpg", b"files"), query="?wait=30").json
    base = f"/v1/analyses/{done['id']}"
    told = server.ask("GET", f"{base}/report.json")
    assert told.json["schema"] == "unmask.report/1"
    assert told.headers["Content-Disposition"].startswith("attachment")
    picture = server.ask("GET", f"{base}/pictures/0-preview.jpg")
    assert (picture.body, picture.headers["Content-Type"]) == (b"a picture", "image/jpeg")
    assert "immutable" in picture.headers["Cache-Control"]
    assert server.ask("GET", f"{base}/pictures/0-9-crop.jpg").code == "not_found"
    page = server.ask("GET", f"{base}/report.html")
    assert b"<!DOCTYPE html>" in page.body
    assert page.headers["Content-Security-Policy"].startswith("sandbox")
    assert server.ask("GET", f"{base}/report.csv").body.startswith(b'"path"')


def test_no_report_before_the_end(server: Server) -> None:
    id = server.post(("wait.jpg", b"no report yet")).json["id"]
    for what in ("report.json", "report.html", "pictures/0-preview.jpg"):
        assert server.ask("GET", f"/v1/analyses/{id}/{what}").code == "not_found"
    assert server.ask("DELETE", f"/v1/analyses/{id}").status == 204


@pytest.mark.parametrize(
    "path", ["", "/report.html", "/report.json", "/events", "/pictures/0-preview.jpg"]
)
def test_a_guessed_id_gets_nothing(server: Server, path: str) -> None:
    assert server.ask("GET", f"/v1/analyses/{ID}{path}").code == "not_found"
    assert server.ask("DELETE", f"/v1/analyses/{ID}").code == "not_found"


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/v1/analyses/short", "bad_option"),
        ("GET", "/v1/analyses/..%2f..%2fetc", "not_found"),
        ("GET", "/v1/analyses?limit=0", "bad_option"),
        ("GET", "/v1/analyses?limit=many", "bad_option"),
        ("GET", "/v1/analyses?cursor=-1", "bad_option"),
        ("GET", f"/v1/analyses/{ID}?wait=nan", "bad_option"),
        ("GET", f"/v1/analyses/{ID}?wait=31", "bad_option"),
        ("GET", f"/v1/analyses/{ID}/pictures/report.json", "bad_option"),
        ("GET", f"/v1/analyses/{ID}/pictures/..%2f..%2flock", "not_found"),
        ("GET", "/v1", "not_found"),
        ("GET", "/page/../app.py", "not_found"),
        ("GET", "/page/%2e%2e/app.py", "not_found"),
        ("PUT", "/v1/analyses", "wrong_method"),
        ("POST", "/healthz", "wrong_method"),
        ("DELETE", "/v1/analyses", "wrong_method"),
    ],
)
def test_what_is_no_request_of_ours(server: Server, method: str, path: str, code: str) -> None:
    answer = server.ask(method, path)
    assert answer.code == code
    assert (answer.status == 405) == ("Allow" in answer.headers)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"detectors": "nobody"}, "unknown_detector"),
        ({"detectors": "../face-forgery"}, "unknown_detector"),
        ({"detectors": "/etc"}, "unknown_detector"),
        ({"detectors": ".,x"}, "unknown_detector"),
        ({"detectors": "face-finder"}, "bad_option"),
        ({"detectors": ",".join(f"d{i}" for i in range(17))}, "bad_option"),
        ({"at": "fpr=2"}, "bad_option"),
        ({"at": "tpr=0.1"}, "bad_option"),
        ({"at": "fpr=0.9999"}, "bad_option"),
        ({"promise": "much"}, "bad_option"),
        ({"promise": "nan"}, "bad_option"),
        ({"promise": "1.5"}, "bad_option"),
        ({"frames": "-1"}, "bad_option"),
        ({"frames": "1e9"}, "bad_option"),
        ({"frames": "9" * 4000}, "bad_option"),
        ({"frames": "8", "fps": "2"}, "bad_option"),
        ({"fps": "inf"}, "bad_option"),
        ({"fps": "2000"}, "bad_option"),
        ({"pictures": "maybe"}, "bad_option"),
        ({"path": "/etc/passwd"}, "bad_field"),
        ({"url": "http://example.org/a.jpg"}, "bad_field"),
    ],
)
def test_options_that_cannot_be_are_refused(
    server: Server, fields: dict[str, str], code: str
) -> None:
    answer = server.post(("o.jpg", b"options"), **fields)
    assert (answer.status, answer.code) == (422, code)
    assert not list((server.data / "incoming").iterdir())


def test_options_that_can_be(server: Server) -> None:
    told = server.post(
        ("p.jpg", b"good options"), detectors="face-forgery", at="fpr=0.04", fps="2", promise=" "
    ).json["options"]
    assert told == {
        "detectors": ["face-forgery"],
        "at": "fpr=0.04",
        "promise": None,
        "frames": None,
        "fps": 2.0,
        "pictures": True,
    }


@pytest.mark.parametrize(
    ("files", "status", "code"),
    [
        ([], 422, "no_files"),
        ([("big.jpg", b"x" * 10_001)], 413, "too_many_bytes"),
        ([(f"{i}.jpg", b"x" * 9_999) for i in range(4)], 413, "too_many_bytes"),
        ([(f"{i}.jpg", b"x") for i in range(4)], 413, "too_many_parts"),
    ],
)
def test_too_much_is_refused(server: Server, files: Any, status: int, code: str) -> None:
    answer = server.post(*files)
    assert (answer.status, answer.code) == (status, code)
    assert not list((server.data / "incoming").iterdir())


def test_ten_thousand_parts_are_refused_before_they_came(server: Server) -> None:
    part = b'--e\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\nx\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=e"}
    body = part * 300
    assert len(body) < 30_000
    assert server.ask("POST", "/v1/analyses", body, kind).code == "too_many_parts"


@pytest.mark.parametrize(
    "kind", ["", "application/json", "application/x-www-form-urlencoded", "multipart/mixed"]
)
def test_another_kind_of_body_is_refused(server: Server, kind: str) -> None:
    answer = server.ask("POST", "/v1/analyses", b"{}", {"Content-Type": kind})
    assert (answer.status, answer.code) == (415, "unsupported_body")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\face.jpg", "face.jpg"),
        ("/dev/stdin", "stdin"),
        ("..", "file"),
        ("", "file"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("x" * 1000, "x" * 255),
        ("<script>alert(1)</script>.jpg", "script>.jpg"),
    ],
)
def test_a_path_in_a_file_name_is_a_label(server: Server, name: str, shown: str) -> None:
    data = b"named " + name.encode()
    done = server.post((name, data), query="?wait=30").json
    assert done["files"][0]["name"] == shown
    assert not traces(server.data / "analyses", shown.encode()[:200]) or shown == "file"
    names = {path.name for path in (server.data / "analyses" / done["id"]).iterdir()}
    assert len(names) == 1


def test_a_link_in_the_data_folder_gets_nothing(server: Server, tmp_path: Path) -> None:
    done = server.post(("l.jpg", b"linked"), query="?wait=30").json
    picture = f"/v1/analyses/{done['id']}/pictures/0-preview.jpg"
    assert server.ask("GET", picture).status == 200
    (results,) = (server.data / "analyses" / done["id"]).iterdir()
    moved = results.rename(tmp_path / "moved")
    for place in (lambda: results.symlink_to(moved), lambda: os.mkfifo(results)):
        place()
        assert server.ask("GET", picture).code == "not_found"
        assert server.state(done["id"])["report"] is None
        results.unlink()
    home = results.parent.rename(tmp_path / "home")
    (home / results.name).hardlink_to(moved)
    results.parent.symlink_to(home)
    assert server.ask("GET", picture).code == "not_found"
    assert server.state(done["id"])["report"] is None
    assert server.ask("DELETE", f"/v1/analyses/{done['id']}").status == 204
    assert moved.read_bytes() == (home / results.name).read_bytes()


def test_a_job_that_kills_its_worker_once_is_done(server: Server) -> None:
    done = server.until(server.post(("faint.jpg", b"faints")).json["id"], "done", "failed")
    assert done["state"] == "done"


@pytest.mark.parametrize(
    "name", ["die", "babble", "nest", "ramble", *(f"lie{i}" for i in range(7))]
)
def test_a_job_that_kills_its_workers_is_given_up(server: Server, name: str) -> None:
    failed = server.until(server.post((name, name.encode())).json["id"], "done", "failed")
    assert failed["error"]["code"] == "worker_lost"
    assert failed["error"]["status"] == 500
    folder = server.data / "analyses" / failed["id"]
    eventually(lambda: not list(folder.iterdir()))
