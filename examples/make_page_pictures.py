"""Photograph the web page for the documents: the samples' reports, at a desk's and a phone's width.

Needs the server's and the developers' extras, and Debian's Chromium:

    python examples/make_page_pictures.py [--out docs/images]
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

import unmask

SAMPLES = Path(unmask.__file__).parent / "samples"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    out = parser.parse_args().out
    with served() as url, sync_playwright() as playwright:
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        desk(report(browser, url, "video.mp4", 1440), out / "serve-report.png")
        phone(report(browser, url, "portrait_forged.jpg", 390), out / "serve-phone.png")
        browser.close()


@contextmanager
def served() -> Iterator[str]:
    """The address of a server that keeps nothing."""
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "unmask", "serve", "--port", "0", "--data", data]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)  # noqa: S603
        try:
            told = iter(process.stderr.readline if process.stderr else str, "")
            yield next(m[0] for line in told if (m := re.search(r"http://[\d.]+:\d+/", line)))
        finally:
            process.terminate()
            process.communicate()


def report(browser: Browser, url: str, name: str, width: int) -> Page:
    """The page with the finished report about a sample."""
    size = {"width": width, "height": 900}
    page = browser.new_page(viewport=size, reduced_motion="reduce")
    page.goto(url)
    page.locator("input[type=file]").set_input_files(SAMPLES / name)
    page.get_by_role("button", name="Examine 1 file").click()
    expect(page.locator(".report")).to_be_visible(timeout=60_000)
    # Without the original, as everybody sees it who opens the report later.
    page.reload()
    for image in page.locator("main img").all():
        expect(image).not_to_have_js_property("naturalWidth", 0)
    expect(page.locator(".where").first).not_to_be_empty()
    return page


def desk(page: Page, path: Path) -> None:
    """A video, from its verdict to the scores of its strongest moment."""
    page.get_by_role("slider", name="Heat maps on the picture").press("End")
    save(page, path, ".moment")


def phone(page: Page, path: Path) -> None:
    """A photo, from its verdict to the heat map, drawn back by a third."""
    slider = page.get_by_role("slider", name="Heat map of Face 1")
    for _ in range(6):
        slider.press("ArrowLeft")
    save(page, path, ".heated")


def save(page: Page, path: Path, last: str) -> None:
    """The page from its top to the end of an element."""
    page.evaluate("document.activeElement.blur(), scrollTo(0, 0)")
    end = page.locator(last).first.bounding_box()
    assert end
    size = page.viewport_size | {"height": round(end["y"] + end["height"]) + 16}
    page.set_viewport_size(size)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Steps of four levels cannot be seen and take a third off the file.
    picture.point(lambda level: min((level + 2) // 4 * 4, 255)).save(path, optimize=True)
    sys.stderr.write(f"{path}: {picture.width} x {picture.height}, {path.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
