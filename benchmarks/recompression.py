"""Measures the double-compression hint on photos whose past is known, because it is made here.

Each photo is halved in size, which removes what its own compression left, and then compressed once
or twice with random qualities from 50 to 99 and with or without colour subsampling.

    python benchmarks/recompression.py FOLDER... [--seed 0]
"""

from __future__ import annotations

import argparse
import io
import math
import random
from collections.abc import Iterator

import cv2
import numpy as np
from PIL import Image

from unmask.media import compression, walk
from unmask.types import Pixels

Compressed = tuple[Pixels, np.ndarray]


def compressed(picture: Pixels, quality: int, rng: random.Random) -> Compressed:
    """The picture after one compression, and the table it was done with."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=quality, subsampling=rng.choice((0, 2)))
    with Image.open(stream) as image:
        return np.asarray(image.convert("RGB")), np.array(image.quantization[0]).reshape(8, 8)


def halved(folders: list[str]) -> Iterator[Pixels]:
    for path in walk(folders):
        try:
            with Image.open(path) as image:
                picture = np.asarray(image.convert("RGB"))
        except OSError:
            continue
        small = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        if compression.twice(small, np.ones((8, 8))) is not None:
            yield small


def seen(picture: Compressed) -> bool:
    gain = compression.twice(*picture)
    assert gain is not None
    return gain > compression.THRESHOLD


def trials(picture: Pixels, rng: random.Random) -> Iterator[tuple[str, bool]]:
    """How a picture was made, and whether the hint was given."""
    coarse, fine = sorted(rng.sample(range(50, 100), 2))
    larger = cv2.resize(picture, None, fx=1.6, fy=1.6, interpolation=cv2.INTER_CUBIC)
    gap = "1 to 4" if fine - coarse < 5 else "5 to 9" if fine - coarse < 10 else "10 or more"
    for _ in range(3):
        yield "once", seen(compressed(picture, rng.randint(50, 99), rng))
    yield "once, after enlarging", seen(compressed(larger, rng.randint(50, 99), rng))
    first, second = (compressed(picture, quality, rng)[0] for quality in (coarse, fine))
    yield f"twice, the second finer by {gap}", seen(compressed(first, fine, rng))
    yield "twice, the second coarser", seen(compressed(second, coarse, rng))


def interval(hits: int, n: int) -> tuple[float, float]:
    """Wilson's, 95 %."""
    z, p = 1.96, hits / n
    middle = p + z * z / (2 * n)
    reach = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - reach) / (1 + z * z / n), (middle + reach) / (1 + z * z / n)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--seed", type=int, default=0)
    wish = parser.parse_args()
    rng, found = random.Random(wish.seed), dict[str, list[bool]]()  # noqa: S311 - nothing secret
    for picture in halved(wish.folders):
        for way, hit in trials(picture, rng):
            found.setdefault(way, []).append(hit)
    print(f"{'compressed':36}{'n':>6}{'hint given':>12}   95 %")
    for way, hits in sorted(found.items()):
        low, high = interval(sum(hits), len(hits))
        share = sum(hits) / len(hits)
        print(f"{way:36}{len(hits):>6}{share:>12.4f}   {low:.4f} to {high:.4f}")


if __name__ == "__main__":
    main()
