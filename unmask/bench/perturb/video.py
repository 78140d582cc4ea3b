"""Codecs for moving pictures, through OpenCV and a temporary file, and H.264's quantiser.

OpenCV sets the bit rate of its encoders by the frame's area and offers no other. Severity therefore
is the height at which a service keeps the video, in shares of the original; only Motion JPEG has a
quality, and the quantiser of H.264, for which OpenCV's wheels bring no free encoder, is computed
here. A photo is encoded as three equal frames and the last, a predicted one, is returned. Where a
codec is missing, `Perturbation.ready` says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np

from unmask.bench.perturb._registry import Rng, perturbation
from unmask.bench.perturb._tools import Floats, sized
from unmask.errors import ConfigError
from unmask.types import Pixels

RATE = 25
BLOCK = 16
"""Sides of an encoded frame are multiples of this; small ones crash some encoders otherwise."""
HEIGHTS = (1.0, 0.75, 0.55, 0.4, 0.28)


@cache
def works(codec: str, backend: int = cv2.CAP_FFMPEG) -> bool:
    """Whether this machine writes and reads a codec, by its four letters."""
    try:
        return len(encode([np.zeros((BLOCK, BLOCK, 3), np.uint8)], codec, backend)) == 1
    except ConfigError:
        return False


@perturbation(clip=True, height=HEIGHTS, ready=partial(works, "mp4v"))
def mpeg4(frames: Sequence[Pixels], rng: Rng, height: float) -> list[Pixels]:
    """MPEG-4 Part 2, as old phones and chats wrote it."""
    return _kept(frames, "mp4v", height)


@perturbation(clip=True, height=HEIGHTS, ready=partial(works, "mpg2"))
def mpeg2(frames: Sequence[Pixels], rng: Rng, height: float) -> list[Pixels]:
    """MPEG-2, the codec of DVDs and broadcasts."""
    return _kept(frames, "mpg2", height)


@perturbation(clip=True, height=HEIGHTS, ready=partial(works, "VP80"))
def vp8(frames: Sequence[Pixels], rng: Rng, height: float) -> list[Pixels]:
    """VP8, as in video calls."""
    return _kept(frames, "VP80", height)


@perturbation(clip=True, height=HEIGHTS, ready=partial(works, "VP90"))
def vp9(frames: Sequence[Pixels], rng: Rng, height: float) -> list[Pixels]:
    """VP9, as video sites deliver it."""
    return _kept(frames, "VP90", height)


@perturbation(
    clip=True, quality=(80, 55, 35, 20, 9), ready=partial(works, "MJPG", cv2.CAP_OPENCV_MJPEG)
)
def mjpeg(frames: Sequence[Pixels], rng: Rng, quality: float) -> list[Pixels]:
    """Motion JPEG of a quality, as webcams send it."""
    return encode(frames, "MJPG", cv2.CAP_OPENCV_MJPEG, quality)


@perturbation(parameter=(23, 28, 33, 37, 40))
def h264_quantiser(pixels: Pixels, rng: Rng, parameter: float) -> Pixels:
    """The loss of H.264 without its prediction, at a quantisation parameter.

    Halved chroma, blocks of 8x8, one flat step of 0.625 * 2**(parameter / 6) for every
    coefficient, edges of blocks smoothed where they step less than that. Above 29, chroma's
    parameter grows about 0.6 as fast. 23 and 40 are those of FaceForensics++ (arXiv:1901.08971).
    """
    height, width = pixels.shape[:2]
    luma, *chroma = cv2.split(cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb))
    small = [cv2.resize(plane, ((width + 1) // 2, (height + 1) // 2)) for plane in chroma]
    calmer = min(parameter, 29 + 0.6 * (parameter - 29))
    planes = [_quantised(luma, parameter)]
    planes += [cv2.resize(_quantised(plane, calmer), (width, height)) for plane in small]
    return np.asarray(cv2.cvtColor(cv2.merge(planes), cv2.COLOR_YCrCb2RGB), np.uint8)


def encode(
    frames: Sequence[Pixels],
    codec: str,
    backend: int = cv2.CAP_FFMPEG,
    quality: float | None = None,
) -> list[Pixels]:
    """Write frames of one shape as a video and read them back.

    Args:
        frames: RGB; at least one.
        codec: Four letters.
        backend: OpenCV's reader and writer.
        quality: 1..100, for Motion JPEG by OpenCV itself.

    Raises:
        ConfigError: `not_installed` when the codec cannot be written or read here.

    Example:
        >>> grey = np.full((17, 23, 3), 128, np.uint8)
        >>> [frame.shape for frame in encode([grey, grey], "MJPG", cv2.CAP_OPENCV_MJPEG, 50)]
        [(17, 23, 3), (17, 23, 3)]
    """
    height, width = frames[0].shape[:2]
    padding = 0, -height % BLOCK, 0, -width % BLOCK
    with TemporaryDirectory() as folder:
        suffix = ".avi" if backend == cv2.CAP_OPENCV_MJPEG else ".mkv"
        path = str(Path(folder) / f"frames{suffix}")
        size = width + padding[3], height + padding[1]
        writer = cv2.VideoWriter(path, backend, cv2.VideoWriter.fourcc(*codec), RATE, size)
        if quality is not None:
            writer.set(cv2.VIDEOWRITER_PROP_QUALITY, quality)
        for frame in frames:
            padded = cv2.copyMakeBorder(frame, *padding, cv2.BORDER_REPLICATE)
            writer.write(cv2.cvtColor(padded, cv2.COLOR_RGB2BGR))
        writer.release()
        read = _read(path, backend)
    if len(read) != len(frames):
        raise ConfigError("not_installed", f"OpenCV cannot write and read {codec!r} video here.")
    return [frame[:height, :width] for frame in read]


def _kept(frames: Sequence[Pixels], codec: str, share: float) -> list[Pixels]:
    height, width = frames[0].shape[:2]
    small = [sized(frame, height * share, width * share) for frame in frames]
    return [sized(frame, height, width, cv2.INTER_CUBIC) for frame in encode(small, codec)]


def _read(path: str, backend: int) -> list[Pixels]:
    reader, frames = cv2.VideoCapture(path, backend), []
    while (found := reader.read())[0]:
        frames.append(np.asarray(cv2.cvtColor(found[1], cv2.COLOR_BGR2RGB), np.uint8))
    reader.release()
    return frames


def _quantised(plane: Pixels, parameter: float) -> Pixels:
    """Round the cosine coefficients of every 8x8 block of one plane."""
    size = 0.625 * 2 ** (parameter / 6)
    height, width = plane.shape
    padding = 0, -height % 8, 0, -width % 8
    padded = cv2.copyMakeBorder(plane, *padding, cv2.BORDER_REPLICATE).astype(np.float32) - 128
    tall, wide = padded.shape
    blocks = padded.reshape(tall // 8, 8, wide // 8, 8).swapaxes(1, 2)
    basis = _cosines()
    coded = basis @ blocks @ basis.T / size
    # A third instead of a half: encoders let small coefficients fall to zero.
    kept = np.sign(coded) * np.floor(np.abs(coded) + 1 / 3) * size
    plain = (basis.T @ kept @ basis).swapaxes(1, 2).reshape(tall, wide)
    smooth = _deblocked(_deblocked(plain, size).T, size).T[:height, :width]
    return np.clip(np.rint(smooth + 128), 0, 255).astype(np.uint8)


def _deblocked(plane: Floats, size: float) -> Floats:
    """Draw the two pixels beside each block's left edge together where they differ little."""
    result = plane.copy()
    left, right = plane[:, 7:-1:8], plane[:, 8::8]
    pull = np.where(np.abs(right - left) < size, (right - left) / 4, 0)
    result[:, 7:-1:8] += pull
    result[:, 8::8] -= pull
    return result


@cache
def _cosines() -> Any:
    """The orthonormal cosine basis of length 8, one row a frequency."""
    frequencies, places = np.mgrid[:8, :8]
    basis = np.cos((2 * places + 1) * frequencies * np.pi / 16) / 2
    basis[0] /= np.sqrt(2)
    return basis.astype(np.float32)
