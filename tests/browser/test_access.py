"""What axe-core finds in each state of the page: nothing, in light and in dark, wide and narrow."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.doing import DESK, PHONE, drop, examined
from tests.serve.running import Server, real
from unmask.conformance import SAMPLES

Open = Callable[..., Page]
Reach = Callable[[Page], None]
NAMES = ("portrait_forged.jpg", "video.mp4", "landscape.jpg")
TOKEN = "a-token-of-enough-characters"


def flaws(page: Page) -> list[str]:
    """What is wrong with what is shown now, in both colour schemes."""
    found = []
    # In the dark only what colours can change, and a phone has the colours of a desk.
    schemes = {"light": {}, "dark": {"runOnly": ["color-contrast"]}}
    if page.viewport_size == {"width": PHONE[0], "height": PHONE[1]}:
        del schemes["dark"]
    for scheme, options in schemes.items():
        page.emulate_media(color_scheme=scheme)
        for one in Axe().run(page, options=options).response["violations"]:
            found += [f"{scheme} {one['impact']} {one['id']}: {n['html']}" for n in one["nodes"]]
    return found


@pytest.fixture(scope="module")
def several(server: Server, tiny_face: bytes) -> str:
    """One input of each kind."""
    files = [SAMPLES / name for name in NAMES]
    made = examined(server, *files, ("tiny.png", tiny_face), ("broken.jpg", b"no photo"))
    return f"#/analyses/{made['id']}"


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_start_page(open_page: Open, size: tuple[int, int]) -> None:
    page = open_page(size=size)
    expect(page.locator(".latest .foot > *, .latest li").first).to_be_visible()
    assert flaws(page) == []
    page.get_by_text("Options", exact=True).click()
    page.get_by_text("Limits of face-forgery").click()
    drop(page, *(SAMPLES / name for name in NAMES))
    assert flaws(page) == []


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_report(open_page: Open, several: str, size: tuple[int, int]) -> None:
    page = open_page(several, size=size)
    expect(page.locator(".moment .stack img").first).to_be_visible()
    for fold in page.locator("details:not([open]):visible").all()[::-1]:
        fold.locator("summary").first.click()
    expect(page.locator(".every table tbody tr").first).to_be_visible()
    assert flaws(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_report_of_one_file(open_page: Open, server: Server) -> None:
    page = open_page(f"#/analyses/{examined(server, SAMPLES / 'portrait.jpg')['id']}")
    expect(page.get_by_text("Strongest in the upper part.")).to_be_visible()
    assert flaws(page) == []


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_earlier_analyses_and_the_question(
    open_page: Open, several: str, size: tuple[int, int]
) -> None:
    page = open_page("#/history", size=size)
    expect(page.locator(".roll li").first).to_be_visible()
    assert flaws(page) == []
    page.get_by_role("button", name=re.compile("^Delete the analysis of")).first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert flaws(page) == []


def test_the_camera(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("button", name="Take a photo").click()
    take = page.get_by_role("button", name="Take the photo")
    expect(take).to_be_focused()
    assert flaws(page) == []
    take.click()
    expect(page.get_by_role("img", name="The photo just taken")).to_be_visible()
    assert flaws(page) == []


@pytest.fixture
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with real(tmp_path_factory.mktemp("guarded"), "--token", TOKEN) as made:
        yield made


def test_troubles(open_page: Open, server: Server, guarded: Server) -> None:
    page = open_page("#/analyses/" + "0" * 32, expected=("404",))
    expect(page.get_by_text("There is no such analysis.")).to_be_visible()
    assert flaws(page) == []
    asking = open_page(at=guarded, expected=("401",))
    expect(asking.get_by_role("dialog")).to_be_visible()
    assert flaws(asking) == []
    away = open_page("#/history", expected=("ERR_FAILED",))
    expect(away.locator(".roll li, .empty").first).to_be_visible()
    away.route("**/v1/**", lambda route: route.abort())
    away.route("**/healthz", lambda route: route.abort())
    away.get_by_role("searchbox").fill("x")
    expect(away.locator(".trouble")).to_be_visible()
    expect(away.locator("#offline")).to_be_visible()
    assert flaws(away) == []


def test_the_keyboard_alone(open_page: Open, several: str) -> None:
    page = open_page(several)
    expect(page.locator(".report")).to_be_visible()
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name=re.compile("^Save as HTML"))).to_be_focused()
    small = page.evaluate(
        """() => [...document.querySelectorAll("button, summary, input, select, nav a")]
            .filter((one) => one.checkVisibility())
            .map((one) => [one.getBoundingClientRect(), one.closest("label") ?? one])
            .map(([, one]) => [one.getBoundingClientRect(), one.outerHTML.slice(0, 80)])
            .filter(([box]) => box.width < 24 || box.height < 24)
            .map(([, told]) => told)"""
    )
    assert small == []
