import itertools
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from unmask.errors import InputError
from unmask.media import Limits, Sampling, index, open_media, video

EVERY = Sampling(frames=None)
KINDS = [
    ("a.mp4", "mp4v", "MP4"),
    ("a.mp4", "vp09", "MP4"),
    ("a.mov", "MJPG", "MOV"),
    ("a.mov", "mpg2", "MOV"),
    ("a.mkv", "mp4v", "MKV"),
    ("a.mkv", "FFV1", "MKV"),
    ("a.webm", "VP80", "WebM"),
    ("a.webm", "VP90", "WebM"),
    ("a.avi", "MJPG", "AVI"),
    ("a.avi", "XVID", "AVI"),
    ("a.avi", "mpg2", "AVI"),
]
Film = Callable[..., Path]
Number = Callable[[np.ndarray], int]


def read(path: Path, sampling: Sampling = EVERY, **limits: float) -> tuple:
    with open_media(path, limits=Limits(**limits), sampling=sampling) as source:
        return source.media, list(source.frames())


def code(path: Path, **limits: float) -> str:
    with pytest.raises(InputError) as caught:
        read(path, **limits)
    return caught.value.code


def facts(path: Path) -> dict:
    return {fact.name: fact.value for fact in read(path, Sampling(1))[0].facts}


@pytest.mark.parametrize(("name", "codec", "container"), KINDS)
def test_every_frame_of_every_kind(
    film: Film, number: Number, name: str, codec: str, container: str
) -> None:
    media, frames = read(film(name, codec, 40, fps=25))
    assert (media.kind, media.format, media.width, media.height) == ("video", container, 160, 64)
    assert media.duration == pytest.approx(1.6)
    assert media.frame_rate == pytest.approx(25)
    assert [number(frame.pixels) for frame in frames] == list(range(40))
    assert [frame.index for frame in frames] == list(range(40))
    assert [frame.time for frame in frames] == pytest.approx([i / 25 for i in range(40)])


@pytest.mark.parametrize(("name", "codec", "container"), KINDS)
def test_sampled_frames_are_those_of_their_index(
    film: Film, number: Number, name: str, codec: str, container: str
) -> None:
    path = film(name, codec, 300, fps=30)
    _, frames = read(path, Sampling(frames=5))
    assert [frame.index for frame in frames] == [30, 90, 150, 210, 270]
    off = 1 if (codec, container) == ("mpg2", "AVI") else 0
    for frame in frames:
        assert abs(number(frame.pixels) - frame.index) <= off
        assert frame.time == pytest.approx(frame.index / 30)


def test_colours_are_rgb(film: Film) -> None:
    _, frames = read(film("a.mp4", "mp4v", 3))
    red, green, blue = frames[0].pixels[4, 16].tolist()
    assert red > 150 > 90 > max(green, blue)


def test_frames_can_be_asked_for_again(film: Film) -> None:
    with open_media(film(), sampling=Sampling(4)) as source:
        first, again = list(source.frames()), list(source.frames())
    assert [f.index for f in first] == [f.index for f in again]
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(first, again, strict=True))


def test_far_frames_are_jumped_to(film: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    path, steps = film("a.mp4", "mp4v", 600), 0
    real = video.grab

    def counted(*arguments: object) -> bool:
        nonlocal steps
        steps += 1
        return real(*arguments)

    monkeypatch.setattr(video, "grab", counted)
    _, frames = read(path, Sampling(frames=4))
    assert [frame.index for frame in frames] == [75, 225, 375, 525]
    assert steps < 60


def test_jumping_gives_the_pixels_of_walking(film: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film("a.mkv", "VP90", 200)
    _, jumped = read(path, Sampling(frames=3))
    monkeypatch.setattr(video._Cursor, "_shortcut", lambda *_: None)
    _, walked = read(path, Sampling(frames=3))
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(jumped, walked, strict=True))


def test_a_jump_that_leads_astray_is_taken_back(
    film: Film, number: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video, "_RUN_UP", 60)
    path = film("a.mp4", "mp4v", 300)
    real = video._Cursor._shortcut
    monkeypatch.setattr(video._Cursor, "_shortcut", lambda self, pick: real(self, pick + 60))
    _, frames = read(path, Sampling(frames=3))
    assert [number(frame.pixels) for frame in frames] == [50, 150, 250]


@pytest.mark.parametrize(
    ("matrix", "degrees", "corner"),
    [
        ((0, 1, 0, -1, 0, 0), 90, (slice(0, 40), slice(-12, None))),
        ((-1, 0, 0, 0, -1, 0), 180, (slice(-12, None), slice(-40, None))),
        ((0, -1, 0, 1, 0, 0), 270, (slice(-40, None), slice(0, 12))),
    ],
)
def test_rotation_is_applied_once(
    film: Film, rebox: Callable, matrix: tuple, degrees: int, corner: tuple
) -> None:
    path = film("a.mp4", "mp4v", 4)
    values = [v * (0x10000 if i % 3 < 2 else 1 << 30) for i, v in enumerate(matrix)]
    turned = struct.pack(">9i", *values, 0, 0, 1 << 30)
    rebox(path, b"tkhd", lambda body: body[:40] + turned + body[76:])
    media, frames = read(path)
    upright = (160, 64) if degrees == 180 else (64, 160)
    assert (media.width, media.height) == upright
    assert frames[0].pixels.shape == (upright[1], upright[0], 3)
    red = frames[0].pixels[corner].reshape(-1, 3).mean(0)
    assert red[0] > 150 > 90 > red[1:].max()
    assert {f.name: f.value for f in media.facts}["video.rotation"] == degrees


def uneven(rebox: Callable, path: Path, runs: list[tuple[int, int]]) -> None:
    """Give runs of frames other durations: (frames, ticks each)."""
    table = b"".join(struct.pack(">II", *run) for run in runs)
    rebox(path, b"stts", lambda body: bytes(4) + struct.pack(">I", len(runs)) + table)


def test_variable_frame_rate(film: Film, rebox: Callable, number: Number) -> None:
    path = film("a.mp4", "mp4v", 200, fps=25)  # 512 ticks a frame at 25 frames a second
    uneven(rebox, path, [(100, 128), (50, 1280), (50, 512)])
    media, frames = read(path)
    expected = np.cumsum([0] + [0.01] * 100 + [0.1] * 50 + [0.04] * 49)
    assert np.allclose([frame.time for frame in frames], expected, atol=1e-3)
    assert media.duration == pytest.approx(8, rel=0.01)
    assert facts(path)["video.variable_frame_rate"] is True
    _, sampled = read(path, Sampling(frames=8))
    assert np.allclose([frame.time for frame in sampled], np.arange(8) + 0.5, atol=0.11)
    assert [number(frame.pixels) for frame in sampled] == [frame.index for frame in sampled]


def test_times_that_make_no_sense_are_replaced_by_counting(
    film: Film, rebox: Callable, number: Number
) -> None:
    path = film("a.mp4", "mp4v", 60)
    uneven(rebox, path, [(59, 0), (1, 512)])
    media, frames = read(path)
    assert [number(frame.pixels) for frame in frames] == list(range(60))
    assert all(b.time > a.time for a, b in itertools.pairwise(frames))
    assert media.duration > 0


def test_a_header_that_lies_about_the_count(film: Film, rebox: Callable) -> None:
    path = film("a.mp4", "mp4v", 50)
    uneven(rebox, path, [(50_000_000, 512)])
    media, frames = read(path, Sampling(5))
    assert media.duration == pytest.approx(2)
    assert [frame.index for frame in frames] == [5, 15, 25, 35, 45]
    assert facts(path)["video.frames_claimed"] == 50_000_000


def test_a_header_that_lies_about_the_duration(film: Film, rebox: Callable) -> None:
    path = film("a.mp4", "mp4v", 50)
    rebox(path, b"mvhd", lambda body: body[:16] + b"\x7f\xff\xff\xff" + body[20:])
    media, frames = read(path, Sampling(5))
    assert media.duration == pytest.approx(2)
    assert [frame.index for frame in frames] == [5, 15, 25, 35, 45]


def test_a_header_that_claims_endless_samples_is_refused(film: Film, rebox: Callable) -> None:
    path = film("a.mp4", "mp4v", 5)
    rebox(path, b"stsz", lambda body: bytes(4) + struct.pack(">II", 1, 50_000_000))
    assert code(path) == "unreadable"


def test_memory_does_not_grow_with_the_length(film: Film) -> None:
    path = film("a.mp4", "mp4v", 500)
    one = 160 * 64 * 3
    with open_media(path, sampling=EVERY) as source:
        tracemalloc.start()
        count = sum(1 for _ in source.frames())
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert count == 500
    assert peak < 12 * one


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mkv", "mp4v"), ("a.avi", "MJPG"), ("a.webm", "VP80")]
)
def test_of_a_film_cut_short_what_is_there(
    film: Film, number: Number, name: str, codec: str
) -> None:
    path = film(name, codec, 200)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    media, frames = read(path, Sampling(8))
    assert {fact.name: fact.value for fact in media.facts}["file.truncated"] is True
    assert 6 <= len(frames) <= 8
    assert 60 < number(frames[-1].pixels) < 140


def test_an_mp4_without_its_tables_is_truncated(film: Film) -> None:
    path = film("a.mp4", "mp4v", 100)
    path.write_bytes(path.read_bytes()[:5000])
    assert code(path) == "truncated"


def test_damaged_frames_are_left_out(film: Film, number: Number) -> None:
    path = film("a.mov", "MJPG", 60)
    data = path.read_bytes()
    starts = [i for i in range(len(data)) if data.startswith(b"\xff\xd8\xff", i)]
    for start in starts[20:23]:
        data = data[:start] + bytes(200) + data[start + 200 :]
    path.write_bytes(data)
    _, frames = read(path)
    seen = [number(frame.pixels) for frame in frames]
    assert len(seen) >= 57
    assert {*range(20), *range(23, 60)} <= set(seen)


def test_a_film_of_nothing_but_damage_has_no_frames(film: Film) -> None:
    path = film("a.mov", "MJPG", 60)
    data = path.read_bytes()
    start = data.find(b"mdat") + 4
    end = data.find(b"moov") - 4
    path.write_bytes(data[:start] + bytes(end - start) + data[end:])
    assert code(path) == "no_frames"


def test_limits(film: Film) -> None:
    path = film("a.mp4", "mp4v", 50)
    assert code(path, seconds=1.9) == "too_long"
    assert code(path, seconds=0.01) == "too_long"
    assert code(path, pixels=160 * 64 - 1) == "too_many_pixels"
    assert code(path, bytes=1000) == "too_many_bytes"
    assert code(path, patience=0.0) == "timeout"


def test_a_frame_larger_than_the_header_said_is_refused(
    film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = film()
    with open_media(path, limits=Limits(pixels=160 * 64)) as source:
        monkeypatch.setattr(
            video, "check_pixels", lambda *a: index.check_pixels(a[0] + 1, a[1], a[2])
        )
        with pytest.raises(InputError) as caught:
            next(source.frames())
    assert caught.value.code == "too_many_pixels"


class Dumb:
    """A capture whose frames can be grabbed and not had."""

    def __init__(self, *_: object, **__: object) -> None:
        self.left = 10

    def grab(self) -> bool:
        self.left -= 1
        return self.left >= 0

    def retrieve(self) -> tuple[bool, None]:
        return False, None

    def get(self, _: int) -> float:
        return 0.0

    def release(self) -> None:
        pass


def test_frames_that_cannot_be_had_are_no_frames(
    film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_media(film()) as source:
        monkeypatch.setattr(video, "open_capture", Dumb)
        with pytest.raises(InputError) as caught:
            list(source.frames())
    assert caught.value.code == "no_frames"


def test_a_jump_into_nothing_is_taken_back(
    film: Film, number: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, jumps = video.grab, [1]

    def fail_once(*arguments: object) -> bool:
        return real(*arguments) if not jumps else bool(jumps.pop() > 1)

    path = film("a.mp4", "mp4v", 200)
    monkeypatch.setattr(video, "grab", fail_once)
    _, frames = read(path, Sampling(frames=2))
    assert [number(frame.pixels) for frame in frames] == [50, 150]


def test_a_container_without_packets_has_no_frames(
    film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "grab", lambda *_: False)
    assert code(film()) == "no_frames"
