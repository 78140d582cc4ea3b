"""What a person does on the page, and what they see."""

from __future__ import annotations

import base64
import io
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.serve.running import Server
from unmask.serve import client

DESK, PHONE = (1440, 900), (390, 844)
DROPPED = """(files) => {
    const transfer = new DataTransfer();
    for (const [name, type, body] of files) {
        const bytes = Uint8Array.from(atob(body), (char) => char.charCodeAt(0));
        transfer.items.add(new File([bytes], name, { type }));
    }
    return transfer;
}"""
TYPES = {".jpg": "image/jpeg", ".mp4": "video/mp4", ".webm": "video/webm"}


def examined(server: Server, *files: Path | tuple[str, bytes]) -> dict[str, Any]:
    """A finished analysis of these files, made without the page."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for file in files:
            name, body = (file.name, file.read_bytes()) if isinstance(file, Path) else file
            paths.append(Path(folder, name))
            paths[-1].write_bytes(body)
        found = client.analyse(paths, server.url, server.token)
    assert found["state"] == "done"
    return found


def drop(page: Page, *files: Path | tuple[str, bytes]) -> None:
    """Let files fall on the page, as from a desktop."""
    named = [(f.name, f.read_bytes()) if isinstance(f, Path) else f for f in files]
    told = [[n, TYPES.get(Path(n).suffix, ""), base64.b64encode(b).decode()] for n, b in named]
    transfer = page.evaluate_handle(DROPPED, told)
    page.dispatch_event(".zone", "dragover", {"dataTransfer": transfer})
    page.dispatch_event(".zone", "drop", {"dataTransfer": transfer})


def examine(page: Page) -> None:
    """Send what was chosen, and wait for the report."""
    page.get_by_role("button", name=re.compile(r"^Examine \d")).click()
    expect(page.locator(".report")).to_be_visible(timeout=30_000)


def shown(place: Locator) -> np.ndarray[Any, np.dtype[np.float32]]:
    """What can be seen there: shape (height, width, 3), once its pictures are loaded."""
    for image in place.locator("img").all():
        expect(image).to_have_js_property("complete", True)
        expect(image).not_to_have_js_property("naturalWidth", 0)
    picture = Image.open(io.BytesIO(place.screenshot()))
    return np.asarray(picture.convert("RGB"), np.float32)


def change(before: Any, after: Any) -> float:
    """Mean difference of two views of the same size, in levels of 255."""
    assert before.shape == after.shape
    return float(np.abs(before - after).mean())
