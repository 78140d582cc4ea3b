"""What whoever starts the server decides: where it listens, what it keeps, what it allows."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unmask.errors import ConfigError
from unmask.places import data_folder

DAY = 86_400.0
LEAST_TOKEN = 16
"""Characters of a token; a shorter one can be found by trying."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_REQUEST = 1 << 30
_SPAN = re.compile(r"(\d+(?:\.\d+)?)([dhms]?)")
_UNITS = {"": DAY, "d": DAY, "h": 3600.0, "m": 60.0, "s": 1.0}


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much one client may ask of this machine.

    Attributes:
        file_bytes: Largest uploaded file.
        request_bytes: Largest request body.
        files: Files in one request.
        pixels: Most pixels of a photo or of one video frame.
        seconds: Longest video.
        queue: Analyses that may wait; above it a client is told to come back later.
        uploads: Request bodies that are received at a time.
        patience: Seconds that one analysis may take.
        spare: Bytes that must stay free on the disk.
        silence: Seconds without a byte after which a request is given up.
        reception: Seconds after which a request body is given up however fast it comes.
    """

    file_bytes: int = 512 << 20
    request_bytes: int = _REQUEST
    files: int = 32
    pixels: int = 8192 * 6144
    seconds: float = 3600.0
    queue: int = 100
    uploads: int = 32
    patience: float = 1800.0
    spare: int = 256 << 20
    silence: float = 20.0
    reception: float = 1800.0


@dataclass(frozen=True, slots=True)
class Settings:
    """All that the server is told.

    Attributes:
        data: Folder of everything it keeps.
        host: Address to listen at.
        port: 0 for any free one.
        token: What clients must present; `None` for nothing, on loopback only.
        names: Further values of the `Host` header that are meant for this server, each with or
            without a port.
        workers: Most worker processes.
        retention: Seconds for which a finished analysis is kept; `None` for ever.
        bounds: How much a client may ask.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    names: tuple[str, ...] = ()
    workers: int = field(default_factory=lambda: cores())
    retention: float | None = 7 * DAY
    bounds: Bounds = field(default_factory=Bounds)

    def __post_init__(self) -> None:
        if self.token is None and not loopback(self.host):
            raise _bad(f"Listening at {self.host} is open to other machines: it needs a --token.")
        if self.token is not None and len(self.token) < LEAST_TOKEN:
            raise _bad(f"The token needs at least {LEAST_TOKEN} characters.")
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            raise _bad("The token may only have printable ASCII characters.")


def loopback(host: str) -> bool:
    """Whether an address or name stands for this machine alone.

    Example:
        >>> loopback("127.0.0.2"), loopback("0.0.0.0")
        (True, False)
    """
    if host.lower() in LOOPBACK:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def span(text: str) -> float | None:
    """Read a length of time: days, or with a unit `d`, `h`, `m` or `s`; `never` for no end.

    Returns:
        Seconds, or `None` for "never".

    Raises:
        ConfigError: `bad_option`.

    Example:
        >>> span("7"), span("12h"), span("never")
        (604800.0, 43200.0, None)
    """
    if text == "never":
        return None
    match = _SPAN.fullmatch(text)
    seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if not 0 < seconds <= 36_500 * DAY:
        raise _bad(f"{text!r} is no length of time; write 7 for days, 12h, 30m, 45s or never.")
    return seconds


def bounds(**asked: float | None) -> Bounds:
    """The default bounds, but for those that are given; a larger file may come in a larger request.

    Example:
        >>> bounds(file_bytes=1 << 40, files=None).request_bytes == 2 << 40
        True
    """
    chosen: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    if "file_bytes" in chosen:
        chosen.setdefault("request_bytes", max(_REQUEST, 2 * chosen["file_bytes"]))
    return Bounds(**chosen)


def cores() -> int:
    """Processors of this machine."""
    return os.cpu_count() or 1


def default_data() -> Path:
    """The server's folder among what Unmask keeps for its user."""
    return data_folder() / "serve"


def _bad(message: str) -> ConfigError:
    return ConfigError("bad_option", message)
