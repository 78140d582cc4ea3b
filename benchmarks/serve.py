"""What `unmask serve` costs, each figure beside `unmask check` over the same photos.

    python benchmarks/serve.py [--quick] [--out serve.json]

Whatever is compared takes turns within one run, so that a busy moment of the machine hits all of
it; ratios are taken turn by turn. `serve_load.py` and `hostile_uploads.py` hold it to its promises.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scenes
from serve_load import photo
from serving import Server
from speed import Row, against, origin, row, say, seconds, serve, show, started
from worker import Worker

Array = npt.NDArray[np.float64]
CLIENTS = 4
"""That post at a time: twice as many as there are workers on two cores, so that none waits."""

REST = 40.0
"""Seconds after which workers that are not needed have left."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=240)
    parser.add_argument("--turns", type=int, default=8)
    parser.add_argument("--requests", type=int, default=60, help="For the latency.")
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="A few of each.")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--out", type=Path, help="Write the figures as JSON.")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    wish = parser.parse_args()
    if wish.worker:
        serve(reporting())
        return
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
    """Photos a second through the server, and through the command's examiner once it is warm."""
    say(f"making {wish.photos} photos")
    paths = scenes.photos(work, wish.photos)
    plain, reports = started(sys.executable, "check"), Worker(command_with_reports())
    with Server(work / "data") as server:
        for warm in (plain, reports):
            seconds(warm, paths[:2])
        posted(server, scenes.photos(work, 8, seed=8))  # both workers are up, all is loaded
        times = []
        for turn in range(wish.turns):
            say(f"throughput, turn {turn + 1} of {wish.turns}")
            some = paths[turn :: wish.turns]
            posting = posted(server, some) / len(some)
            times.append((seconds(plain, some), posting, seconds(reports, some)))
    plain.close()
    reports.close()
    return compared(*np.array(times).T)


def compared(plain: Array, ours: Array, reports: Array) -> list[Row]:
    """Rows of seconds a photo."""
    ratio = row("serve / check", plain / ours, "x")
    fair = row("serve / check with reports", reports / ours, "x")
    return [
        row("photos a second, warm check, verdicts alone", 1 / plain, "1/s"),
        row("photos a second, warm check with reports", 1 / reports, "1/s"),
        row("photos a second, serve", 1 / ours, "1/s"),
        against(ratio, "at least 0.85", ratio.value >= 0.85),
        against(fair, "at least 0.85", fair.value >= 0.85),
    ]


def command_with_reports() -> list[str]:
    return [sys.executable, __file__, "--worker"]


def reporting() -> Callable[[list[str]], None]:
    """As `unmask check --out r.json --out r.html --out r.csv` works, without its start."""
    from unmask import Examiner, Report, write
    from unmask.cli import _check
    from unmask.memory import keep_freed

    keep_freed(_check.KEPT)
    examiner = Examiner(threads=2, history=False)

    def work(paths: list[str]) -> None:
        report = Report(examiner.run, tuple(examiner.stream(paths)))
        with tempfile.TemporaryDirectory() as place:
            for kind in ("json", "html", "csv"):
                write(report, Path(place) / f"r.{kind}")

    return work


def posted(server: Server, paths: list[Path]) -> float:
    """Seconds for all of them, each posted alone by one of a few clients."""

    def post(path: Path) -> None:
        answer = server.analyse((path.name, path.read_bytes()), wait=30)
        if answer.status != 200 or answer.json["state"] != "done":
            raise RuntimeError(f"{answer.status}: {answer.body[:200]!r}")

    start = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(post, paths))
    return time.perf_counter() - start


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
