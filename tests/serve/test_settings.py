"""What whoever starts the server may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from unmask.errors import ConfigError
from unmask.serve import settings
from unmask.serve.settings import Bounds, loopback, span


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 604_800.0), ("1.5d", 129_600.0), ("12h", 43_200.0), ("30m", 1800.0), ("45s", 45.0)],
)
def test_lengths_of_time(text: str, seconds: float) -> None:
    assert span(text) == seconds
    assert span("never") is None


@pytest.mark.parametrize("text", ["", "0", "-1", "7 days", "d", "1e3", "nan", "99999999"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(ConfigError, match="length of time"):
        span(text)


def test_loopback() -> None:
    assert all(map(loopback, ("localhost", "LocalHost", "127.0.0.1", "127.9.9.9", "::1", "[::1]")))
    assert not any(map(loopback, ("0.0.0.0", "::", "10.0.0.1", "example.org", "")))


def test_a_larger_file_needs_a_larger_request() -> None:
    assert settings.bounds(files=None) == Bounds()
    assert settings.bounds(file_bytes=1 << 40).request_bytes == 2 << 40
    assert settings.bounds(file_bytes=1 << 40, request_bytes=9).request_bytes == 9


def test_the_folder_is_among_the_users_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNMASK_HOME", str(tmp_path))
    assert settings.default_data() == tmp_path / "serve"
