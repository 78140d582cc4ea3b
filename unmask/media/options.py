"""What a caller may ask of the reader: how much of a file, and how many frames of it."""

from __future__ import annotations

from dataclasses import dataclass

from unmask.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that keep one hostile or broken file from taking the machine.

    Attributes:
        bytes: Largest file.
        photo_bytes: Largest photo; it is held in memory while it is read.
        pixels: Most pixels of a photo or of one video frame, as its header declares them; by
            default those of the phones with the largest photos.
        seconds: Longest video.
        patience: Seconds that opening a video, or reading one of its frames, may take.

    Example:
        >>> Limits(pixels=200_000_000).seconds
        14400.0
    """

    bytes: int = 4 << 30
    photo_bytes: int = 256 << 20
    pixels: int = 8192 * 6144
    seconds: float = 14_400.0
    patience: float = 60.0


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which frames of a video to read; a photo always gives its one picture.

    Attributes:
        frames: So many, each from the middle of one of as many equal slices of the duration.
        fps: So many per second, instead of `frames`.

    With both `None` every frame is read.

    Example:
        >>> Sampling(fps=2.0)
        Sampling(frames=32, fps=2.0)
    """

    frames: int | None = 32
    fps: float | None = None

    def __post_init__(self) -> None:
        if self.frames is not None and self.frames < 1:
            raise ConfigError("bad_option", f"At least 1 frame is needed, not {self.frames}.")
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise ConfigError("bad_option", f"Frames per second must be in (0, 1000]: {self.fps}.")
