"""Files go in, answers come out."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.doing import DESK, PHONE, drop, examine, examined
from tests.serve.running import Server
from unmask.conformance import SAMPLES
from unmask.report.words import INCONCLUSIVE, MANIPULATED, NO_EVIDENCE, NO_FACE

Open = Callable[..., Page]
FORGED, GENUINE, VIDEO = (SAMPLES / n for n in ("portrait_forged.jpg", "portrait.jpg", "video.mp4"))


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_all_three_together(open_page: Open, size: tuple[int, int]) -> None:
    page = open_page(size=size)
    drop(page, GENUINE, FORGED, VIDEO)
    expect(page.get_by_role("button", name="Examine 3 files")).to_be_focused()
    examine(page)
    expect(page).to_have_url(re.compile(r"#/analyses/\w+$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("3 files")
    expect(page.locator(".tally li")).to_have_text(
        [f"2 {MANIPULATED.title}", f"1 {NO_EVIDENCE.title}"]
    )
    rows = page.locator(".verdicts tbody tr")
    expect(rows.locator("th")).to_have_text(
        [MANIPULATED.title, MANIPULATED.title, NO_EVIDENCE.title]
    )
    expect(rows.locator(".name")).to_have_text([FORGED.name, VIDEO.name, GENUINE.name])
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(
    ("file", "verdict", "figure"),
    [
        (FORGED, MANIPULATED.title, r"^>99% probability of manipulation, 95% interval"),
        (GENUINE, NO_EVIDENCE.title, r"\d% probability of manipulation, 95% interval"),
        (VIDEO, MANIPULATED.title, r"^>99% probability of manipulation"),
    ],
)
def test_one_by_one(open_page: Open, file: Path, verdict: str, figure: str) -> None:
    page = open_page()
    drop(page, file)
    examine(page)
    expect(page.get_by_role("heading", level=1)).to_have_text(file.name)
    expect(page.get_by_role("heading", level=2).first).to_have_text(verdict)
    expect(page.locator(".certainty")).to_contain_text(re.compile(figure))
    expect(
        page.get_by_role("img", name=re.compile("^Probability .* threshold 88%")).first
    ).to_be_visible()
    expect(page).to_have_title(f"{file.name} – Unmask")


def test_files_are_chosen_and_taken_back(open_page: Open) -> None:
    page = open_page()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose files").click()
    chooser.value.set_files([FORGED, GENUINE])
    page.get_by_role("button", name=f"Remove {FORGED.name}").click()
    expect(page.locator(".chosen .name")).to_have_text([GENUINE.name])
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".tray")).to_be_hidden()
    expect(page.get_by_role("button", name="Choose files")).to_be_visible()


def test_a_hostile_name_is_only_text(open_page: Open) -> None:
    name = "<img src=x onerror=alert(1)>\u202egpj.jpg"
    page = open_page()
    drop(page, (name, FORGED.read_bytes() + b"another"))
    expect(page.locator(".chosen .name")).to_contain_text("<img src=x onerror=alert(1)>")
    expect(page.locator(".chosen .code")).to_have_text("U+202E")
    examine(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("<img src=x onerror=alert(1)>")
    assert page.locator("main img[src=x]").count() == 0


def test_a_file_without_a_face_and_one_that_is_none(open_page: Open) -> None:
    page = open_page()
    drop(page, SAMPLES / "landscape.jpg", ("notes.jpg", b"no photo at all"), GENUINE)
    examine(page)
    rows = page.locator(".verdicts tbody tr")
    expect(rows.locator("th")).to_have_text(
        [NO_EVIDENCE.title, NO_FACE.title, "Could not be examined"]
    )
    page.get_by_role("button", name="notes.jpg").click()
    failed = page.locator(".finding.failed")
    expect(failed.locator(".words")).to_contain_text("Not a photo or video of a known format.")
    expect(failed.locator(".words code")).to_have_text("unsupported_format")
    page.get_by_role("button", name="landscape.jpg").click()
    expect(page.locator(".finding.noface .words")).to_contain_text(
        "nothing is known about this file"
    )
    expect(page.locator(".finding.noface .stage img")).to_be_visible()


def test_an_abstention_gives_its_reasons_and_no_number(
    open_page: Open, server: Server, tiny_face: bytes
) -> None:
    made = examined(server, ("tiny.png", tiny_face))
    page = open_page(f"#/analyses/{made['id']}")
    expect(page.get_by_role("heading", level=2).first).to_have_text(INCONCLUSIVE.title)
    expect(page.get_by_role("heading", name="Reasons to doubt this answer")).to_be_visible()
    expect(page.locator(".certainty")).to_have_count(0)
    expect(page.locator(".told").first).to_contain_text("Not judged.")


def test_options_reach_the_server(open_page: Open, server: Server) -> None:
    page = open_page()
    page.get_by_text("Options", exact=True).click()
    page.get_by_label("False alarms").select_option("fpr=0.01")
    page.get_by_label("Promised error").select_option("0.2")
    page.get_by_label("Frames of a video").select_option("100")
    page.get_by_label("Pictures in the report").select_option("no")
    expect(page.get_by_text("Gives a heat map of what was blended in.")).to_be_visible()
    page.get_by_role("checkbox", name=re.compile("^Synthetic-trace")).uncheck()
    drop(page, GENUINE)
    examine(page)
    asked = server.state(page.url.rpartition("/")[2])["options"]
    assert asked["at"] == "fpr=0.01"
    assert asked["promise"] == pytest.approx(0.2)
    assert asked["frames"] == 100
    assert asked["detectors"] == ["face-forgery"]
    assert asked["pictures"] is False
    expect(page.locator(".finding img")).to_have_count(0)
    page.get_by_text("How this was made").click()
    expect(page.get_by_text("fpr=0.01 promise=0.2, threshold")).to_be_visible()


def test_a_photo_is_taken_reviewed_and_sent(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("button", name="Take a photo").click()
    dialog = page.get_by_role("dialog", name="Take a photo")
    dialog.get_by_role("button", name="Take the photo").click()
    expect(dialog.get_by_role("img", name="The photo just taken")).to_be_visible()
    dialog.get_by_role("button", name="Take another").click()
    dialog.get_by_role("button", name="Take the photo").click()
    dialog.get_by_role("button", name="Use this photo").click()
    expect(page.locator(".chosen .name")).to_have_text(re.compile(r"^camera-[\d-]+\.jpg$"))
    examine(page)
    expect(page.get_by_role("heading", level=2).first).to_have_text(NO_FACE.title)
