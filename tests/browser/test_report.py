"""The report of a photo: pictures, sliders, exports."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.doing import DESK, PHONE, change, examined, shown
from tests.serve.running import Server
from unmask.conformance import SAMPLES

Open = Callable[..., Page]
SEEN = 5.0
"""Levels by which a picture must change for a person to see it."""


@pytest.fixture(scope="module")
def forged(server: Server) -> str:
    return f"#/analyses/{examined(server, SAMPLES / 'portrait_forged.jpg')['id']}"


def test_the_heat_map_s_slider_by_keyboard(open_page: Open, forged: str) -> None:
    page = open_page(forged)
    slider = page.get_by_role("slider", name="Heat map of Face 1")
    expect(page.get_by_text("Strongest in the")).to_be_visible()
    stack = page.locator(".face .stack")
    full = shown(stack)
    slider.focus()
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "0%")
    bare = shown(stack)
    assert change(full, bare) > SEEN
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "20%")
    assert 0 < change(bare, shown(stack)) < change(bare, full)
    page.keyboard.press("End")
    assert change(full, shown(stack)) == 0


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_heat_map_s_slider_by_mouse(
    open_page: Open, forged: str, size: tuple[int, int]
) -> None:
    page = open_page(forged, size=size)
    slider = page.get_by_role("slider", name="Heat map of Face 1")
    stack = page.locator(".face .stack")
    expect(page.get_by_text("Strongest in the")).to_be_visible()
    full = shown(stack)
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] - 8, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, middle, steps=3)
    expect(slider).to_have_attribute("aria-valuetext", "50%")
    half = shown(stack)
    page.mouse.move(box["x"] + 1, middle, steps=3)
    page.mouse.up()
    expect(slider).to_have_attribute("aria-valuetext", "0%")
    assert SEEN < change(full, half) < change(full, shown(stack))


def test_heat_lies_where_the_face_is(open_page: Open, forged: str, server: Server) -> None:
    page = open_page(forged)
    screen = page.locator(".stage .screen")
    bare = shown(screen)
    page.get_by_role("slider", name="Heat maps on the picture").press("End")
    expect(page.locator(".layer g")).to_have_attribute("opacity", "1")
    differs = abs(shown(screen) - bare).mean(axis=2)
    box = server.state(forged.rpartition("/")[2])["report"]["findings"][0]["faces"][0]["box"]
    scale = differs.shape[1] / 512
    x0, y0, x1, y1 = (round(edge * scale) for edge in box)
    inside = differs[y0:y1, x0:x1].mean()
    assert inside > SEEN
    assert differs.sum() < 3 * inside * (y1 - y0) * (x1 - x0)


def test_boxes_are_numbered_and_can_be_hidden(open_page: Open, server: Server) -> None:
    page = open_page(f"#/analyses/{examined(server, SAMPLES / 'crowd.jpg')['id']}")
    boxes = page.locator(".face-box")
    expect(boxes).to_have_text([str(i) for i in range(1, 13)])
    expect(page.get_by_role("heading", level=4)).to_have_count(3)
    page.get_by_role("button", name="Show the 9 other faces").click()
    expect(page.get_by_role("heading", level=4)).to_have_count(12)
    expect(page.get_by_role("heading", level=4).nth(3)).to_be_focused()
    page.get_by_role("checkbox", name="Boxes").uncheck()
    expect(boxes.first).to_be_hidden()
    page.get_by_text("12 faces in numbers").click()
    expect(
        page.get_by_role("group", name="All faces in numbers").locator("tbody tr")
    ).to_have_count(12)


def test_scores_doubts_and_facts_are_told(open_page: Open, server: Server) -> None:
    page = open_page(f"#/analyses/{examined(server, SAMPLES / 'crowd.jpg')['id']}")
    answer = page.locator(".words .doubts")
    expect(answer).to_contain_text("Not every detector could judge the face.")
    scores = page.locator(".scores").first
    expect(scores.get_by_role("rowheader")).to_have_text(re.compile("^face-forgery.*raw [+−]"))
    expect(scores).to_contain_text("not reached")
    expect(page.locator(".face .doubts").first).to_contain_text("pixels")
    facts = page.locator(".facts")
    expect(facts.get_by_role("rowheader").first).to_have_text("jpeg.quality")
    page.get_by_text("How to read this").click()
    expect(page.locator(".priors tbody tr").nth(2)).to_have_text(re.compile("1 in 100.*50%"))


def test_exports_are_what_the_command_writes(
    open_page: Open, forged: str, server: Server, tmp_path: Path
) -> None:
    page = open_page(forged)
    saved = {}
    for kind in ("html", "json", "csv"):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Save as {kind.upper()}").click()
        assert download.value.suggested_filename == f"unmask-{forged[-32:][:8]}.{kind}"
        download.value.save_as(tmp_path / kind)
        saved[kind] = (tmp_path / kind).read_text("utf-8")
    assert json.loads(saved["json"])["schema"] == "unmask.report/1"
    assert "Report on face manipulation" in saved["html"]
    assert "likely_manipulated" in saved["csv"]
    expect(page.locator("#said")).to_have_text("The report was saved as CSV.")


def test_a_reload_shows_the_same(open_page: Open, forged: str) -> None:
    page = open_page(forged)
    answer = page.locator(".words")
    expect(answer).to_contain_text("Likely manipulated")
    before = answer.inner_text()
    page.reload()
    expect(answer).to_have_text(re.compile("Likely manipulated"))
    assert answer.inner_text() == before
