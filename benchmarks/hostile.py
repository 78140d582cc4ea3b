"""Feeds Unmask thousands of broken files and holds it to four promises.

No crash; exactly one row per input, a result or a coded error; the child process under 1 GB of
memory; no single file over the time limit. The good files beside the broken ones must all be
examined.

    python benchmarks/hostile.py                 # through `unmask check --jsonl`
    python benchmarks/hostile.py --media-only    # the reader alone: open, decode all, close
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

EXTREMES = (0, 1, 0x7F, 0xFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
PICTURES = {
    "base.jpg": ("RGB", "JPEG", {"quality": 85}),
    "prog.jpg": ("RGB", "JPEG", {"quality": 90, "progressive": True}),
    "grey.jpg": ("L", "JPEG", {}),
    "cmyk.jpg": ("CMYK", "JPEG", {}),
    "rgb.png": ("RGB", "PNG", {}),
    "alpha.png": ("RGBA", "PNG", {}),
    "deep.png": ("I;16", "PNG", {}),
    "palette.png": ("P", "PNG", {}),
    "lossy.webp": ("RGB", "WEBP", {}),
    "lossless.webp": ("RGBA", "WEBP", {"lossless": True}),
    "plain.bmp": ("RGB", "BMP", {}),
    "plain.tif": ("RGB", "TIFF", {}),
    "lzw.tif": ("RGB", "TIFF", {"compression": "tiff_lzw"}),
    "jpeg.tif": ("RGB", "TIFF", {"compression": "jpeg"}),
    "deep.tif": ("I;16", "TIFF", {}),
    "plain.gif": ("P", "GIF", {}),
    "plain.avif": ("RGB", "AVIF", {}),
}
MOVING = {"moving.gif": "GIF", "moving.webp": "WEBP", "moving.png": "PNG"}
FILMS = {
    "mpeg4.mp4": "mp4v",
    "vp9.mp4": "vp09",
    "mjpeg.mov": "MJPG",
    "mpeg2.mov": "mpg2",
    "mpeg4.mkv": "mp4v",
    "vp9.mkv": "VP90",
    "ffv1.mkv": "FFV1",
    "vp8.webm": "VP80",
    "vp9.webm": "VP90",
    "mjpeg.avi": "MJPG",
    "xvid.avi": "XVID",
}
TEXTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{good}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{good}'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=video 9 RTP/AVP 96\n",
    "dash": '<?xml version="1.0"?><MPD><BaseURL>{good}</BaseURL></MPD>',
    "svg": '<svg xmlns="http://www.w3.org/2000/svg"><image href="{good}"/></svg>',
    "eps": "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
    "html": "<!doctype html><video src='{good}'>",
}


# --- seeds -------------------------------------------------------------------------------------


def drawn(step: int, size: tuple[int, int] = (160, 120)) -> Image.Image:
    """A picture with a gradient, shapes and grain; no two steps are alike."""
    width, height = size
    slope = np.linspace(0, 160, width)[None, :] + np.linspace(0, 90, height)[:, None]
    grain = np.random.default_rng(step).normal(0, 8, (height, width, 3))
    picture = Image.fromarray(np.clip(slope[..., None] + grain, 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((10 + step % 60, 20, 70 + step % 60, 90), fill=(210, 170, 140))
    pen.text((20, 100), f"frame {step}", fill=(255, 255, 255))
    return picture


def still(mode: str, kind: str, options: dict[str, object]) -> bytes:
    picture = drawn(0)
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    else:
        picture = picture.convert(mode)
    exif = Image.Exif()
    exif[305] = "drawn"
    extra = {"exif": exif.tobytes()} if kind in ("JPEG", "PNG", "WEBP", "AVIF") else {}
    stream = io.BytesIO()
    picture.save(stream, kind, **options, **extra)
    return stream.getvalue()


def moving(kind: str) -> bytes:
    stream = io.BytesIO()
    first, *others = (drawn(step) for step in range(4))
    first.save(stream, kind, save_all=True, append_images=others, duration=40)
    return stream.getvalue()


def film(folder: Path, name: str, codec: str) -> bytes | None:
    path = folder / name
    writer = cv2.VideoWriter(
        str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), 25, (160, 120)
    )
    if not writer.isOpened():
        return None
    for step in range(40):
        writer.write(np.asarray(drawn(step))[..., ::-1])
    writer.release()
    return path.read_bytes()


def seeds(folder: Path) -> dict[str, bytes]:
    """Name to bytes of good files in every format that can be written here."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    found = {name: still(*how) for name, how in PICTURES.items()}
    found |= {name: moving(kind) for name, kind in MOVING.items()}
    films = {name: film(folder, name, codec) for name, codec in FILMS.items()}
    return found | {name: data for name, data in films.items() if data}


# --- ways to break a file ----------------------------------------------------------------------

Breaker = Callable[[random.Random, bytes, list[bytes]], bytes]


def flips(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    broken = bytearray(data)
    for _ in range(rng.choice((1, 3, 10, 60))):
        broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
    return bytes(broken)


def header_flips(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    broken = bytearray(data)
    for _ in range(rng.choice((1, 2, 5))):
        broken[rng.randrange(min(len(broken), 256))] = rng.randrange(256)
    return bytes(broken)


def tail_flips(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """MP4 and MOV keep their tables at the end."""
    broken = bytearray(data)
    for _ in range(rng.choice((1, 2, 5))):
        broken[-1 - rng.randrange(min(len(broken), 1500))] = rng.randrange(256)
    return bytes(broken)


def extreme_numbers(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    broken = bytearray(data)
    reach = min(len(broken), 2048)
    for _ in range(rng.choice((1, 2, 4))):
        at = rng.choice((rng.randrange(reach), len(broken) - 1 - rng.randrange(reach)))
        order = rng.choice(("<I", ">I"))
        broken[at : at + 4] = struct.pack(order, rng.choice(EXTREMES))
    return bytes(broken)


def truncation(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    return data[: rng.choice((rng.randrange(1, 64), rng.randrange(1, len(data)), len(data) - 1))]


def hole(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    start = rng.randrange(len(data))
    length = rng.randrange(1, max(2, len(data) - start))
    return data[:start] + bytes(length) + data[start + length :]


def lost_part(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.randrange(1, 2000) :]


def doubled_part(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    start, stop = sorted(rng.randrange(len(data)) for _ in range(2))
    return data[:stop] + data[start:]


def polyglot(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    other = rng.choice(others)
    return rng.choice((data + other, data[:32] + other, other[:1024] + data))


def untouched(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Only its name will be wrong."""
    return data


BREAKERS: tuple[Breaker, ...]
BREAKERS = (flips, header_flips, tail_flips, extreme_numbers, truncation, hole)
BREAKERS += (lost_part, doubled_part, polyglot, untouched)


# --- files made by hand ------------------------------------------------------------------------


def huge(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """Declares sizes and counts that no machine can hold."""
    most = b"\xff\xfe"
    if name.endswith(".png"):
        for side in (0x7FFFFFFF, 60_000):
            header = data[12:16] + struct.pack(">II", side, side) + data[24:29]
            check = struct.pack(">I", zlib.crc32(header))
            yield name, data[:12] + header + check + data[33:]
    elif name.endswith(".gif"):
        yield name, data[:6] + most + most + data[10:]
    elif name.endswith(".bmp"):
        yield name, data[:18] + struct.pack("<ii", 0x7FFF, 0x7FFF) + data[26:]
    elif name.endswith(".jpg"):
        at = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
        yield name, data[: at + 5] + most + most + data[at + 9 :]
    elif name.endswith((".mp4", ".mov")):
        at = data.find(b"stsz")
        yield name, data[: at + 8] + struct.pack(">II", 1, 300_000_000) + data[at + 16 :]
    elif name == "mjpeg.avi":
        yield (
            name,
            data.replace(
                b"\xff\xc0\x00\x11\x08\x00\x78\x00\xa0", b"\xff\xc0\x00\x11\x08" + most + most
            ),
        )


def large() -> Iterator[tuple[str, bytes]]:
    """Small files of flat colour that unfold to just under the limit on pixels."""
    for mode, kind in (("RGBA", "PNG"), ("RGBA", "WEBP"), ("RGB", "AVIF"), ("CMYK", "JPEG")):
        stream = io.BytesIO()
        Image.new(mode, (7000, 7000), (90, 120, 150, 60)[: len(mode)]).save(stream, kind)
        yield f"large.{kind.lower()}", stream.getvalue()


def scans(data: bytes) -> bytes:
    """A progressive JPEG that repeats its last scan ten thousand times."""
    last = data.rfind(b"\xff\xda")
    return data[:last] + data[last:-2] * 10_000 + data[-2:]


def handmade(good: dict[str, bytes], beside: str) -> Iterator[tuple[str, bytes]]:
    """Name and bytes."""
    for name, data in good.items():
        yield from huge(name, data)
    yield from large()
    yield "scans.jpg", scans(good["prog.jpg"])
    for kind, text in TEXTS.items():
        for ending in ("mp4", "mkv", "jpg"):
            yield f"{kind}.{ending}", text.format(good=beside).encode()
    yield "empty.jpg", b""
    yield "zeros.mp4", bytes(100_000)
    yield "archive.png", b"PK\x03\x04" + bytes(1000)
    yield "ünï çödé 写真 🙂.jpg", good["base.jpg"][:-400]
    yield "n" * 240 + ".mp4", good["mpeg4.mp4"][:-400]


# --- the run -----------------------------------------------------------------------------------


@dataclass
class Outcome:
    """What a run of the child left behind."""

    rows: Counter[str] = field(default_factory=Counter)
    codes: dict[str, str] = field(default_factory=dict)
    slowest: float = 0.0
    slow: str = ""
    status: int = 0
    memory: float = 0.0


def write(folder: Path, count: int, good_count: int, seed: int) -> dict[str, str]:
    """Fills the folder; returns file name to how it was broken, "good" for those that were not."""
    rng, made = random.Random(seed), dict[str, str]()  # noqa: S311 - nothing secret
    with tempfile.TemporaryDirectory() as scratch:
        good = seeds(Path(scratch))
    names = sorted(good)
    for number in range(good_count):
        name = f"good_{number:03}_{names[number % len(names)]}"
        (folder / name).write_bytes(good[names[number % len(names)]])
        made[name] = "good"
    for number, (name, data) in enumerate(handmade(good, f"good_000_{names[0]}")):
        name = f"{number:03}_{name}"[-250:]
        (folder / name).write_bytes(data)
        made[name] = "handmade"
    for number in range(len(made) - good_count, count):
        breaker, source = BREAKERS[number % len(BREAKERS)], rng.choice(names)
        ending = rng.choice(names if breaker is untouched or rng.random() < 0.1 else [source])
        name = f"{number:05}_{breaker.__name__}_{source}_as_{ending}"
        (folder / name).write_bytes(breaker(rng, good[source], list(good.values())))
        made[name] = breaker.__name__
    return made


def examine(folder: Path, media_only: bool) -> Outcome:
    """Runs the child and clocks the gaps between its rows."""
    alone = [sys.executable, __file__, "--child", str(folder)]
    whole = [sys.executable, "-m", "unmask", "check", str(folder), "--jsonl"]
    found, before = Outcome(), time.monotonic()
    child = subprocess.Popen(alone if media_only else whole, stdout=subprocess.PIPE)
    assert child.stdout is not None
    for line in child.stdout:
        row, now = json.loads(line), time.monotonic()
        name = Path(row["path"]).name
        found.rows[name] += 1
        found.codes[name] = row["error"]["code"] if row["error"] else "ok"
        if now - before > found.slowest and sum(found.rows.values()) > 1:
            found.slowest, found.slow = now - before, name
        before = now
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = found.status = os.waitstatus_to_exitcode(status)
    found.memory = usage.ru_maxrss / (1024 if sys.platform == "linux" else 1 << 20)
    return found


def child(folder: str) -> None:
    """The reader alone, one row per file."""
    from unmask.errors import InputError
    from unmask.media import open_media, walk

    for path in walk([folder]):
        error = None
        try:
            with open_media(path) as source:
                assert sum(1 for _ in source.frames()) > 0
        except InputError as problem:
            error = {"code": problem.code}
        print(json.dumps({"path": path, "error": error}), flush=True)


def verdicts(made: dict[str, str], found: Outcome, seconds: float, megabytes: float) -> list[str]:
    """The promises that were broken, as sentences."""
    missing = sorted(set(made) - set(found.rows))
    twice = sorted(name for name, n in found.rows.items() if n > 1)
    bad = sorted(n for n, how in made.items() if how == "good" and found.codes.get(n) != "ok")
    checks = {
        f"The child ended with {found.status}; no row for {missing[:1]}": found.status in (0, 1, 3),
        f"{len(missing)} inputs without a row, first {missing[:3]}": not missing,
        f"{len(twice)} inputs with several rows, first {twice[:3]}": not twice,
        f"{len(bad)} good files not examined, first {bad[:3]}": not bad,
        f"{found.slow} took {found.slowest:.1f} s": found.slowest <= seconds,
        f"{found.memory:.0f} MB of memory": found.memory <= megabytes,
    }
    return [sentence for sentence, kept in checks.items() if not kept]


def table(made: dict[str, str], found: Outcome) -> str:
    ways = list(dict.fromkeys(made.values()))
    codes = sorted({found.codes.get(name, "none") for name in made})
    lines = [f"{'':18}" + "".join(f"{code:>20}" for code in codes)]
    for way in ways:
        counts = Counter(found.codes.get(n, "none") for n, how in made.items() if how == way)
        lines.append(f"{way:18}" + "".join(f"{counts[code]:>20}" for code in codes))
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--good", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=30.0, help="limit for one file")
    parser.add_argument("--megabytes", type=float, default=1000.0)
    parser.add_argument("--media-only", action="store_true")
    parser.add_argument("--keep", type=Path, help="make the files here and leave them")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    wish = parser.parse_args()
    if wish.child:
        child(wish.child)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = wish.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        # A child's memory counts from what its parent had, so the files are made in a third one.
        with ProcessPoolExecutor(1, get_context("spawn")) as maker:
            made = maker.submit(write, folder, wish.files, wish.good, wish.seed).result()
        found = examine(folder, wish.media_only)
    broken = verdicts(made, found, wish.seconds, wish.megabytes)
    print(table(made, found))
    print(f"\n{len(made)} files, {found.memory:.0f} MB at most, slowest {found.slowest:.2f} s")
    print("\n".join(f"BROKEN: {sentence}" for sentence in broken) or "All promises kept.")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
