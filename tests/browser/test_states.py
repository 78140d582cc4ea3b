"""What the page says when something is in the way."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.browser.doing import drop, examine, examined
from tests.serve.running import Server, real
from unmask.conformance import SAMPLES

Open = Callable[..., Page]
GENUINE = SAMPLES / "portrait.jpg"
TOKEN = "a-token-of-enough-characters"


def test_the_token_is_asked_for_until_it_is_right(open_page: Open, tmp_path: Path) -> None:
    with real(tmp_path, "--max-bytes", "90000", "--token", TOKEN) as guarded:
        page = open_page(at=guarded, expected=("401", "413"))
        prompt = page.get_by_role("dialog", name="This server asks for its token")
        page.get_by_role("textbox", name="Token").fill("some other token")
        page.keyboard.press("Enter")
        expect(prompt).to_contain_text("The token was not accepted.")
        page.keyboard.press("Escape")
        page.get_by_role("textbox", name="Token").fill(TOKEN)
        prompt.get_by_role("button", name="Go on").click()
        expect(page.locator(".empty")).to_be_visible()
        drop(page, GENUINE)
        examine(page)
        expect(page.locator(".stage img")).to_have_js_property("complete", True)
        page.reload()
        expect(page.locator(".report")).to_be_visible()
        page.get_by_role("link", name="Examine", exact=True).click()
        drop(page, ("big.jpg", bytes(100_000)))
        page.get_by_role("button", name="Examine 1 file").click()
        expect(page.get_by_role("alert").filter(has_text="too_many_bytes")).to_be_visible()
        expect(page.locator(".chosen .name")).to_have_text(["big.jpg"])


def test_a_token_in_the_address_is_taken_and_hidden(open_page: Open, tmp_path: Path) -> None:
    with real(tmp_path, "--token", TOKEN) as guarded:
        page = open_page(f"#token={TOKEN}", at=guarded)
        expect(page.locator(".empty")).to_be_visible()
        assert TOKEN not in page.url
        page.goto(f"{guarded.url}/#/history")
        page.goto(f"{guarded.url}/#token={TOKEN}")
        expect(page).to_have_url(f"{guarded.url}/#/")


def test_a_server_that_went_away_and_came_back(open_page: Open, tmp_path: Path) -> None:
    with real(tmp_path) as first:
        page = open_page("#/history", at=first, expected=("ERR_CONNECTION",))
        expect(page.locator(".empty")).to_be_visible()
        port = str(first.port)
    page.get_by_role("searchbox").fill("anything")
    expect(
        page.get_by_role("alert").filter(has_text="The server does not answer. Is it")
    ).to_be_visible()
    expect(page.locator(".trouble")).to_contain_text("offline")
    with real(tmp_path, "--port", port):
        expect(page.locator("#offline")).to_be_hidden()
        expect(page.locator(".trouble")).to_have_count(0)
        expect(page.locator(".empty")).to_be_visible()


def _refused(status: int, code: str, detail: str, **headers: str) -> Callable[[Route], None]:
    told = {"type": "about:blank", "title": code, "status": status, "detail": detail, "code": code}
    headers["Content-Type"] = "application/problem+json"
    return lambda route: route.fulfill(status=status, body=json.dumps(told), headers=headers)


def test_a_full_queue_says_when_to_come_back(open_page: Open) -> None:
    page = open_page(expected=("429",))
    refuse = _refused(429, "queue_full", "Too much waits already.", **{"Retry-After": "30"})
    page.route("**/v1/analyses", refuse)
    drop(page, GENUINE)
    page.get_by_role("button", name="Examine 1 file").click()
    trouble = page.locator(".trouble")
    expect(trouble).to_contain_text("Too much waits already.")
    expect(trouble).to_contain_text("queue_full")
    expect(trouble).to_contain_text("in about 30 seconds")
    expect(page.get_by_role("button", name="Examine 1 file")).to_be_focused()
    page.unroute("**/v1/analyses")
    examine(page)


def test_sending_can_be_stopped(open_page: Open) -> None:
    page = open_page()
    page.route("**/v1/analyses", lambda route: None)
    drop(page, GENUINE)
    page.get_by_role("button", name="Examine 1 file").click()
    expect(page.get_by_role("progressbar", name="Sending 1 file")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Examine 1 file")).to_be_focused()
    expect(page.locator(".trouble")).to_have_count(0)


def test_progress_is_shown_and_asked_for_when_the_stream_breaks(
    open_page: Open, server: Server
) -> None:
    made = examined(server, GENUINE)
    page = open_page(expected=("ERR_FAILED",))
    stages = iter([("queued", 0.0), ("running", 0.4), ("running", 0.8)])

    def halfway(route: Route) -> None:
        state, done = next(stages, ("done", 1.0))
        changes: dict[str, Any] = {"state": state}
        changes["progress"] = {"done": done, "file": 0, "files": 1}
        if state != "done":
            changes |= {"report": None, "pictures": None, "finished": None}
        route.fulfill(json=made | changes)

    page.route("**/events", lambda route: route.abort())
    page.route(f"**/v1/analyses/{made['id']}", halfway)
    page.goto(f"{server.url}/#/analyses/{made['id']}")
    expect(page.locator(".progress")).to_contain_text("Waiting for its turn")
    expect(page.get_by_role("progressbar")).to_have_js_property("value", 0.4)
    expect(page.locator(".progress li")).to_have_text("portrait.jpgbeing examined")
    expect(page.locator(".report")).to_be_visible()
    expect(page.locator("#said")).to_have_text(re.compile("^Done. portrait.jpg: No evidence"))


def test_a_failed_analysis_tells_its_code(open_page: Open, server: Server) -> None:
    made = examined(server, GENUINE)
    error = {"status": 500, "code": "worker_lost", "detail": "Two workers died over it."}
    failed = made | {"state": "failed", "report": None, "pictures": None, "error": error}
    page = open_page()
    page.route(f"**/v1/analyses/{made['id']}", lambda route: route.fulfill(json=failed))
    page.goto(f"{server.url}/#/analyses/{made['id']}")
    expect(page.get_by_role("alert").filter(has_text="worker_lost")).to_contain_text(
        "Two workers died"
    )
    expect(page.get_by_role("button", name="Delete")).to_be_visible()
