"""What `unmask serve` costs, each figure beside `unmask check` over the same photos.

    python benchmarks/serve.py [--quick] [--out serve.json]

Whatever is compared takes turns within one run, so that a busy moment of the machine hits all of
it; ratios are taken turn by turn. `serve_load.py` and `hostile_uploads.py` hold it to its promises.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scenes
from serve_load import photo
from serving import Answer, Client, Server
from speed import Row, against, origin, row, say, seconds, show, started
from worker import Worker

Array = npt.NDArray[np.float64]
WORKERS, CLIENTS = 2, 4
"""Of the server, and that post at a time: twice as many, so that no worker waits."""

LOADING = 2.0
"""Seconds in which a worker is surely there."""

_numbers = itertools.count(1_000_000)
"""Of photos that nothing is measured with."""

SIZES = {"12 megapixels": (4000, 3000, 60), "2 megapixels": (1920, 1080, 120)}
"""Width, height and photos a turn: as phones take them, and as messengers pass them on."""
OURS = ("serve", "serve without pictures")
THEIRS = ("check --out report.html", "check --jsonl", "check", "warm check without its start")
"""The server keeps a report of each photo, with pictures as the first command does or, if asked to,
without as the second. The last one is no command that could be typed, and no bar is held to it.
"""

REST = 40.0
"""Seconds after which workers that are not needed have left."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=120, help="At most, of a turn.")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--requests", type=int, default=60, help="For the latency.")
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="A few of each.")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--out", type=Path, help="Write the figures as JSON.")
    wish = parser.parse_args()
    if wish.quick:
        wish.photos, wish.turns, wish.requests, wish.starts = 24, 2, 10, 2
    rows: list[Row] = []
    for part in wish.only:
        with tempfile.TemporaryDirectory() as work:
            rows += PARTS[part](wish, Path(work))
    show(rows)
    if wish.out:
        document = {**origin(), "rows": [asdict(one) for one in rows]}
        wish.out.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "unmask", *words]


def timed(words: Sequence[str]) -> float:
    start = time.perf_counter()
    done = subprocess.run(words, capture_output=True, check=False)
    if done.returncode not in (0, 1, 3):
        raise RuntimeError(done.stderr[-500:])
    return time.perf_counter() - start


# --- throughput --------------------------------------------------------------------------------


def throughput(wish: argparse.Namespace, work: Path) -> list[Row]:
    """Photos a second through the server and through the command, of two sizes."""
    plain, rows = started(sys.executable, "check"), []
    with Server(work / "data", "--workers", str(WORKERS)) as server:
        for name, (width, height, count) in SIZES.items():
            count = min(count, wish.photos)
            say(f"making {wish.turns * count} photos of {name}")
            (work / name).mkdir()
            sets = [photos(work / name, turn, count, width, height) for turn in range(wish.turns)]
            warm = photos(work / name, wish.turns, 8, width, height)
            seconds(plain, warm)
            posted(server, warm)  # both workers are up, all is loaded
            times = []
            for turn, paths in enumerate(sets):
                say(f"throughput, {name}, turn {turn + 1} of {wish.turns}")
                ways = every(server, plain, paths, work / f"{name}-{turn}.html")
                times.append(in_turn(ways, turn))
            rows += compared(name, count, np.array(times))
    plain.close()
    return rows


def photos(folder: Path, turn: int, count: int, width: int, height: int) -> list[Path]:
    """Distinct photos in a folder of their own."""
    place = folder / str(turn)
    place.mkdir()
    return scenes.photos(place, count, 100 * turn + height, width, height)


def every(
    server: Server, plain: Worker, paths: list[Path], report: Path
) -> list[Callable[[], float]]:
    """The ways to examine these photos, in the order of `OURS` and `THEIRS`; each tells seconds."""
    check = command("check", str(paths[0].parent))
    return [
        lambda: posted(server, paths),
        lambda: posted(server, paths, pictures="no"),
        lambda: timed([*check, "--out", str(report)]),
        lambda: timed([*check, "--jsonl"]),
        lambda: timed(check),
        lambda: seconds(plain, paths) * len(paths),
    ]


def in_turn(ways: Sequence[Callable[[], float]], turn: int) -> list[float]:
    """Seconds of each; another one is the first in every turn, so that none always follows one."""
    order = [(place + turn) % len(ways) for place in range(len(ways))]
    spent = {place: ways[place]() for place in order}
    return [spent[place] for place in range(len(ways))]


def compared(name: str, count: int, times: Array) -> list[Row]:
    """Rows of one size; times have the shape (turns, ways)."""
    spent = dict(zip((*OURS, *THEIRS), times.T, strict=True))
    rows = [row(f"{name}: {way}, photos a second", count / spent[way], "1/s") for way in spent]
    for ours, theirs in itertools.product(OURS, THEIRS):
        ratio = row(f"{name}: {ours} / {theirs}", spent[theirs] / spent[ours], "x")
        typed = theirs.startswith("check")
        rows.append(against(ratio, "at least 0.85", ratio.value >= 0.85) if typed else ratio)
    return rows


def posted(server: Server, paths: list[Path], **options: str) -> float:
    """Seconds for all of them, each posted alone by one of a few clients, on its connection."""
    own = threading.local()

    def connect() -> None:
        own.client = Client(server.port)

    def post(path: Path) -> None:
        _done(own.client.analyse((path.name, path.read_bytes()), wait=30, **options))

    with ThreadPoolExecutor(CLIENTS, initializer=connect) as pool:
        _rouse(server, pool)
        start = time.perf_counter()
        list(pool.map(post, paths))
    return time.perf_counter() - start


def _rouse(server: Server, pool: ThreadPoolExecutor) -> None:
    """Have both workers there: one leaves while the commands have their turn."""
    until = time.monotonic() + (LOADING if len(server.workers()) < WORKERS else 0.0)
    while time.monotonic() < until:
        few = [photo(next(_numbers)) for _ in range(2 * CLIENTS)]
        list(pool.map(lambda one: _done(server.analyse(one, wait=30)), few))


def _done(answer: Answer) -> None:
    if answer.status != 200 or answer.json["state"] != "done":
        raise RuntimeError(f"{answer.status}: {answer.body[:200]!r}")


# --- latency -----------------------------------------------------------------------------------


def latency(wish: argparse.Namespace, work: Path) -> list[Row]:
    """A small photo with an idle server, and with a process that has everything loaded."""
    with Server(work / "data") as server:
        check = started(sys.executable, "check")
        pairs = [both(server, check, number, work) for number in range(wish.requests + 5)][5:]
        check.close()
    ours, theirs = np.array(pairs).T * 1e3
    found = [row("latency of a small photo, serve", ours, "ms")]
    found += [row("the same photo, warm check", theirs, "ms")]
    for share in (50, 95):
        ratio = np.percentile(ours, share) / np.percentile(theirs, share)
        told = f"{np.percentile(ours, share):.0f} / {np.percentile(theirs, share):.0f} ms"
        found.append(Row(f"p{share}: {told}", float(ratio), "x", None, len(ours)))
    return found


def both(server: Server, check: Worker, number: int, work: Path) -> tuple[float, float]:
    name, content = photo(number)
    start = time.perf_counter()
    answer = server.analyse((name, content), wait=10)
    took = time.perf_counter() - start
    if answer.json["state"] != "done":
        raise RuntimeError(answer.body)
    (work / name).write_bytes(content)
    return took, seconds(check, [work / name])


# --- start and rest ----------------------------------------------------------------------------


def start(wish: argparse.Namespace, work: Path) -> list[Row]:
    """From nothing to the first answers, and what the processes hold at rest."""
    check = command("check", str(scenes.PORTRAIT))
    times, rests = [], []
    for turn in range(wish.starts + 1):
        say(f"start, turn {turn} of {wish.starts}")
        server = Server(work / str(turn) / "data")
        times.append((timed(check), *up(server)))
        time.sleep(1)
        rests.append(server.memory("pss"))
        server.stop()
    once, healthy, ready = np.array(times[1:]).T
    ratio = row("start to /healthz / check", healthy / once, "x")
    models = row("start to /readyz / check", ready / once, "x")
    rest = row("memory at rest after the start, PSS", rests, "MB")
    return [
        row("unmask check portrait.jpg", once, "s"),
        row("unmask serve until /healthz answers", healthy, "s"),
        row("unmask serve until /readyz answers", ready, "s"),
        against(ratio, "at most 2", ratio.value <= 2),
        against(models, "at most 2", models.value <= 2),
        against(rest, "at most 300", rest.value <= 300),
    ]


def up(server: Server) -> tuple[float, float]:
    """Seconds until it answers, and until it can examine something."""
    server.data.parent.mkdir()
    begin = time.perf_counter()
    server.launch()
    server.until("/healthz")
    healthy = time.perf_counter() - begin
    server.until("/readyz")
    return healthy, time.perf_counter() - begin


def rest(wish: argparse.Namespace, work: Path) -> list[Row]:
    """What the processes hold once the work is done and those that are not needed have left."""
    with Server(work / "data") as server:
        posted(server, scenes.photos(work, min(wish.photos, 48), seed=9))
        busy = server.memory("pss")
        say(f"resting for {REST:g} s")
        time.sleep(REST)
        found = Row("memory at rest after work, PSS", server.memory("pss"), "MB", None, 1)
    return [
        Row("memory at the end of work, PSS", busy, "MB", None, 1),
        against(found, "at most 300", found.value <= 300),
    ]


PARTS = {"start": start, "latency": latency, "throughput": throughput, "rest": rest}


if __name__ == "__main__":
    main()
