"""Load on a server that loses workers and its own life meanwhile, and loses nothing else.

    python benchmarks/serve_load.py [--seconds 120] [--clients 16]

Clients post distinct photos as fast as they are let; a worker is killed, then the server, then
another worker, each with `kill -9`. Whoever hears nothing asks again, as the same bytes are the
same analysis. In the end every accepted photo has exactly one analysis with exactly one result.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import struct
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import psutil
from scenes import PORTRAIT
from serving import File, Server, post

SAMPLES = [PORTRAIT.read_bytes(), PORTRAIT.with_name("portrait_forged.jpg").read_bytes()]
DRAIN = 600.0
"""Most seconds until all that waits must be done."""


def photo(number: int) -> File:
    """A sample that no other number shares: with a comment."""
    told = f"photo {number}".encode()
    comment = b"\xff\xfe" + struct.pack(">H", len(told) + 2) + told
    sample = SAMPLES[number % len(SAMPLES)]
    return f"{number}.jpg", sample[:2] + comment + sample[2:]


@dataclass
class Book:
    """What the clients did and heard."""

    accepted: dict[int, list[str]] = field(default_factory=dict)
    heard: Counter[str] = field(default_factory=Counter)
    killed: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    last: int = 0

    def next(self) -> int:
        """The number of a photo that nobody sent yet."""
        with self.lock:
            self.last += 1
            return self.last

    def note(self, what: str) -> None:
        """Count what a client heard."""
        with self.lock:
            self.heard[what] += 1

    def accept(self, number: int, id: str) -> None:
        """Note that an analysis was promised."""
        with self.lock:
            self.accepted.setdefault(number, []).append(id)


def client(port: int, book: Book, end: float) -> None:
    """Post photo after photo; each until it is accepted, and one in ten a second time."""
    while time.monotonic() < end:
        number = book.next()
        while not sent(port, number, book, end) and time.monotonic() < end + 30:
            pass
        if number % 10 == 0:
            sent(port, number, book, end)


def sent(port: int, number: int, book: Book, end: float) -> bool:
    """Post a photo once; whether the server promised to examine it."""
    try:
        answer = post(port, [photo(number)], {})
    except OSError:
        book.note("no answer")
        time.sleep(0.1)
        return False
    book.note(str(answer.status))
    if answer.status in (200, 202):
        book.accept(number, answer.json["id"])
        return True
    if answer.status != 429:
        raise RuntimeError(f"{answer.status}: {answer.body[:200]!r}")
    time.sleep(min(float(answer.headers["retry-after"]), max(0.1, end - time.monotonic())))
    return False


def killings(server: Server, book: Book, seconds: float) -> None:
    """A worker at a quarter of the time, the server at half of it, a worker at three quarters."""
    start = time.monotonic()
    for share, kill in ((0.25, one_worker), (0.5, whole_server), (0.75, one_worker)):
        time.sleep(max(0.0, start + share * seconds - time.monotonic()))
        book.killed.append(kill(server))


def one_worker(server: Server) -> str:
    victim = random.choice(server.workers())  # noqa: S311 - nothing secret
    os.kill(victim, signal.SIGKILL)
    return "a worker"


def whole_server(server: Server) -> str:
    workers = server.workers()
    server.kill()
    _, alive = psutil.wait_procs([psutil.Process(n) for n in workers if psutil.pid_exists(n)], 20)
    server.start()
    return f"the server; {len(workers)} workers, {len(alive)} of which outlived it"


def drained(server: Server) -> bool:
    """Wait until nothing is queued or running."""
    end = time.monotonic() + DRAIN
    while time.monotonic() < end:
        if all(one["state"] in ("done", "failed") for one in server.listing()):
            return True
        time.sleep(0.5)
    return False


def verdicts(server: Server, book: Book) -> list[str]:
    """The promises that were broken."""
    listed = server.listing()
    ids = {one["id"]: one for one in listed}
    digests = Counter(one["files"][0]["sha256"] for one in listed)
    known = {sha256(photo(n)[1]).hexdigest() for n in range(1, book.last + 1)}
    promised = {number: set(found) for number, found in book.accepted.items()}
    lost = [n for n, found in promised.items() if not found <= ids.keys()]
    folders = list((server.data / "analyses").iterdir())
    results = [sorted(path.name for path in home.iterdir()) for home in folders]
    checks: dict[str, Any] = {
        f"{len(lost)} accepted photos are not listed": not lost,
        "a photo has several ids": all(len(found) == 1 for found in promised.values()),
        "a photo has several analyses": all(count == 1 for count in digests.values()),
        "an analysis of a photo that nobody sent": digests.keys() <= known,
        "an analysis is not done": all(one["state"] == "done" for one in listed),
        "an analysis without its result": all(right(server, one) for one in listed),
        "a folder without its analysis": {home.name for home in folders} == ids.keys(),
        "an analysis with other than one set of results": all(len(one) == 1 for one in results),
        "a worker outlived the server": all(", 0 of which" in one for one in server_deaths(book)),
    }
    return [sentence for sentence, kept in checks.items() if not kept]


def server_deaths(book: Book) -> list[str]:
    return [told for told in book.killed if told.startswith("the server")]


def right(server: Server, listed: dict[str, Any]) -> bool:
    """Whether the result of an analysis is there, and is of its photo."""
    found = server.ask("GET", f"/v1/analyses/{listed['id']}").json
    findings = (found["report"] or {"findings": []})["findings"]
    return [one["sha256"] for one in findings] == [listed["files"][0]["sha256"]]


def run(seconds: float, clients: int, say: Callable[[str], None]) -> list[str]:
    """The load, and the promises that were broken."""
    book = Book()
    with tempfile.TemporaryDirectory() as place, Server(Path(place) / "data") as server:
        start = time.monotonic()
        with ThreadPoolExecutor(clients + 1) as pool:
            killer = pool.submit(killings, server, book, seconds)
            posting = [
                pool.submit(client, server.port, book, start + seconds) for _ in range(clients)
            ]
            for one in (killer, *posting):
                one.result()
        say(f"{clients} clients for {seconds:g} s; answers: {dict(book.heard)}")
        say(f"killed: {'; '.join(book.killed)}")
        broken = [] if drained(server) else ["the queue did not empty"]
        broken += verdicts(server, book)
        done = len(server.listing())
        say(
            f"{len(book.accepted)} photos accepted, {done} analyses; all done after "
            f"{time.monotonic() - start:.0f} s, {done / (time.monotonic() - start):.1f} a second"
        )
    return broken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--clients", type=int, default=16)
    wish = parser.parse_args()
    broken = run(wish.seconds, wish.clients, print)
    print("\n".join(f"BROKEN: {sentence}" for sentence in broken) or "Nothing lost, nothing twice.")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
