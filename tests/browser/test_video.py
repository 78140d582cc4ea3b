"""The time line of a video, and the video itself where the browser still has it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.doing import DESK, PHONE, change, drop, examine, examined, shown
from tests.serve.running import Server
from unmask.conformance import SAMPLES

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def video(server: Server) -> str:
    return f"#/analyses/{examined(server, SAMPLES / 'video.mp4')['id']}"


def test_scrubbing_by_keyboard(open_page: Open, video: str) -> None:
    page = open_page(video)
    line = page.get_by_role("slider", name="Moment of the video")
    title = page.locator(".moment h4")
    expect(title).to_have_text("Person 1 at 0:06.1")
    expect(
        page.get_by_role("img", name=re.compile("^Probability over time: person 1 peaks at"))
    ).to_be_visible()
    line.press("Home")
    expect(title).to_contain_text("Person 1 at 0:00.1")
    expect(title).to_contain_text("picture kept from 0:06.1")
    expect(line).to_have_attribute("aria-valuetext", re.compile(r"^0:00\.1: person 1 1\d%$"))
    expect(page.locator(".moment .scores b").first).to_have_class("under")
    line.press("ArrowRight")
    expect(title).to_contain_text("Person 1 at 0:00.4")
    line.press("End")
    expect(title).to_contain_text("Person 1 at 0:09.8")
    expect(line).to_have_attribute("aria-valuetext", re.compile(r"^0:09\.8: .*over the threshold$"))
    expect(page.locator(".moment .scores b").first).to_have_class("over")
    page.get_by_role("button", name="Examined moment before").click()
    expect(title).to_contain_text("Person 1 at 0:09.5")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_scrubbing_by_mouse(open_page: Open, video: str, size: tuple[int, int]) -> None:
    page = open_page(video, size=size)
    plot = page.locator(".plot")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box
    low = box["y"] + 0.7 * box["height"]
    page.mouse.move(box["x"] + 0.25 * box["width"], low)
    page.mouse.down()
    expect(page.locator(".steps .now")).to_have_text("0:02.5 of 0:10.0")
    cursor = page.locator(".cursor").bounding_box()
    assert cursor
    assert cursor["x"] + 1 == pytest.approx(box["x"] + 0.25 * box["width"], abs=2)
    page.mouse.move(box["x"] + 0.75 * box["width"], low, steps=4)
    page.mouse.up()
    expect(page.locator(".steps .now")).to_have_text("0:07.5 of 0:10.0")
    expect(page.locator(".moment h4")).to_contain_text(re.compile(r"at 0:07\.[3-7]"))


def test_the_forged_stretch_and_the_peaks_lead_to_their_moments(
    open_page: Open, video: str
) -> None:
    page = open_page(video)
    output = page.locator(".steps .now")
    expect(page.locator(".stretches")).to_have_text(
        re.compile(r"^Over the threshold from 0:05\.0 to 0:10\.0: person 1, up to >99%$")
    )
    expect(page.locator(".shade")).to_have_count(2)  # the stretch, and its key
    page.locator(".stretches button").click()
    expect(output).to_have_text(re.compile(r"^0:05\.\d of"))
    page.get_by_role("button", name="Moment A, 0:06.1, >99%").click()
    expect(output).to_have_text("0:06.1 of 0:10.0")
    page.get_by_role("list", name="Pictures kept").get_by_role("button").last.click()
    expect(output).to_have_text("0:09.5 of 0:10.0")
    page.get_by_text("32 moments in numbers").click()
    expect(page.locator(".every tbody tr")).to_have_count(32)


def test_the_file_itself_follows_the_time_line(open_page: Open, webm: Path) -> None:
    page = open_page()
    drop(page, webm)
    examine(page)
    film = page.locator("video")
    line = page.get_by_role("slider", name="Moment of the video")
    expect(film).to_have_js_property("readyState", 4)
    line.press("Home")
    expect(film).to_have_js_property("seeking", False)
    assert film.evaluate("film => film.currentTime") < 0.5
    expect(page.locator(".face-box")).not_to_have_class(re.compile("over"))
    page.get_by_role("checkbox", name="Boxes").uncheck()
    early = shown(page.locator(".screen"))
    line.press("End")
    expect(film).to_have_js_property("seeking", False)
    assert film.evaluate("film => film.currentTime") > 9
    assert change(early, shown(page.locator(".screen"))) > 1
    page.get_by_role("checkbox", name="Boxes").check()
    for _ in range(3):  # the last frames are the faintest
        line.press("ArrowLeft")
    expect(page.locator(".face-box.over")).to_have_text("1")
    line.press("Home")
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(page.locator(".steps .now")).not_to_have_text("0:00.1 of 0:10.0")
    page.get_by_role("button", name="Pause").click()
    expect(film).to_have_js_property("paused", True)
    page.reload()
    expect(page.locator(".stage img")).to_be_visible()
    expect(film).to_have_count(0)


def test_a_file_that_the_browser_cannot_play(open_page: Open) -> None:
    page = open_page()
    drop(page, SAMPLES / "video.mp4")
    examine(page)
    expect(page.get_by_text("This browser cannot play the file itself.")).to_be_visible()
    expect(page.get_by_role("img", name="The video, reduced; 1 face marked.")).to_be_visible()
