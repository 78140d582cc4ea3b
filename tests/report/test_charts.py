from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from unmask.report.charts import Peak, gauge, timeline


def tracks(text):
    """The lines of each person: lists of subpaths, each a list of x, y."""
    paths = re.findall(r'<g class="track t\d">.*?</g>', text)
    lines = [re.findall(r'<path d="([^"]*)"', path)[0] for path in paths]
    return [
        [[tuple(map(float, p.split())) for p in part.split("L")] for part in line.split("M")[1:]]
        for line in lines
    ]


def test_gauge_draws_what_it_says():
    text = gauge(0.93, (0.88, 0.96), 0.62)
    root = ElementTree.fromstring(text)
    assert root.get("aria-label") == "Probability 93%, 95% interval 88% to 96%, threshold 62%"
    assert root.get("class") == "gauge over"
    band = next(part for part in root if part.get("class") == "band")
    assert float(band.get("x")) == 88
    assert float(band.get("width")) == pytest.approx(8)
    assert [p.get("d") for p in root if p.tag == "path"] == ["M62.0 0V20", "M93.0 10h.001"]


def test_gauge_at_the_threshold_is_over():
    assert 'class="gauge over"' in gauge(0.62, None, 0.62)
    assert 'class="gauge under"' in gauge(0.6199, None, 0.62)


@pytest.mark.parametrize("value", [None, float("nan")])
def test_gauge_of_nothing(value):
    assert gauge(value, None, 0.5) == ""


def test_gauge_without_an_interval_draws_no_band():
    assert "band" not in gauge(0.5, None, 0.5)
    assert "band" not in gauge(0.5, (0.1, float("nan")), 0.5)


def test_gauge_stays_in_its_box():
    assert "M100 " in gauge(1.2, (-0.2, 1.4), 0.5)


def test_timeline_is_well_formed_and_spoken(make):
    text = timeline(make().findings[3], 0.6, [])
    root = ElementTree.fromstring(text)
    told = root.find(".//svg").get("aria-label")
    assert "person 1 peaks at 90%, 0:05.0" in told
    assert "over the threshold from 0:05.0 to 0:10.0" in told
    assert [item.text or item[0].tail for item in root.iter("li")] == [
        "Person 1",
        "Person 2",
        "Threshold",
        "Stretch over the threshold",
    ]


def test_timeline_lines_lie_where_the_scores_are(make):
    first, second = tracks(timeline(make().findings[3], 0.6, []))
    assert first == [[(100.0 * t, 10.0 if t >= 5 else 90.0) for t in range(10)]]
    # Person 2 is away from second 3 to 7, which breaks the line.
    assert [len(part) for part in second] == [3, 2]


def test_timeline_shades_the_forged_stretch(make):
    text = timeline(make().findings[3], 0.6, [])
    assert '<rect class="shade" x="500.0" width="500.0" height="100"/>' in text


def test_segment_of_one_frame_can_be_seen(make):
    video = make().findings[3]
    short = replace(video, segments=(replace(video.segments[0], end=5.0),))
    assert 'x="500.0" width="4.0"' in timeline(short, 0.6, [])


def test_peaks_are_thinned_away_never(make):
    video = make().findings[3]
    quiet = replace(video.faces[0], probability=0.1, interval=(0.0, 0.2))
    many = [replace(quiet, time=i / 100) for i in range(10_000)]
    many[4321] = replace(many[4321], probability=0.99, interval=(0.9, 1.0))
    text = timeline(replace(video, faces=tuple(many), segments=()), 0.6, [])
    line = tracks(text)[0]
    assert sum(map(len, line)) <= 401
    assert min(y for part in line for _, y in part) == pytest.approx(1)
    assert len(text) < 60_000


def test_timeline_without_scores_or_duration(make):
    video = make().findings[3]
    mute = replace(video.faces[-1], time=None)
    text = timeline(replace(video, faces=(mute,), segments=(), media=None), 0.6, [])
    assert "no face could be judged" in text
    assert tracks(text) == []


def test_threshold_label_has_the_right_of_way(make):
    text = timeline(make().findings[3], 0.52, [])
    assert re.findall(r'class="y[^>]*>(\d+%)', text) == ["0%", "100%", "52%"]


@pytest.mark.parametrize(
    ("seconds", "labels"),
    [
        (2.0, ["0:00.0", "0:00.5", "0:01.0", "0:01.5", "0:02.0"]),
        (10.0, ["0:00", "0:02", "0:04", "0:06", "0:08", "0:10"]),
        (7000.0, ["0:00", "0:30:00", "1:00:00", "1:30:00"]),
    ],
)
def test_ticks(make, seconds, labels):
    video = make().findings[3]
    media = replace(video.media, duration=seconds)
    text = timeline(replace(video, media=media, faces=(), segments=()), 0.6, [])
    found = re.findall(r'class="x"[^>]*>([\d:.]+)<', text)
    assert found[: len(labels)] == [label.replace("0:30:00", "30:00") for label in labels]
    assert len(found) <= 7


def test_peak_lies_on_its_dot(make):
    evidence = make().findings[3].faces[5]
    text = timeline(make().findings[3], 0.6, [Peak("A", "input-1-A", evidence)])
    assert 'href="#input-1-A" style="left:50.00%;bottom:90.0%"' in text
    assert 'aria-label="Moment A, 0:05.0, 90%"' in text
