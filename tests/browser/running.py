"""A real `unmask serve`, asked without the page."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4


@dataclass
class Server:
    """A running server: its address, its process, its folder."""

    url: str
    process: subprocess.Popen[str]
    data: Path
    token: str | None = None

    def ask(self, path: str, data: bytes | None = None, **headers: str) -> Any:
        """What the API answers, without the page."""
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(f"{self.url}{path}", data, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def examine(self, *files: Path | tuple[str, bytes], **options: str) -> dict[str, Any]:
        """A finished analysis of these files."""
        named = [(f.name, f.read_bytes()) if isinstance(f, Path) else f for f in files]
        mark = uuid4().hex
        parts = [
            f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in options.items()
        ] + [
            f'--{mark}\r\nContent-Disposition: form-data; name="files"; filename="{name}"'
            "\r\n\r\n".encode() + body + b"\r\n"
            for name, body in named
        ]  # fmt: skip
        body = b"".join(parts) + f"--{mark}--\r\n".encode()
        kind = f"multipart/form-data; boundary={mark}"
        found = self.ask("v1/analyses?wait=30", body, **{"Content-Type": kind})
        assert found["state"] == "done"
        return dict(found)


@contextmanager
def serving(data: Path, *options: str, port: int = 0, token: str | None = None) -> Iterator[Server]:
    """A server of its own, ended afterwards."""
    command = [sys.executable, "-m", "unmask", "serve", "--port", str(port), "--data", str(data)]
    given = ["--token", token] if token else []
    process = subprocess.Popen(
        [*command, *given, *options], stderr=subprocess.PIPE, text=True, env=os.environ
    )
    assert process.stderr
    try:
        told = iter(process.stderr.readline, "")
        address = next(m[0] for line in told if (m := re.search(r"http://[\d.]+:\d+/", line)))
        yield Server(address, process, data, token)
    finally:
        process.terminate()
        process.wait(20)
        process.stderr.close()
