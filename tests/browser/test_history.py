"""Earlier analyses: found, opened, deleted."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.doing import DESK, PHONE, examined
from tests.serve.running import Server, real
from unmask.conformance import SAMPLES

Open = Callable[..., Page]
MANY = 23


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with more analyses than one page of the list."""
    with real(tmp_path_factory.mktemp("full")) as made:
        for number in range(MANY):
            sink = io.BytesIO()
            Image.new("RGB", (64, 64), (number, 0, 0)).save(sink, "PNG")
            examined(made, (f"plain-{number:02d}.png", sink.getvalue()))
        examined(made, SAMPLES / "portrait_forged.jpg")
        yield made


def test_searching(open_page: Open, full: Server) -> None:
    page = open_page("#/history", at=full)
    rows = page.locator(".roll li")
    expect(rows.first).to_contain_text("portrait_forged.jpg")
    field = page.get_by_role("searchbox", name="Search file names and verdicts")
    field.fill("plain-07")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("No face found")
    field.fill("likely manipulated")
    expect(rows.locator("a")).to_have_text(["portrait_forged.jpg"])
    expect(rows).to_contain_text(">99%")
    field.fill("nothing like it")
    expect(page.locator(".empty")).to_be_visible()
    field.fill("portrait")
    rows.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("portrait_forged.jpg")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Earlier analyses")


def test_paging(open_page: Open, full: Server) -> None:
    page = open_page("#/history", at=full)
    rows = page.locator(".roll li")
    expect(rows).to_have_count(20)
    page.get_by_role("button", name="Show older ones").click()
    expect(rows).to_have_count(MANY + 1)
    expect(rows.nth(20).get_by_role("link")).to_be_focused()
    expect(page.get_by_role("button", name="Show older ones")).to_have_count(0)
    assert len(set(rows.locator("a").all_inner_texts())) == MANY + 1
    page.get_by_role("link", name="Examine", exact=True).click()
    expect(rows).to_have_count(5)
    page.get_by_role("link", name="All earlier analyses").click()
    expect(rows).to_have_count(20)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_deleting(open_page: Open, server: Server, size: tuple[int, int]) -> None:
    name = f"away-{size[0]}.jpg"
    body = (SAMPLES / "portrait.jpg").read_bytes() + name.encode()
    made = examined(server, (name, body))
    page = open_page("#/history", size=size, expected=("404",))
    button = page.get_by_role("button", name=f"Delete the analysis of {name}")
    button.click()
    question = page.get_by_role("dialog", name="Delete this analysis?")
    expect(question).to_contain_text(name)
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    button.click()
    question.get_by_role("button", name="Delete").click()
    expect(button).to_have_count(0)
    expect(page.locator("#said")).to_have_text("The analysis was deleted.")
    expect(page.locator(".past :focus")).to_have_count(1)
    page.goto(f"{server.url}/#/analyses/{made['id']}")
    expect(page.get_by_text("There is no such analysis.")).to_be_visible()
    assert [p for p in server.data.rglob("*") if made["id"] in p.name] == []


def test_deleting_what_is_open(open_page: Open, server: Server) -> None:
    made = examined(server, ("open.jpg", (SAMPLES / "portrait.jpg").read_bytes() + b"open"))
    page = open_page(f"#/analyses/{made['id']}")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page).to_have_url(re.compile("#/history$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Earlier analyses")
    expect(page.get_by_role("link", name="open.jpg")).to_have_count(0)
