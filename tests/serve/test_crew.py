"""Nothing is lost and nothing is done twice, whoever dies; the workers examine nothing."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.serve.running import Server, eventually, here, stub
from unmask.serve import crew


def worker(server: Server) -> int:
    """The process that is at work, once there is one."""
    assert server.desk
    hands = server.desk.crew._hands
    eventually(lambda: any(hand.task for hand in list(hands)))
    return next(hand.pid for hand in list(hands) if hand.task)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_killed_workers_job_is_taken_up_once(tmp_path: Path) -> None:
    with here(tmp_path / "data") as server:
        id = server.post(("wait.jpg", b"killed")).json["id"]
        first = worker(server)
        os.kill(first, signal.SIGKILL)
        eventually(lambda: worker(server) != first)
        assert server.state(id)["state"] in {"queued", "running"}
        os.kill(worker(server), signal.SIGKILL)
        failed = server.until(id, "failed")
        assert failed["error"]["code"] == "worker_lost"
        assert not list((server.data / "analyses" / id).iterdir())
        assert b"unmask_workers_lost_total 2.0" in server.ask("GET", "/metrics").body
        assert server.post(("next.jpg", b"next"), query="?wait=30").json["state"] == "done"


def test_the_next_job_comes_while_results_are_written(tmp_path: Path) -> None:
    with here(tmp_path / "data", workers=1) as server:
        written = server.post(("write.jpg", b"written")).json["id"]
        first = worker(server)
        next_one, last = (server.post((f"{i}.jpg", b"%d" % i)).json["id"] for i in range(2))
        server.until(next_one, "running")
        assert server.state(last)["state"] == "queued"
        os.kill(first, signal.SIGKILL)
        eventually(lambda: worker(server) != first)
        os.kill(worker(server), signal.SIGKILL)
        assert server.until(written, "failed")["error"]["code"] == "worker_lost"
        for id in (next_one, last):
            server.until(id, "done")
        assert b"unmask_workers_lost_total 2.0" in server.ask("GET", "/metrics").body


@pytest.mark.parametrize("place", [0, 1])
def test_what_a_worker_has_next_can_be_erased(tmp_path: Path, place: int) -> None:
    with here(tmp_path / "data", workers=1) as server:
        ids = [server.post((f"write {i}.jpg", b"%d" % i)).json["id"] for i in range(2)]
        server.until(ids[1], "running")
        first = worker(server)
        erased, other = ids[place], ids[1 - place]
        assert server.ask("DELETE", f"/v1/analyses/{erased}").status == 204
        assert gone(first)
        assert [path.name for path in (server.data / "analyses").iterdir()] == [other]
        server.until(other, "running")
        assert b"unmask_workers_lost_total 0.0" in server.ask("GET", "/metrics").body


def test_a_worker_without_a_job_is_replaced(tmp_path: Path) -> None:
    with here(tmp_path / "data") as server:
        assert server.desk
        (pid,) = server.desk.crew.pids
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: server.desk.crew.pids not in ([], [pid]))
        assert server.post(("next.jpg", b"next"), query="?wait=30").json["state"] == "done"


def test_a_job_has_a_time_limit(tmp_path: Path) -> None:
    with here(tmp_path / "data", patience=0.3) as server:
        failed = server.post(("wait.jpg", b"too long"), query="?wait=30").json
        assert (failed["state"], failed["error"]["code"]) == ("failed", "timeout")
        assert not list((server.data / "analyses" / failed["id"]).iterdir())


def test_a_full_queue_sends_clients_away(tmp_path: Path) -> None:
    with here(tmp_path / "data", queue=2) as server:
        running = server.post(("wait.jpg", b"first")).json["id"]
        worker(server)
        waiting = [server.post((f"{i}.jpg", b"%d" % i)).json["id"] for i in range(2)]
        for kind in ("fresh", "early"):  # refused when it is to be queued, later before it is read
            answer = server.post(("more.jpg", kind.encode()))
            assert (answer.status, answer.code) == (429, "queue_full")
            assert 1 <= int(answer.headers["Retry-After"]) <= 300
            eventually(lambda: server.desk and server.desk.crew.waiting == 2)
        assert not list((server.data / "incoming").iterdir())
        assert b"unmask_queue_depth 2.0" in server.ask("GET", "/metrics").body
        assert server.ask("DELETE", f"/v1/analyses/{running}").status == 204
        for id in waiting:
            server.until(id, "done")
        assert server.post(("more.jpg", b"fresh")).status == 202
        assert len(list((server.data / "analyses").iterdir())) == 3


def test_more_workers_come_and_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "IDLE", 0.1)
    with here(tmp_path / "data", workers=3) as server:
        assert server.desk
        assert len(server.desk.crew.pids) == 1
        ids = [server.post((f"wait {i}.jpg", b"%d" % i)).json["id"] for i in range(5)]
        eventually(lambda: len(server.desk.crew.pids) == 3)
        eventually(lambda: [server.state(id)["state"] for id in ids].count("running") == 3)
        for id in ids:
            assert server.ask("DELETE", f"/v1/analyses/{id}").status == 204
        eventually(lambda: len(server.desk.crew.pids) == 1)


def test_workers_that_die_while_they_load(tmp_path: Path) -> None:
    dead = [sys.executable, "-c", "pass"]
    left = [1, 2]

    def spawn() -> subprocess.Popen[bytes]:
        if not left:
            return stub()
        left.pop()
        return subprocess.Popen(dead, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    with here(tmp_path / "data", spawn=spawn) as server:
        assert not left
        assert server.post(("a.jpg", b"a"), query="?wait=30").json["state"] == "done"


def test_not_ready_before_the_models_are_loaded(tmp_path: Path) -> None:
    mute = [sys.executable, "-c", "import sys; sys.stdin.read()"]

    def spawn() -> subprocess.Popen[bytes]:
        return subprocess.Popen(mute, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    with here(tmp_path / "data", spawn=spawn, ready=False) as server:
        answer = server.ask("GET", "/readyz")
        assert (answer.status, answer.code) == (503, "not_ready")
        assert server.ask("GET", "/healthz").json == {"status": "ok"}
        assert server.post(("a.jpg", b"patient")).json["state"] == "queued"


def test_a_worker_that_never_gets_ready_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "LOADING", 0.2)
    mute = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    started: list[int] = []

    def spawn() -> subprocess.Popen[bytes]:
        if started:
            monkeypatch.setattr(crew, "LOADING", 60.0)
            return stub()
        process = subprocess.Popen(mute, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process.pid)
        return process

    with here(tmp_path / "data", spawn=spawn):
        assert gone(started[0])


def test_a_stopped_server_goes_on_where_it_was(tmp_path: Path) -> None:
    with here(tmp_path / "data") as server:
        ids = [server.post((f"wait {i}.jpg", b"%d" % i)).json["id"] for i in range(3)]
        pid = worker(server)
    assert gone(pid)
    with here(tmp_path / "data", workers=3) as server:
        for id in ids:
            server.until(id, "running")
        assert len(server.ask("GET", "/v1/analyses").json["analyses"]) == 3


def test_an_end_is_not_lost_when_the_store_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(crew, "TICK", 0.05)
    with here(tmp_path / "data") as server:
        assert server.desk
        works, failures = server.desk.store.finish, [1, 2]

        def finish(*args: Any, **kwargs: Any) -> bool:
            if failures and failures.pop():
                raise sqlite3.OperationalError("database or disk is full")
            return works(*args, **kwargs)

        monkeypatch.setattr(server.desk.store, "finish", finish)
        assert server.post(("a.jpg", b"a"), query="?wait=30").json["state"] == "done"
        assert "another try" in caplog.text
        monkeypatch.setattr(server.desk.store, "claim", finish)
        failures.append(1)
        caplog.clear()
        server.post(("b.jpg", b"b"))
        eventually(lambda: "goes on after a failure" in caplog.text)
        monkeypatch.undo()
