from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("polars")

from unmask.bench import alarms, panel
from unmask.bench.adapters import BundleJudge, Said
from unmask.bench.cases import Source
from unmask.bench.panel import Panel
from unmask.bench.store import Store
from unmask.lab.data.layout import Sample
from unmask.types import Face, Pixels

BRIGHT, DARK, BLACK = 200, 60, 0


class _Finder:
    """Finds one face, but none in a black picture."""

    def __init__(self, *_: object) -> None: ...

    def find(self, pixels: Pixels) -> list[Face]:
        return [Face((8, 8, 40, 40), 1.0, np.zeros((5, 2), np.float32))] if pixels.max() else []


@pytest.fixture
def looker(tmp_path: Path, tiny_bundle: Any, monkeypatch: pytest.MonkeyPatch) -> Panel:
    """A detector that accuses bright pictures; a file's name starts with its grey level."""

    def pictures(sample: Sample, _: int) -> Any:
        grey = int(sample.path.name.partition("_")[0])
        return iter([(np.full((48, 48, 3), grey, np.uint8), {})])

    monkeypatch.setattr(panel, "Finder", _Finder)
    monkeypatch.setattr(panel, "_pictures", pictures)
    return Panel([BundleJudge(tiny_bundle("d", scale=4.0))], Store(tmp_path / "s"), 1, 0)


def _source(name: str, greys: list[int], taught: bool, video: str = "") -> Source:
    samples = [
        Sample(Path(f"{grey}_{n}.png"), 0, "", f"set/{name}", f"{name}{n}", video=video)
        for n, grey in enumerate(greys)
    ]
    return Source(f"set/{name}", taught, tuple(samples))


def test_a_row_for_each_source_and_for_all_of_them(looker: Panel) -> None:
    known = _source("known", [DARK] * 6 + [BRIGHT] * 2, taught=True)
    new = _source("new", [BRIGHT] * 3 + [DARK] + [BLACK] * 2, taught=False)
    rows = {row.source: row for row in alarms.measure([known, new], looker, draws=50)}
    assert list(rows) == ["known", "new", alarms.UNSEEN, alarms.ALL]
    assert rows["known"].alarms[0] == 0.25
    assert rows["new"].alarms[0] == 0.75
    assert (rows["new"].n, rows["new"].unusable) == (4, 2)
    assert rows["new"].alarms[1][0] < 0.75 < rows["new"].alarms[1][1] <= 1
    assert rows[alarms.UNSEEN].alarms == rows["new"].alarms
    assert rows[alarms.ALL].alarms[0] == pytest.approx(5 / 12)
    assert (rows[alarms.ALL].n, rows[alarms.ALL].units, rows[alarms.ALL].unusable) == (12, 12, 2)
    assert rows["known"].threshold == looker.judges[0].alarm
    assert rows["new"].detector == "d"


class _Pair:
    """Holds bright pictures to a threshold that nothing reaches, as the detector left alone has."""

    name, sha256, alarm, seen, told = "pair", "0" * 64, 0.5, (), True

    def score(self, pixels: Pixels, face: Face) -> Said:
        return Said(2.0, 0.99 if pixels.max() == BRIGHT else None)

    def probability(self, raw: float) -> float:
        return 0.9 if raw == 2.0 else 0.0


def test_each_face_is_held_to_its_own_threshold(looker: Panel, tmp_path: Path) -> None:
    sources = [_source("a", [BRIGHT] * 3 + [DARK], taught=False)]
    sources += [_source("b", [BRIGHT, DARK], taught=False, video="one video")]
    for _ in range(2):  # the second time out of the store
        asked = Panel([_Pair()], Store(tmp_path / "pair"), 1, 0)
        photos, video, every, _ = alarms.measure(sources, asked, draws=5)
        asked._store.save()
        assert (photos.n, photos.alarms[0]) == (4, 0.25)
        assert (video.n, video.alarms[0]) == (1, 0), "to the highest of its frames"
        assert (every.n, every.alarms[0]) == (5, 0.2)
        assert photos.threshold == 0.5


def test_each_condition_has_its_rows(looker: Panel) -> None:
    source = _source("a", [BRIGHT, DARK], taught=False)
    rows = alarms.measure([source], looker, [None, ("brightness", 5)], draws=5)
    single = [row for row in rows if row.source == "a"]
    assert [row.condition for row in single] == ["as it comes", "brightness:5"]


def test_frames_of_one_video_are_one(looker: Panel) -> None:
    (row, *_) = alarms.measure([_source("a", [BRIGHT] * 4, False, "v")], looker, draws=5)
    assert (row.n, row.alarms[0]) == (1, 1)


def test_nothing_judged_is_undefined_and_counted(looker: Panel) -> None:
    row, _, every = alarms.measure([_source("a", [BLACK], True)], looker, draws=5)
    assert math.isnan(row.alarms[0])
    assert (row.n, row.unusable) == (0, 1)
    told = every.document()
    assert told["alarms"] == {"value": None, "interval": [None, None]}
    assert told["n"] == 0


def test_no_alarm_in_a_few_pictures_still_allows_some(looker: Panel) -> None:
    (row, *_) = alarms.measure([_source("a", [DARK] * 20, True)], looker, draws=20)
    value, (low, high) = row.alarms
    assert (value, low) == (0, 0)
    assert high == pytest.approx(0.1611, abs=1e-3), "Wilson's for 0 of 20"
    (row, *_) = alarms.measure([_source("b", [BRIGHT] * 20, True)], looker, draws=20)
    assert row.alarms[1] == pytest.approx((0.8389, 1), abs=1e-3)
