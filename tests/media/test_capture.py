import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from unmask.errors import InputError
from unmask.media import Limits, capture


def test_a_container_opens_with_its_own_demuxer_only(film: Callable[..., Path]) -> None:
    path = str(film("a.mkv", "mp4v"))
    capture.open_capture(path, "MKV", Limits()).release()
    with pytest.raises(InputError) as caught:
        capture.open_capture(path, "MP4", Limits())
    assert caught.value.code == "no_frames"


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{good}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{good}'\n",
    ],
)
@pytest.mark.parametrize("name", ["MP4", "MOV", "MKV", "WebM", "AVI"])
def test_a_playlist_that_came_this_far_opens_nothing(
    film: Callable[..., Path], tmp_path: Path, text: str, name: str
) -> None:
    (tmp_path / "list.mp4").write_text(text.format(good=film("good.mp4").name))
    with pytest.raises(InputError):
        capture.open_capture(str(tmp_path / "list.mp4"), name, Limits())


def test_addresses_are_not_opened() -> None:
    with pytest.raises(InputError) as caught:
        capture.open_capture("http://127.0.0.1:9/film.mp4", "MP4", Limits(patience=5))
    assert caught.value.code == "no_frames"


def test_the_environment_is_left_as_it_was(
    film: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "mine")
    monkeypatch.delenv("OPENCV_FFMPEG_LOGLEVEL", raising=False)
    capture.open_capture(str(film()), "MP4", Limits()).release()
    assert os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] == "mine"
    assert "OPENCV_FFMPEG_LOGLEVEL" not in os.environ


def test_broken_files_make_no_noise(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"\x00\x00\x00\x18ftypisom" + bytes(500))
    program = f"from unmask.media import open_media; open_media({str(path)!r})"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert found.stdout == b""
    assert b"[no_frames]" in found.stderr
    assert b"moov" not in found.stderr


def test_the_log_level_is_the_users_where_it_is_set(
    film: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENCV_LOG_LEVEL", "ERROR")
    monkeypatch.setattr(cv2.utils.logging, "setLogLevel", lambda _: pytest.fail("changed"))
    capture.open_capture(str(film()), "MP4", Limits()).release()


class Stuck:
    """A capture that never gives a frame."""

    def __init__(self) -> None:
        self.tries = 0

    def grab(self) -> bool:
        self.tries += 1
        return False


def test_grabbing_goes_over_damage_but_not_for_ever() -> None:
    stuck = Stuck()
    assert not capture.grab(stuck, Limits())
    assert stuck.tries == 64


def test_patience_ends() -> None:
    with pytest.raises(InputError) as caught:
        capture.grab(Stuck(), Limits(patience=0.0))
    assert caught.value.code == "timeout"
