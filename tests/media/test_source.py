import errno
import gc
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from unmask.errors import InputError
from unmask.media import Limits, credentials, open_media, source
from unmask.types import Fact

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs pipes, links and free names")


def code(path: object, **limits: int) -> str:
    with pytest.raises(InputError) as caught:
        open_media(path, limits=Limits(**limits))
    return caught.value.code


def test_a_photo(saved: Callable[..., Path], drawn: Callable) -> None:
    path = saved("a.png", drawn(), "PNG")
    with open_media(path) as opened:
        media, frames = opened.media, list(opened.frames())
        again = list(opened.frames())
    assert (media.kind, media.format, media.width, media.height) == ("image", "PNG", 96, 64)
    assert media.path == str(path)
    assert media.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (media.duration, media.frame_rate) == (None, None)
    assert [(f.index, f.time) for f in frames] == [(0, None)]
    assert np.array_equal(frames[0].pixels, drawn())
    assert len(again) == 1


def test_a_video_is_hashed_whole(
    film: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_CHUNK", 1000)
    path = film()
    with open_media(str(path)) as opened:
        assert opened.media.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_name_plays_no_part(
    saved: Callable[..., Path], drawn: Callable, film: Callable[..., Path]
) -> None:
    with open_media(saved("photo.mp4", drawn(), "JPEG")) as opened:
        assert opened.media.format == "JPEG"
    with open_media(film("film.avi", "MJPG").rename(film().parent / "film.jpg")) as opened:
        assert opened.media.format == "AVI"
        assert len(list(opened.frames())) == 32


@posix
@pytest.mark.parametrize("name", ["ünï 写真 🙂.jpg", "n" * 255, "%03d.jpg", "-rf", "http:x.jpg"])
def test_odd_names(
    saved: Callable[..., Path],
    drawn: Callable,
    film: Callable[..., Path],
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    saved(name, drawn(), "JPEG")
    with open_media(name) as opened:
        assert opened.media.path == name
    film("b.mp4").rename(tmp_path / name)
    with open_media(name) as opened:
        assert len(list(opened.frames())) == 32


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_no_text(
    saved: Callable[..., Path], drawn: Callable, film: Callable[..., Path], tmp_path: Path
) -> None:
    name = os.path.join(os.fsencode(tmp_path), b"\xff\xfe")
    os.rename(film(), name)
    with open_media(os.fsdecode(name)) as opened:
        assert len(list(opened.frames())) == 32


def test_without_descriptors_in_the_file_system_the_path_is_used(
    film: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = film()
    monkeypatch.setattr(os.path, "exists", lambda _: False)
    with open_media(path) as opened:
        assert len(list(opened.frames())) == 32


@posix
def test_what_is_no_plain_file_is_never_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert code(tmp_path / "pipe") == "unreadable"
    assert code("/dev/zero") == "unreadable"
    assert code(tmp_path) == "unreadable"
    assert code(tmp_path / "loop") == "unreadable"


@posix
def test_a_link_to_a_file_is_the_file(saved: Callable[..., Path], drawn: Callable) -> None:
    link = saved("a.jpg", drawn(), "JPEG").parent / "link"
    link.symlink_to(link.parent / "a.jpg")
    with open_media(link) as opened:
        assert opened.media.format == "JPEG"


def test_what_is_not_there(saved: Callable[..., Path]) -> None:
    file = saved("file", b"x")
    assert code(file.parent / "nothing.jpg") == "not_found"
    assert code(file / "below.jpg") == "not_found"
    assert code("nul\0byte") == "not_found"
    assert code("n" * 5000) == "not_found"


def test_what_may_not_be_read(saved: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    assert code(saved("a.jpg", b"x")) == "unreadable"


def test_a_disk_that_fails_while_reading(
    saved: Callable[..., Path], drawn: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved("a.jpg", drawn(), "JPEG")

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(source, "_photo", fail)
    assert code(path) == "unreadable"


def test_empty_and_unknown_files(saved: Callable[..., Path]) -> None:
    assert code(saved("empty.jpg", b"")) == "empty"
    assert code(saved("text.jpg", b"only text")) == "unsupported_format"
    assert code(saved("list.mp4", b"#EXTM3U\n#EXTINF:9,\na.mp4\n")) == "unsupported_format"


def test_bytes_are_limited(saved: Callable[..., Path], drawn: Callable) -> None:
    path = saved("a.jpg", drawn(), "JPEG")
    assert code(path, photo_bytes=path.stat().st_size - 1) == "too_many_bytes"
    assert code(path, bytes=path.stat().st_size - 1) == "too_many_bytes"


def test_a_failed_opening_leaves_no_file_open(
    saved: Callable[..., Path], film: Callable[..., Path], drawn: Callable
) -> None:
    broken = film("b.mp4")
    broken.write_bytes(broken.read_bytes()[:3000])
    photo = saved("a.jpg", drawn(), "JPEG")
    gc.collect()  # what earlier tests left to the collector must not close in between
    before = descriptors()
    for path in (broken, saved("t.jpg", b"text"), saved("c.jpg", photo.read_bytes()[:200])):
        with pytest.raises(InputError):
            open_media(path)
    open_media(photo)
    with open_media(film("good.mp4")) as opened:
        list(opened.frames())
        next(opened.frames())
    assert descriptors() == before


def descriptors() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


@pytest.mark.parametrize("at", [0, 5, 990, 1001])
def test_a_manifest_is_looked_for_everywhere(
    film: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    monkeypatch.setattr(source, "_CHUNK", 1000)
    told = [Fact("c2pa.state", "Valid")]
    monkeypatch.setattr(credentials, "credential_facts", lambda file, name: told)
    path = film()
    assert "c2pa.state" not in names(path)
    data = path.read_bytes()
    free = bytes(1000 - len(data) % 1000 + at) + credentials.MARK
    path.write_bytes(data + (len(free) + 8).to_bytes(4, "big") + b"free" + free)
    assert "c2pa.state" in names(path)


def test_a_manifest_in_a_photo(
    saved: Callable[..., Path], drawn: Callable, encoded: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = [Fact("c2pa.state", "Valid")]
    monkeypatch.setattr(credentials, "credential_facts", lambda file, name: told)
    assert "c2pa.state" not in names(saved("a.jpg", drawn(), "JPEG"))
    assert "c2pa.state" in names(saved("b.jpg", encoded(drawn(), "JPEG") + credentials.MARK))


def names(path: Path) -> set[str]:
    with open_media(path) as opened:
        return {fact.name for fact in opened.media.facts}


def test_several_threads_at_once(
    film: Callable[..., Path], saved: Callable[..., Path], drawn: Callable
) -> None:
    paths = [film("a.mp4"), film("b.webm", "VP80"), saved("c.jpg", drawn(), "JPEG")]
    counts: list[int] = []

    def work(path: Path) -> None:
        with open_media(path) as opened:
            counts.append(sum(1 for _ in opened.frames()))

    threads = [threading.Thread(target=work, args=(path,)) for path in paths * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counts) == [1] * 4 + [32] * 8


def test_importing_the_room_imports_nothing_heavy() -> None:
    program = "import sys, unmask.media; print({'cv2', 'PIL'} & {*sys.modules})"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert found.stdout.strip() == b"set()"
