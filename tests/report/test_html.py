from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from itertools import pairwise

import pytest

from unmask.report import html as page
from unmask.report import render
from unmask.types import Report

VOID = {"meta", "img", "br", "input"}
ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "section", "article"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "a", "b", "em", "i", "br", "small", "code", "mark"),
    *("bdi", "span", "time", "div", "ul", "ol", "li", "dl", "dt", "dd", "figure", "figcaption"),
    *("table", "thead", "tbody", "tr", "th", "td", "details", "summary", "img", "input", "label"),
    *("svg", "symbol", "use", "path", "rect", "circle", "g"),
}


class Page(HTMLParser):
    """Reads a page and fails where its tags do not close one another."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.texts, self.open = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        assert len(attrs) == len(dict(attrs)), f"an attribute stands twice in {tag}"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def read(report):
    return Page(render(report, ".html"))


@pytest.fixture(params=["ordinary", "hostile"])
def any_page(request, make, hostile):
    return read(make() if request.param == "ordinary" else hostile)


def test_only_known_tags_and_no_handlers(any_page):
    assert {tag for tag, _ in any_page.tags} <= ALLOWED
    for _, attrs in any_page.tags:
        assert not [name for name in attrs if name.startswith("on")]


def test_nothing_comes_from_outside(any_page):
    for _, attrs in any_page.tags:
        for name in ("src", "href", "srcset", "action", "data", "poster", "background"):
            if name in attrs:
                assert attrs[name].startswith(("data:image/webp;base64,", "#")), attrs[name]
        assert "url(" not in (attrs.get("style") or "")
    css = resources.files("unmask.report").joinpath("page", "page.css").read_text("utf-8")
    assert not re.search(r"url\(|@import|https?:", css)


def test_policy_forbids_scripts_and_connections(make):
    policy = next(a["content"] for a in read(make()).all("meta") if "http-equiv" in a)
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")
    assert "script" not in policy


def test_hostile_text_is_shown_as_text(hostile):
    raw = render(hostile, ".html")
    assert "<script" not in raw
    assert "<img src=x" not in raw
    assert "\u202e" not in raw
    assert "\x00" not in raw
    found = read(hostile)
    assert '"><script>alert(1)</script>' in found.text
    assert "U+202E" in found.texts
    assert "\\xFF" in found.texts


def test_links_lead_to_one_place_each(any_page):
    places = [attrs["id"] for _, attrs in any_page.tags if "id" in attrs]
    assert len(places) == len(set(places))
    links = [a["href"][1:] for tag in ("a", "use") for a in any_page.all(tag)]
    assert links
    assert set(links) <= set(places)
    assert {a["for"] for a in any_page.all("label")} <= set(places)


def test_every_picture_has_words(any_page):
    for attrs in any_page.all("img"):
        assert "alt" in attrs
    for attrs in any_page.all("svg"):
        assert attrs.get("aria-label") or attrs.get("aria-hidden") or attrs.get("class")


def test_headings_skip_no_level(any_page):
    levels = [int(tag[1]) for tag, _ in any_page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_verdicts_come_first_and_strongest_first(make):
    text = read(make()).text
    order = [text.index(f" {name} ") for name in ("a.jpg", "v.mp4", "calm.jpg", "landscape.png")]
    assert order == sorted(order)
    assert text.index("broken.mp4") > order[-1]
    assert text.index("Verdicts") < order[0] < text.index("Evidence")


def test_every_verdict_in_words(make):
    unsure = replace(make().findings[0], path="u.jpg", verdict="inconclusive")
    text = read(make(*make().findings, unsure)).text
    for words in (
        "2 Likely manipulated",
        "1 Inconclusive",
        "1 No evidence of manipulation found",
        "1 No face found",
        "1 Could not be examined",
    ):
        assert words in text


def test_page_tells_the_evidence(make):
    text = read(make()).text
    for words in (
        "90% probability of manipulation for the worst face, 95% interval 85% to 95%",
        "The face is too blurred.",
        "The face is blurred.",
        "raw −1.25",
        "Not judged.",
        "Over the threshold from 0:05.0 to 0:10.0 : person 1, up to 88%",
        "exif.software Paint <3 Anyone can write it.",
        "c2pa.present no",
        "The file ends too early. truncated",
        "16 moments in numbers",
        "about 5 of 100 unmanipulated faces",
        "CPUExecutionProvider, threads per model: 2",
        "2025-11-20 20:31:07 UTC",
        make().run.detectors[0].sha256,
    ):
        assert words in text, words


def test_faces_are_linked_drawn_and_heated(make):
    found = read(make(make().findings[1]))
    alts = [attrs["alt"] for attrs in found.all("img")]
    assert alts == [
        "The image, reduced; 2 faces marked.",
        "The face, cut out.",
        "",
        "Heat map, heat strongest at the lower left.",
        "The face, cut out.",
    ]
    assert len(found.all("input")) == 1


def test_moments_of_a_video(make):
    found = read(make(make().findings[3]))
    peaks = [a for a in found.all("a") if a.get("class") == "peak"]
    assert [a["href"] for a in peaks] == ["#input-1-A", "#input-1-B", "#input-1-C"]
    assert peaks[1]["style"] == "left:50.00%;bottom:90.0%"
    alts = [attrs["alt"] for attrs in found.all("img")]
    assert alts.count("The face, heat strongest at the lower left.") == 2
    assert "The face." in alts


def test_unjudged_moment_is_no_peak(make):
    video = make().findings[3]
    faces = tuple(replace(e, scores=(), probability=None, interval=None) for e in video.faces)
    found = read(make(replace(video, faces=faces)))
    assert not [a for a in found.all("a") if a.get("class") == "peak"]
    assert "Not judged." in found.text


def test_a_single_detector_is_told_once(make):
    photo = make().findings[1]
    one = replace(photo.faces[0], scores=photo.faces[0].scores[:1])
    assert "All together" not in read(make(replace(photo, faces=(one,)))).text
    assert "All together" in read(make(photo)).text


def test_video_without_a_face(make):
    empty = replace(make().findings[2], kind="video", media=make().findings[3].media)
    assert "No face found" in read(make(empty)).text


def test_crowd_shows_those_over_the_threshold_and_lists_all(make):
    photo = make().findings[1]
    strong, weak = photo.faces[0], replace(photo.faces[0], probability=0.2)
    crowd = replace(photo, faces=(weak,) * 20 + (strong,) * 6)
    found = read(make(crowd))
    assert len(found.all("article")) == 6
    assert "26 faces in numbers" in found.text
    calm = replace(photo, faces=(weak,) * 20)
    assert len(read(make(calm)).all("article")) == 4


def test_long_video_stays_small(make):
    video = make().findings[3]
    many = tuple(
        replace(video.faces[i % 2], time=i / 25, crop=None, heat=None) for i in range(25 * 600)
    )
    long = replace(video, faces=many, media=replace(video.media, duration=600.0))
    raw = render(make(long), ".html")
    assert len(raw) < 300_000
    assert "14,700 more are in the JSON and CSV reports." in raw


def test_pictures_are_small(make):
    raw = render(make(make().findings[1]), ".html")
    assert len(raw) < 60_000
    assert all(len(uri) < 8_000 for uri in re.findall(r'src="([^"]+)', raw))


def test_many_inputs_are_told_in_short(make, monkeypatch):
    monkeypatch.setattr(page, "MOST_FULL", 20)
    base = make().findings
    many = tuple(replace(base[i % 3], path=f"{i:05}.jpg") for i in range(90))
    found = read(Report(make().run, many))
    assert len([a for a in found.all("details") if "finding" in a["class"]]) == 90
    assert len([a for a in found.all("details") if "open" in a]) == page.MOST_OPENED
    assert len([a for a in found.all("img") if "reduced" in a["alt"]]) == 20
    # Two faces each in full, the strongest one of the other forty with a face.
    assert len(found.all("article")) == 2 * 20 + 40
    assert "The 20 inputs with the strongest evidence are shown in full." in found.text


def test_page_is_written_in_pieces(make):
    class Stream(list):
        write = list.append

    stream = Stream()
    page.write(make(), stream)
    assert len(stream) > len(make().findings)


def test_unknown_operating_point_promises_nothing(make):
    report = replace(make(), run=replace(make().run, operating_point="eer"))
    assert "by mistake" not in read(report).text


def test_heat_map_colours_are_in_the_page(make):
    assert "--ramp:linear-gradient(90deg,#3a1c6c," in render(make(), ".html")


def luminance(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_readable(scheme):
    css = resources.files("unmask.report").joinpath("page", "page.css").read_text("utf-8")
    blocks = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    colours = dict(re.findall(r"--([\w]+): (#\w+);", blocks[scheme == "dark"]))
    ground = luminance(colours["paper"])
    for name in ("ink", "muted", "link", "manipulated", "inconclusive", "none", "noface", "failed"):
        pair = sorted((luminance(colours[name]), ground))
        assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, name
    for name in ("t0", "t1", "t2", "t3", "t4", "t5"):
        pair = sorted((luminance(colours[name]), ground))
        assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 3, name
