"""Make the samples that Unmask ships: the same seed gives the same pictures.

Needs the lab's and the developers' extras: pip install 'unmask[lab,dev]'. The portrait and the
landscape come from scikit-image; everything else is made from them here. `unmask/samples/README.md`
tells the origin and the licence of each file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from skimage import data

import unmask
from unmask.lab.forge import blend
from unmask.types import Pixels, Plane, Points

SAMPLES = Path(unmask.__file__).parent / "samples"
POINTS = np.array(
    json.loads(Path(__file__).with_name("portrait_points.json").read_text()), np.float32
)
SEED = 29
"""One whose forgery can be taken for a photo; the detector misses many others."""
FPS, SECONDS, SIZE = 25, 10, (512, 288)


def main() -> None:
    portrait = data.astronaut()
    save(portrait, "portrait.jpg")
    forged, mask = forge(portrait, POINTS)
    save(forged, "portrait_forged.jpg")
    Image.fromarray(np.rint(mask * 255).astype(np.uint8)).save(SAMPLES / "portrait_forged.mask.png")
    save(data.rocket(), "landscape.jpg")
    save(crowd(portrait), "crowd.jpg")
    write_video(portrait, SAMPLES / "video.mp4")


def save(pixels: Pixels, name: str) -> None:
    Image.fromarray(pixels).save(SAMPLES / name, quality=90)


def forge(pixels: Pixels, points: Points) -> tuple[Pixels, Plane]:
    """The face pasted onto itself, restyled and displaced; outside the mask nothing changes."""
    rng = np.random.default_rng(SEED)
    mask = np.zeros(pixels.shape[:2], np.float32)
    hull = cv2.convexHull(np.concatenate([points, points[17:27] + 0.2 * (points[19] - points[8])]))
    cv2.fillConvexPoly(mask, np.rint(hull).astype(np.int32), 1.0)
    mask = blend.soften(blend.deform(mask, points, rng), points, rng)
    source = blend.displace(blend.restyle(pixels, rng), points, rng)
    return blend.mix(source, pixels, mask, rng), mask


def crowd(portrait: Pixels, rows: int = 3, columns: int = 4, side: int = 200) -> Pixels:
    """A contact sheet of the portrait: turned, mirrored, nearer, farther, in other light."""
    rng = np.random.default_rng(SEED)
    tiles = [tile(portrait, side, rng) for _ in range(rows * columns)]
    lines = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    return np.vstack(lines)


def tile(portrait: Pixels, side: int, rng: np.random.Generator) -> Pixels:
    scale, angle = rng.uniform(0.45, 0.95), rng.uniform(-15, 15)
    x, y = (float(v) for v in POINTS.mean(0))
    matrix = cv2.getRotationMatrix2D((x, y), angle, scale)
    matrix[:, 2] += side / 2 - x, side / 2 - y
    picture = cv2.warpAffine(
        portrait, matrix, (side, side), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )
    if rng.random() < 0.5:
        picture = picture[:, ::-1]
    light = 255 * (picture / 255.0) ** rng.uniform(0.7, 1.4) * rng.uniform(0.92, 1.0, 3)
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)


def write_video(portrait: Pixels, path: Path) -> None:
    """Ten seconds of a slightly moving portrait; from the sixth second on its face is forged."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, SIZE)
    for frame in frames(portrait):
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()


def frames(portrait: Pixels) -> Iterator[Pixels]:
    rng = np.random.default_rng(SEED)
    for index in range(FPS * SECONDS):
        matrix = camera(index / FPS)
        frame = cv2.warpAffine(
            portrait, matrix, SIZE, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        if index >= FPS * SECONDS / 2:
            points = (POINTS @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
            frame, _ = forge(frame, points)
        noisy = frame + rng.normal(0, 1.0, frame.shape)
        yield np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def camera(time: float) -> Plane:
    """Where a hand-held camera would put the portrait: a slow zoom and a little sway."""
    x, y = (float(v) for v in POINTS.mean(0))
    zoom = 1.09 + 0.05 * np.sin(time * 0.7)
    matrix = cv2.getRotationMatrix2D((x, y), 2.5 * float(np.sin(time * 0.9)), float(zoom))
    matrix[:, 2] += 218 - x + 10 * np.sin(time * 1.1), 112 - y + 6 * np.cos(time)
    return np.asarray(matrix, np.float32)


if __name__ == "__main__":
    main()
