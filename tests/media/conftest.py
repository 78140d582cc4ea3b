"""Real media, drawn and written on the spot."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

Pixels = npt.NDArray[np.uint8]
PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"udta")


@pytest.fixture(scope="session")
def drawn() -> Callable[..., Pixels]:
    """Draw a picture with shapes and grain: `drawn(seed=0, size=(width, height))`."""

    def draw(seed: int = 0, size: tuple[int, int] = (96, 64)) -> Pixels:
        width, height = size
        rng = np.random.default_rng(seed)
        coarse = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
        picture = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC).astype(np.int16)
        picture += rng.normal(0, 5, picture.shape).astype(np.int16)
        return np.clip(picture, 0, 255).astype(np.uint8)

    return draw


@pytest.fixture(scope="session")
def encoded() -> Callable[..., bytes]:
    """Write a picture: `encoded(pixels_or_image, "JPEG", quality=90)`."""

    def encode(picture: Pixels | Image.Image, kind: str, **options: Any) -> bytes:
        image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
        stream = io.BytesIO()
        image.save(stream, kind, **options)
        return stream.getvalue()

    return encode


@pytest.fixture
def saved(tmp_path: Path, encoded: Callable[..., bytes]) -> Callable[..., Path]:
    """As `encoded`, into a file: `saved(name, picture, kind, **options)` or `saved(name, data)`."""

    def save(name: str, content: Any, kind: str = "", **options: Any) -> Path:
        path = tmp_path / name
        path.write_bytes(content if not kind else encoded(content, kind, **options))
        return path

    return save


@pytest.fixture(scope="session")
def numbered() -> Callable[[int, tuple[int, int]], Pixels]:
    """Draw a number in light and dark blocks that survive compression."""

    def draw(number: int, size: tuple[int, int] = (160, 64)) -> Pixels:
        picture = np.full((size[1], size[0], 3), 40, np.uint8)
        for bit in range(10):
            if number >> bit & 1:
                picture[16:48, bit * 16 : bit * 16 + 16] = 220
        picture[:12, :40] = (230, 20, 20)  # red at the top left tells which way is up
        return picture

    return draw


@pytest.fixture(scope="session")
def number() -> Callable[[Pixels], int]:
    """Read the number that `numbered` drew."""

    def read(picture: Pixels) -> int:
        return sum(
            int(picture[24:40, bit * 16 + 4 : bit * 16 + 12].mean() > 128) << bit
            for bit in range(10)
        )

    return read


@pytest.fixture
def film(tmp_path: Path, numbered: Callable[..., Pixels]) -> Callable[..., Path]:
    """Write a video of numbered frames: `film("a.mp4", "mp4v", 40, fps=25)`."""

    def shoot(
        name: str = "film.mp4",
        codec: str = "mp4v",
        count: int = 40,
        fps: float = 25.0,
        size: tuple[int, int] = (160, 64),
    ) -> Path:
        path = tmp_path / name
        fourcc = cv2.VideoWriter.fourcc(*codec)
        writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, fourcc, fps, size)
        if not writer.isOpened():
            pytest.skip(f"this OpenCV cannot write {codec} into {path.suffix}")
        for step in range(count):
            writer.write(numbered(step, size)[..., ::-1])
        writer.release()
        return path

    return shoot


def replace_box(data: bytes, kind: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Rewrite the bodies of all boxes of one kind, and the lengths of the boxes around them."""
    at, out = 0, b""
    while at + 8 <= len(data):
        length = struct.unpack(">I", data[at : at + 4])[0]
        word, body = data[at + 4 : at + 8], data[at + 8 : at + length]
        if word == kind:
            body = change(body)
        elif word in PARENTS:
            body = replace_box(body, kind, change)
        out += struct.pack(">I", len(body) + 8) + word + body
        at += length
    return out


@pytest.fixture(scope="session")
def rebox() -> Callable[[Path, bytes, Callable[[bytes], bytes]], None]:
    """Change a box in a file: `rebox(path, b"tkhd", lambda body: …)`."""

    def change_file(path: Path, kind: bytes, change: Callable[[bytes], bytes]) -> None:
        before = path.read_bytes()
        after = replace_box(before, kind, change)
        assert after != before, "the box was not found"
        path.write_bytes(after)

    return change_file
