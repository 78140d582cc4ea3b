"""Sends a server hundreds of hostile uploads and holds it to its promises.

Every request ends in a coded 4xx, or in an analysis with a result or a coded error for each file;
no 5xx; the server and a worker stay alive and examine a good photo afterwards; the processes stay
within a bounded memory; no file is left outside the data folder, and none in it, nor any word of
what was sent, once everything was deleted.

    python benchmarks/hostile_uploads.py [--media 100]
"""

from __future__ import annotations

import argparse
import http.client
import io
import random
import re
import select
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import hostile
import hostile_requests
from hostile_requests import MARK, Request, body, file, whole
from scenes import PORTRAIT
from serving import Answer, Server, weight

BOUNDS = ("--max-bytes", "24000000", "--max-request-bytes", "32000000", "--workers", "2")
PATIENCE = 60.0
"""Seconds for one answer."""


# --- what is sent ------------------------------------------------------------------------------


def media(count: int, seed: int) -> Iterator[Request]:
    """Well-formed forms with broken, lying or exploding files."""
    rng = random.Random(seed)  # noqa: S311 - nothing secret
    with tempfile.TemporaryDirectory() as scratch:
        good = hostile.seeds(Path(scratch))
    for name, content in hostile.handmade(good, f"{MARK}.jpg"):
        yield upload("handmade", name, content)
    names, breakers = sorted(good), hostile.BREAKERS
    for number in range(max(0, count)):
        breaker, source = breakers[number % len(breakers)], rng.choice(names)
        disguise = rng.choice(names) if breaker is hostile.untouched else source
        broken = breaker(rng, good[source], list(good.values()))
        yield upload(breaker.__name__, disguise, broken)
    for name, content in polyglots(good):
        yield upload("polyglot", name, content)


def polyglots(good: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Files that are two things at once, or another than they say."""
    photo, script = good["base.jpg"], b"<script>alert(1)</script>"
    yield "page.jpg", photo[:2] + b"\xff\xfe\x00\x80<!--" + script.ljust(122) + photo[2:]
    yield "archive.jpg", photo + b"PK\x03\x04" + bytes(200) + b"PK\x05\x06" + bytes(18)
    yield "document.jpg", b"%PDF-1.7\n" + photo
    yield "gifar.gif", good["plain.gif"] + b"PK\x03\x04" + bytes(200)
    yield "html.jpg", b"<!doctype html>" + script
    yield "tar.jpg", b"../../x".ljust(257, b"\0") + b"ustar\x0000" + bytes(1000)
    yield "elf.png", b"\x7fELF" + bytes(500)
    yield "pickle.jpg", b"\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x02os." + bytes(100)


def upload(way: str, name: str, content: bytes) -> Request:
    told = f"{MARK}-{name}"
    return Request(way, told, (whole(body(file(told, content))),), passes=True)


# --- one connection ----------------------------------------------------------------------------


class Line:
    """A connection that listens while it speaks, as a server that refuses early deserves."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._socket.setblocking(False)
        self.heard, self.closed = b"", False

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def say(self, data: bytes) -> None:
        """Send bytes, and hear what comes meanwhile."""
        rest = memoryview(data)
        while rest and not self.closed:
            ready, free, _ = select.select([self._socket], [self._socket], [], PATIENCE)
            if ready:
                self._hear()
            if free and not self.closed:
                try:
                    rest = rest[self._socket.send(rest[: 1 << 18]) :]
                except OSError:
                    return

    def listen(self, seconds: float, enough: bool = True) -> None:
        """Until an answer is complete, when that is enough, or time is over."""
        end = time.monotonic() + seconds
        while not self.closed and not (enough and complete(self.heard)):
            left = end - time.monotonic()
            if left <= 0:
                return
            if select.select([self._socket], [], [], left)[0]:
                self._hear()

    def _hear(self) -> None:
        try:
            more = self._socket.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        self.heard += more
        self.closed = not more


def complete(raw: bytes) -> bool:
    start, found, rest = final(raw).partition(b"\r\n\r\n")
    size = re.search(rb"(?i)\r\ncontent-length: *(\d+)", start)
    return bool(found and size and len(rest) >= int(size[1]))


def final(raw: bytes) -> bytes:
    """Without the word to go on."""
    return raw.partition(b"\r\n\r\n")[2] if raw.startswith(b"HTTP/1.1 100") else raw


def exchange(port: int, request: Request) -> Answer | None:
    """Do what the request says; `None` when nothing was answered."""
    with Line(port) as line:
        for step in request.steps:
            if isinstance(step, bytes):
                line.say(step.replace(b":PORT", b":%d" % port, 2))
            else:
                line.listen(step)
        if not request.leaves:
            line.listen(PATIENCE)
        return parsed(line.heard)


def parsed(raw: bytes) -> Answer | None:
    """The first answer in what was heard."""

    class Heard:
        def makefile(self, *_: object) -> io.BytesIO:
            return io.BytesIO(final(raw))

    answer = http.client.HTTPResponse(Heard())  # type: ignore[arg-type]
    try:
        answer.begin()
        return Answer(
            answer.status,
            {name.lower(): text for name, text in answer.headers.items()},
            answer.read(),
        )
    except (http.client.HTTPException, OSError, ValueError):
        return None


# --- the run -----------------------------------------------------------------------------------


@dataclass
class Account:
    """What came of it."""

    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    peak: float = 0.0
    http_peak: float = 0.0
    slowest: tuple[float, str] = (0.0, "")

    def note(self, request: Request, outcome: str, seconds: float) -> None:
        """Count an upload."""
        self.outcomes.setdefault(request.way, Counter())[outcome] += 1
        self.slowest = max(self.slowest, (seconds, f"{request.way}: {request.about}"))

    def hold(self, kept: bool, sentence: str) -> None:
        """Note a promise that was not kept."""
        if not kept:
            self.broken.append(sentence)

    @property
    def count(self) -> int:
        """Of uploads."""
        return sum(sum(found.values()) for found in self.outcomes.values())


def send(server: Server, request: Request, account: Account) -> None:
    """One upload, to its end."""
    start = time.monotonic()
    answer = exchange(server.port, request)
    outcome, fine = judged(server, request, answer)
    account.note(request, outcome, time.monotonic() - start)
    account.hold(fine, f"{request.way} {request.about!a}: {outcome}")


def judged(server: Server, request: Request, answer: Answer | None) -> tuple[str, bool]:
    """What an upload came to, and whether that may be."""
    if answer is None:
        return "no answer", request.leaves
    if 400 <= answer.status < 500:
        kind = answer.headers.get("content-type")
        if kind != "application/problem+json":
            return f"{answer.status} without a problem", False
        return f"{answer.status} {answer.json['code']}", True
    if answer.status in (200, 202) and b'"report"' in answer.body:
        codes = ended(server, answer.json["id"])
        return "examined: " + ", ".join(codes), request.passes and "unfinished" not in codes
    return str(answer.status), answer.status == 200 and request.passes


def ended(server: Server, id: str) -> list[str]:
    """How an analysis ends: the code of each finding, or of its failure."""
    for _ in range(4):
        found = server.ask("GET", f"/v1/analyses/{id}?wait=30").json
        if found["state"] == "failed":
            return [found["error"]["code"]]
        if found["state"] == "done":
            findings = found["report"]["findings"]
            return [one["error"]["code"] if one["error"] else "ok" for one in findings]
    return ["unfinished"]


def watch(server: Server, account: Account, over: threading.Event) -> None:
    """Note the highest memory of the processes together, and of the one that speaks HTTP."""
    while not over.wait(0.05):
        account.http_peak = max(account.http_peak, weight(server.pid, "rss"))
        account.peak = max(account.peak, server.memory("rss"))


def attack(server: Server, wish: argparse.Namespace, account: Account) -> None:
    over = threading.Event()
    watcher = threading.Thread(target=watch, args=(server, account, over))
    watcher.start()
    everything = [*hostile_requests.everything(), *media(wish.media, wish.seed)]
    slow = [one for one in everything if one.way == "slow"]
    with ThreadPoolExecutor(len(slow)) as pool:
        waiting = [pool.submit(send, server, one, account) for one in slow]
        for request in everything:
            if request.way != "slow":
                send(server, request, account)
        for one in waiting:
            one.result()
    over.set()
    watcher.join()


def aftermath(server: Server, pid: int, scratch: Path, account: Account) -> None:
    """What must hold once it is over."""
    account.hold(server.alive and server.pid == pid, "the server died")
    good = server.analyse(("good.jpg", PORTRAIT.read_bytes()), wait=30)
    account.hold(
        good.status == 200 and good.json["state"] == "done", "a good photo is not examined"
    )
    metrics = server.ask("GET", "/metrics").body.decode()
    fives = re.findall(r'requests_total.*status="(5\d\d)"', metrics)
    account.hold(set(fives) <= {"503"}, f"some answers were {fives}")  # 503: not ready yet
    for one in server.listing():
        gone = server.ask("DELETE", f"/v1/analyses/{one['id']}")
        account.hold(gone.status == 204, f"DELETE answers {gone.status}")
    left = [str(path.relative_to(scratch)) for path in scratch.rglob("*") if path.is_file()]
    strange = sorted(
        set(left) - {"data/lock", "log", *(f"data/unmask.sqlite3{e}" for e in ENDINGS)}
    )
    account.hold(not strange, f"files are left: {strange[:5]}")
    traces = [name for name in left if MARK.encode() in (scratch / name).read_bytes()]
    account.hold(not traces, f"words of what was sent are left in {traces}")


ENDINGS = ("", "-wal", "-shm")


def table(account: Account) -> str:
    lines = []
    for way, found in account.outcomes.items():
        told = ", ".join(f"{outcome} {count}" for outcome, count in found.most_common())
        lines.append(f"{way:16} {sum(found.values()):>4}  {told}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--media", type=int, default=60, help="Broken files beside the made ones.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--megabytes", type=float, default=1200.0, help="Bound for all processes.")
    parser.add_argument("--http-megabytes", type=float, default=150.0, help="Bound for the server.")
    wish = parser.parse_args()
    account = Account()
    with tempfile.TemporaryDirectory() as place:
        scratch = Path(place)
        for name in ("tmp", "home", "cwd"):
            (scratch / name).mkdir()
        with Server(scratch / "data", *BOUNDS, scratch=scratch) as server:
            attack(server, wish, account)
            aftermath(server, server.pid, scratch, account)
        said = (scratch / "log").read_text()
    account.hold(MARK not in said, "the log names a file")
    account.hold("Traceback" not in said, f"the log tells of a defect: {said[-2000:]}")
    account.hold(account.peak <= wish.megabytes, f"{account.peak:.0f} MB of memory")
    account.hold(account.http_peak <= wish.http_megabytes, f"{account.http_peak:.0f} MB for HTTP")
    print(table(account))
    seconds, slowest = account.slowest
    print(f"\n{account.count} uploads, the slowest took {seconds:.1f} s ({slowest}).")
    print(f"Memory: at most {account.peak:.0f} MB, {account.http_peak:.0f} MB of them for HTTP.")
    print("\n".join(f"BROKEN: {sentence}" for sentence in account.broken) or "All promises kept.")
    return 1 if account.broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
