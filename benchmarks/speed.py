"""What `unmask check` costs, each figure beside the yardstick that it is held against.

Workers in processes of their own take turns on the same photos, so that a busy moment of the
machine hits them all; ratios are taken turn by turn. Run it through `make speed`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scenes
from worker import Worker

ROOT = Path(__file__).parent.parent
IMPORTS = "import numpy, cv2, onnxruntime"


@dataclass(frozen=True)
class Row:
    """One figure: its 95 % interval over the turns, and the bar that it is held against."""

    name: str
    value: float
    unit: str
    interval: tuple[float, float] | None
    n: int
    bar: str = ""
    met: bool | None = None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="Write the figures as JSON.")
    parser.add_argument("--runtime", default=sys.executable, help="Python without the lab.")
    parser.add_argument("--photos", type=int, default=300)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=10.0, help="Length of the long video.")
    parser.add_argument("--worker", choices=sorted(WORKERS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        serve(WORKERS[options.worker]())
        return
    with tempfile.TemporaryDirectory() as work:
        rows = measure(options, Path(work))
    document = {**origin(), "rows": [asdict(row) for row in rows]}
    show(rows)
    if options.out:
        options.out.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def measure(options: argparse.Namespace, work: Path) -> list[Row]:
    rows = installed_size(options.runtime)
    rows += cold_start(options.runtime, turns=2 * options.turns)
    rows += photo_speed(options, work)
    rows += kind_of_face(options)
    rows += video_speed(options, work)
    return rows + peak_memory(options, work)


# Workers: a line of JSON in, a line of seconds out.


def check_worker() -> Callable[[list[str]], Any]:
    from unmask import Examiner, Sampling
    from unmask.cli import _check
    from unmask.memory import keep_freed

    keep_freed(_check.KEPT)
    examiner = Examiner(sampling=Sampling(frames=None), threads=2, pictures=False, history=False)
    return lambda paths: list(examiner.stream(paths))


def decode_worker() -> Callable[[list[str]], Any]:
    import cv2

    return lambda paths: [cv2.imread(path) for path in paths]


def decode_twice_worker() -> Callable[[list[str]], Any]:
    """As many photos at a time as `check` takes."""
    import cv2

    pool = ThreadPoolExecutor(2)
    return lambda paths: [picture.size for picture in pool.map(cv2.imread, paths)]


def tower_worker() -> Callable[[list[str]], Any]:
    import torch
    from transformers import CLIPVisionConfig, CLIPVisionModel

    torch.set_num_threads(2)
    config = CLIPVisionConfig(
        hidden_size=1024,
        intermediate_size=4096,
        num_hidden_layers=24,
        num_attention_heads=16,
        patch_size=14,
        image_size=224,
    )
    tower = CLIPVisionModel(config).eval()

    def forward(paths: list[str]) -> None:
        with torch.inference_mode():
            for _ in paths:
                tower(pixel_values=torch.rand(1, 3, 224, 224))

    return forward


def network_worker() -> Callable[[list[str]], Any]:
    """A detector on one face."""
    from unmask.judge.bundle import resolve
    from unmask.judge.runtime import Detector

    detector = Detector(resolve("face-forgery"))
    shown = noise(detector.card.crop.size[0])
    return lambda faces: [detector.score([(shown,)]) for _ in faces]


def domain_worker() -> Callable[[list[str]], Any]:
    """Whether one face is of the kind that a detector was calibrated on, by all features."""
    from unmask.judge.domain import FEATURES, PARTS, Domain
    from unmask.types import Quality

    k = len(FEATURES)
    domain = Domain(FEATURES, (0.5,) * k, tuple(map(tuple, np.eye(k))), threshold=k, factor=2)
    quality, shown = Quality(0.5, 64.0, dict.fromkeys(PARTS, 0.5)), noise(224)
    return lambda faces: [domain.holds(quality, shown) for _ in faces]


def noise(side: int) -> Any:
    """A crop of nothing."""
    from unmask.types import Crop

    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    return Crop(pixels, np.eye(2, 3))


WORKERS = {
    "check": check_worker,
    "decode": decode_worker,
    "decode-2": decode_twice_worker,
    "tower": tower_worker,
    "network": network_worker,
    "domain": domain_worker,
}


def serve(work: Callable[[list[str]], Any]) -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        work(json.loads(line))
        print(time.perf_counter() - start, flush=True)


def started(python: str, kind: str) -> Worker:
    command = [python, __file__, "--worker", kind]
    return Worker(command, OPENBLAS_NUM_THREADS="1")  # as the command line sets it for itself


def seconds(worker: Worker, paths: Sequence[Path]) -> float:
    """Seconds per path."""
    return worker.ask(json.dumps([str(path) for path in paths])) / len(paths)


# Figures.


def photo_speed(options: argparse.Namespace, work: Path) -> list[Row]:
    say(f"making {options.photos} photos")
    paths = scenes.photos(work, options.photos)
    size = np.array([path.stat().st_size / 1e3 for path in paths])
    ours, single, double, tower = take_turns(options, paths)
    strict = row("check / decoding alone, two threads each", ours / double, "x")
    faster = row("ViT-L/14 tower / check", tower / ours, "x")
    return [
        row("size of a photo, 1080p", size, "kB"),
        row("photos a second, one face each", 1 / ours, "1/s"),
        row("decoding alone, one thread", 1 / single, "1/s"),
        row("decoding alone, two threads", 1 / double, "1/s"),
        row("check / decoding alone on one thread", ours / single, "x"),
        against(strict, "at most 3", strict.value <= 3),
        row("ViT-L/14 image tower in PyTorch", 1 / tower, "1/s"),
        against(faster, "at least 30", faster.value >= 30),
    ]


def take_turns(options: argparse.Namespace, paths: list[Path]) -> list[Any]:
    """Seconds a photo of each worker, turn by turn; the tower sees only a few of each turn's."""
    workers = [started(options.runtime, kind) for kind in ("check", "decode", "decode-2")]
    workers.append(started(sys.executable, "tower"))
    for worker in workers:
        seconds(worker, paths[:2])
    times = []
    for turn in range(options.turns):
        say(f"photos, turn {turn + 1} of {options.turns}")
        some = paths[turn :: options.turns]
        shares = (some, some, some, some[:3])
        times.append([seconds(w, part) for w, part in zip(workers, shares, strict=True)])
    for worker in workers:
        worker.close()
    return list(np.array(times).T)


def kind_of_face(options: argparse.Namespace) -> list[Row]:
    """What it costs to tell an unfamiliar face, beside the network that judges the face."""
    say("telling an unfamiliar face")
    workers = [started(options.runtime, kind) for kind in ("network", "domain")]
    faces = [Path()] * 200
    times = np.array([[seconds(w, faces) for w in workers] for _ in range(options.turns + 1)])
    for worker in workers:
        worker.close()
    network, domain = times[1:].T
    spent = row("telling an unfamiliar face", 1e3 * domain, "ms")
    return [
        row("face-forgery's network, one face", 1e3 * network, "ms"),
        against(spent, "at most 0.1", spent.value <= 0.1),
        row("telling an unfamiliar face / network", domain / network, "x"),
    ]


def video_speed(options: argparse.Namespace, work: Path) -> list[Row]:
    clip = scenes.video(work / "720p.mp4", 10, 1280, 720)
    worker = started(options.runtime, "check")
    rates = []
    for turn in range(3):
        say(f"video, turn {turn + 1} of 3")
        rates.append(10 / seconds(worker, [clip]))
    worker.close()
    return [row("video seconds a second, 720p, every frame", np.array(rates), "s/s")]


def peak_memory(options: argparse.Namespace, work: Path) -> list[Row]:
    long = round(options.minutes * 60)
    peaks = []
    for seconds in (10, long):
        say(f"memory on {seconds} s of video")
        clip = scenes.video(work / f"{seconds}.mp4", seconds, 640, 360)
        peaks.append(peak(options.runtime, clip))
    ratio = peaks[1] / peaks[0]
    return [
        Row("peak memory, 10 s of video, every frame", peaks[0], "MB", None, 1),
        Row(f"peak memory, {long} s of video, every frame", peaks[1], "MB", None, 1),
        Row("long / short", ratio, "x", None, 1, "within 10 %", abs(ratio - 1) <= 0.1),
    ]


def peak(python: str, clip: Path) -> float:
    """Megabytes of memory that `unmask check` held at its highest."""
    command = [python, "-m", "unmask", "check", str(clip), "--frames", "all", "--jsonl"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1, 3):
        raise RuntimeError(f"unmask check ended with {process.returncode}")
    return usage.ru_maxrss / 1024


def cold_start(python: str, turns: int) -> list[Row]:
    ours, theirs = [], []
    check = [str(Path(python).parent / "unmask"), "check", str(scenes.PORTRAIT)]
    for turn in range(turns + 1):
        say(f"cold start, turn {turn} of {turns}")
        ours.append(seconds_of(check))
        theirs.append(seconds_of([python, "-c", IMPORTS]))
    ours, theirs = ours[1:], theirs[1:]
    ratio = row("check / imports alone", np.array(ours) / theirs, "x")
    return [
        row("cold start of check, one photo", np.array(ours), "s"),
        row(f'python -c "{IMPORTS}"', np.array(theirs), "s"),
        against(ratio, "at most 2", ratio.value <= 2),
    ]


def seconds_of(command: list[str]) -> float:
    start = time.perf_counter()
    quiet = os.environ | {"ORT_DISABLE_TELEMETRY": "1"}  # as Unmask sets it for itself
    nowhere = subprocess.DEVNULL
    subprocess.run(command, check=True, stdout=nowhere, stderr=nowhere, env=quiet)
    return time.perf_counter() - start


def installed_size(python: str) -> list[Row]:
    """Everything that installing the runtime brings: site-packages without pip, and Unmask."""
    ask = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    done = subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True)
    site = Path(done.stdout.strip())
    skipped = ("pip", "setuptools", "unmask")
    folders = [p for p in site.iterdir() if not p.name.startswith(skipped)]
    size = sum(weight(p) for p in [*folders, ROOT / "unmask"]) / 1e6
    return [Row("installed size of the runtime", size, "MB", None, 1, "at most 500", size <= 500)]


def weight(path: Path) -> int:
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return sum(p.lstat().st_size for p in files)


# Telling.


def row(name: str, values: Any, unit: str) -> Row:
    """The median over the turns with a bootstrap interval."""
    values = np.asarray(values, float)
    draws = np.random.default_rng(0).choice(values, (2000, len(values)))
    low, high = np.percentile(np.median(draws, axis=1), (2.5, 97.5))
    return Row(name, float(np.median(values)), unit, (float(low), float(high)), len(values))


def against(found: Row, bar: str, met: bool) -> Row:
    return Row(found.name, found.value, found.unit, found.interval, found.n, bar, met)


def origin() -> dict[str, Any]:
    git = ["git", "-C", str(ROOT)]
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True)
    changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True)
    return {
        "commit": commit.stdout.strip() + ("+changes" if changed.stdout.strip() else ""),
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
    }


def processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def show(rows: list[Row]) -> None:
    for found in rows:
        low_high = "" if not found.interval else "{:.3g} to {:.3g}".format(*found.interval)
        verdict = {True: "met", False: "MISSED", None: ""}[found.met]
        print(
            f"{found.name:<44} {found.value:>8.3g} {found.unit:<4} {low_high:<18} "
            f"n={found.n:<3} {found.bar:<12} {verdict}"
        )


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
