"""A server, and a browser that tells on the page when it misbehaves."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import pytest
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.serve.running import Server, real
from unmask.conformance import SAMPLES

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    # A camera made of moving shapes, and nobody to ask for leave.
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
)  # fmt: skip


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that do not need one in a special state."""
    with real(tmp_path_factory.mktemp("serve")) as made:
        yield made


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium with a fresh profile."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is missing; `make browser` installs it")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield made
        made.close()


@dataclass
class Watch:
    """What the page must not do: ask another origin, log an error, break the policy."""

    origin: str
    expected: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    def over(self, page: Page) -> Page:
        page.on("console", lambda m: self.note(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.note(str(error)))
        page.on("request", lambda request: self._asked(request.url))
        return page

    def note(self, text: str) -> None:
        if not any(word in text for word in self.expected):
            self.seen.append(text)

    def _asked(self, url: str) -> None:
        if not url.startswith((f"{self.origin}/", f"blob:{self.origin}/")):
            self.seen.append(f"asked {url}")


@pytest.fixture
def open_page(browser: Any, server: Server) -> Iterator[Callable[..., Page]]:
    """Open a place of the page: `open_page("#/history", size=PHONE, dark=True)`.

    `expected` are words of errors that the browser may log.
    """
    made: list[tuple[Any, Watch]] = []

    def make(
        place: str = "",
        *,
        at: Server = server,
        size: tuple[int, int] = (1440, 900),
        dark: bool = False,
        expected: tuple[str, ...] = (),
    ) -> Page:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            service_workers="block",
        )
        context.set_default_timeout(15_000)
        watch = Watch(at.url, list(expected))
        made.append((context, watch))
        page = watch.over(context.new_page())
        page.goto(f"{at.url}/{place}")
        return page

    yield make
    for context, _ in made:
        context.close()
    assert [seen for _, watch in made for seen in watch.seen] == []


@pytest.fixture(scope="session")
def webm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample video in a compression that every browser plays."""
    path = tmp_path_factory.mktemp("videos") / "video.webm"
    source, every = cv2.VideoCapture(str(SAMPLES / "video.mp4")), 5
    sink = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"VP80"), 25 / every, (512, 288))
    while source.grab():
        if source.get(cv2.CAP_PROP_POS_FRAMES) % every == 1:
            sink.write(source.retrieve()[1])
    sink.release()
    source.release()
    return path


@pytest.fixture(scope="session")
def tiny_face() -> bytes:
    """A portrait whose face is found, and too small to be judged."""
    sink = io.BytesIO()
    Image.open(SAMPLES / "portrait.jpg").resize((128, 128)).save(sink, "PNG")
    return sink.getvalue()
