"""Servers in processes of their own, with workers that examine: start, answer, die, go on."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

import unmask
from tests.serve.running import Server, eventually, real
from unmask.conformance import SAMPLES
from unmask.report import render
from unmask.serve import client

VIDEO = SAMPLES / "video.mp4"
PHOTOS = ("portrait.jpg", "portrait_forged.jpg", "landscape.jpg", "crowd.jpg")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with real(tmp_path_factory.mktemp("real") / "data", "--workers", "2") as running:
        yield running


def children(pid: int) -> list[int]:
    """Processes that a process started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(path.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(path.parent.name))
        except (OSError, ValueError):
            continue
    return found


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")


def test_the_answer_is_the_commands(server: Server) -> None:
    found = client.analyse([SAMPLES / name for name in PHOTOS], server.url)
    report = unmask.check([SAMPLES / name for name in PHOTOS])
    assert found["exit_code"] == report.exit_code
    expected = json.loads(render(report, ".json"))["findings"]
    for one, other, name in zip(found["report"]["findings"], expected, PHOTOS, strict=True):
        assert one == other | {"path": name}
    for finding, pictures in zip(found["report"]["findings"], found["pictures"], strict=True):
        assert len(finding["faces"]) == len(pictures["faces"])
        names = [pictures["preview"]["name"]] + [
            face[kind]
            for face in pictures["faces"]
            if face
            for kind in ("crop", "heat")
            if face[kind]
        ]
        for name in names:
            answer = server.ask("GET", f"/v1/analyses/{found['id']}/pictures/{name}")
            assert (answer.status, answer.body[:1] in b"\xff\x89") == (200, True)
    page = client.export(found["id"], "html", server.url)
    assert all(name.encode() in page for name in PHOTOS)


def test_detectors_are_told(server: Server) -> None:
    told = {one["name"]: one for one in client.detectors(server.url)}
    assert set(told) == set(unmask.list_detectors())
    assert told["face-forgery"]["default"]


@linux
def test_a_killed_workers_video_is_examined_again(server: Server) -> None:
    assert server.process
    id = client.analyse(VIDEO, server.url, wait=None, fps=8)["id"]
    eventually(lambda: server.state(id)["progress"]["done"] > 0.1)
    workers = children(server.process.pid)
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    done = server.until(id, "done", "failed")
    assert done["state"] == "done"
    assert done["report"]["findings"][0]["verdict"] == "likely_manipulated"
    assert not set(workers) & set(children(server.process.pid))


@linux
def test_a_killed_server_goes_on_and_leaves_no_worker(tmp_path: Path) -> None:
    jobs: list[dict[str, object]] = [{"fps": 8}, *({"frames": n} for n in range(2, 6))]
    with real(tmp_path, "--workers", "1") as first:
        assert first.process
        ids = [client.analyse(VIDEO, first.url, wait=None, **job)["id"] for job in jobs]
        eventually(lambda: first.state(ids[0])["progress"]["done"] > 0.1)
        workers = children(first.process.pid)
        first.process.kill()
        first.process.wait()
    eventually(lambda: not any(map(alive, workers)))
    with real(tmp_path, "--workers", "2") as second:
        again = client.analyse(VIDEO, second.url, frames=2)
        assert again["id"] == ids[1]
        for id in ids:
            assert second.until(id, "done", "failed")["state"] == "done"
        listed = [one["id"] for one in client.listing(second.url)]
        assert sorted(listed) == sorted(ids)
        for id in ids:
            (place,) = (tmp_path / "analyses" / id).iterdir()
            with ZipFile(place) as results:
                assert len(json.loads(results.read("report.json"))["findings"]) == 1


@linux
def test_a_worker_is_told_no_secret(tmp_path: Path) -> None:
    secret = "a token that nobody else knows"
    with real(tmp_path, env={"UNMASK_TOKEN": secret}) as server:
        assert server.process
        assert server.ask("GET", "/v1/analyses").code == "unauthorised"
        (pid,) = children(server.process.pid)
        assert secret.encode() not in Path(f"/proc/{pid}/environ").read_bytes()
        assert secret.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.parametrize("word", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_it_is_told_to(tmp_path: Path, word: signal.Signals) -> None:
    with real(tmp_path) as server:
        assert server.process
        began = time.monotonic()
        server.process.send_signal(word)
        code = server.process.wait(30)
        assert code == (130 if word == signal.SIGINT else -signal.SIGTERM)
        assert time.monotonic() - began < 20


@linux
def test_it_rests_in_little_memory(server: Server) -> None:
    assert server.process
    pids = [server.process.pid, children(server.process.pid)[0]]
    sizes = [
        int(line.split()[1])
        for pid in pids
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        if line.startswith("Pss:")
    ]
    assert sum(sizes) < 300_000
