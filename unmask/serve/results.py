"""The results of an analysis as one file: the report as JSON, and the pictures that belong to it.

All other formats are made from these when somebody wants them: most reports are never exported, and
a page for print takes longer to make than the answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

import numpy as np

from unmask.report import render
from unmask.serve import pictures
from unmask.serve.folder import PICTURES, REPORT
from unmask.serve.pictures import Read
from unmask.types import (
    Crop,
    Detector,
    Evidence,
    Face,
    Fact,
    Failure,
    Finding,
    Media,
    Quality,
    Report,
    Run,
    Score,
    Segment,
)


def write(report: Report, path: Path) -> None:
    """Write everything into a new ZIP archive, in which nothing is packed.

    Args:
        report: With the names that the files were uploaded with.
        path: Of the archive.

    Raises:
        OSError: When it cannot be written.
    """
    with path.open("xb") as stream:
        try:
            with ZipFile(stream, "w") as archive:
                _fill(archive, report)
        except BaseException:
            path.unlink()
            raise


def _fill(archive: ZipFile, report: Report) -> None:
    def keep(name: str, data: bytes | str) -> None:
        archive.writestr(ZipInfo(name), data)  # with no time: a clock before 1980 would not do

    keep(REPORT, render(report, ".json"))
    shown = [pictures.save(finding, number, keep) for number, finding in enumerate(report.findings)]
    keep(PICTURES, json.dumps(shown))


def read(get: Read) -> Report:
    """Read a report again, pictures and all.

    Args:
        get: Gives a part's bytes by its name.

    Raises:
        ValueError: When something is missing.
    """
    told, shown = get(REPORT), get(PICTURES)
    if told is None or shown is None:
        raise ValueError("there is no report")
    document, pairs = json.loads(told), json.loads(shown)
    found = zip(document["findings"], pairs, strict=True)
    return Report(_run(document["run"]), tuple(_finding(*one, get) for one in found))


Plain = Mapping[str, Any]


def _run(plain: Plain) -> Run:
    return Run(**{**plain, "detectors": tuple(Detector(**one) for one in plain["detectors"])})


def _finding(plain: Plain, shown: Plain, get: Read) -> Finding:
    faces = zip(plain["faces"], shown["faces"], strict=True)
    changed = {
        "interval": _pair(plain["interval"]),
        "reasons": tuple(plain["reasons"]),
        "notes": tuple(plain["notes"]),
        "faces": tuple(_evidence(*one, get) for one in faces),
        "segments": tuple(Segment(**one) for one in plain["segments"]),
        "media": _media(plain) if plain["media"] else None,
        "error": Failure(**plain["error"]) if plain["error"] else None,
        "preview": pictures.colours(get(shown["preview"]["name"])) if shown["preview"] else None,
    }
    return Finding(**{**plain, **changed})


def _media(plain: Plain) -> Media:
    facts = tuple(Fact(**one) for one in plain["media"]["facts"])
    given = {name: plain[name] for name in ("path", "kind", "sha256")}
    return Media(**given, **{**plain["media"], "facts": facts})


def _evidence(plain: Plain, shown: Plain | None, get: Read) -> Evidence:
    quality = plain["quality"]
    x0, y0, x1, y1 = plain["box"] or (0.0, 0.0, 0.0, 0.0)
    face = Face(
        box=(x0, y0, x1, y1),
        confidence=plain["confidence"],
        points=np.asarray(plain["points"] or [[0.0, 0.0]] * 5, np.float32),
        track=plain["track"],
        quality=Quality(**{**quality, "reasons": tuple(quality["reasons"])}) if quality else None,
    )
    return Evidence(
        face=face,
        time=plain["time"],
        scores=tuple(_score(name, one) for name, one in plain["scores"].items()),
        probability=plain["probability"],
        interval=_pair(plain["interval"]),
        reasons=tuple(plain["reasons"]),
        crop=_crop(shown, get) if shown else None,
        heat=pictures.heat(get(shown["heat"])) if shown and shown["heat"] else None,
    )


def _score(name: str, plain: Plain) -> Score:
    low, high = plain["interval"]
    return Score(name, plain["raw"], plain["probability"], (low, high))


def _crop(shown: Plain, get: Read) -> Crop | None:
    pixels = pictures.colours(get(shown["crop"]))
    return None if pixels is None else Crop(pixels, np.asarray(shown["matrix"], np.float64))


def _pair(values: list[float] | None) -> tuple[float, float] | None:
    return (values[0], values[1]) if values else None
