"""Cuts the faces of a data set once, so that training and benches read crops without decoding.

The result depends on the data set and the settings alone: not on the number of workers, and not
on how often the run was interrupted.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from unmask.errors import ConfigError
from unmask.faces.find import Finder
from unmask.faces.landmarks import Landmarker
from unmask.judge.bundle import resolve
from unmask.judge.card import CropRecipe
from unmask.lab.data import layout
from unmask.lab.data.cutting import Cut, Cutter, Encoding
from unmask.lab.data.journal import Journal
from unmask.lab.data.units import Unit, units
from unmask.lab.data.writers import Line, writers

Work = Iterator[tuple[Unit, Cut]]
Follow = Callable[[Work, int], Iterable[tuple[Unit, Cut]]]

SCHEMA = "unmask.crops/1"
PLAIN = CropRecipe("points", (256, 256), 1.3, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
"""Level eyes, the usual size and margin of the field."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides the result, beside the data set.

    Attributes:
        recipe: How crops are cut.
        frames: At most so many pictures of a video, evenly spread.
        format: A name of `writers`.
        encoding: "png", or the smaller "jpg" with its own traces.
    """

    recipe: CropRecipe = PLAIN
    frames: int = 32
    format: str = "tar"
    encoding: Encoding = "png"

    def __post_init__(self) -> None:
        if self.format not in writers():
            known = ", ".join(writers())
            raise ConfigError("bad_option", f"No format {self.format!r}. Known: {known}.")
        if self.encoding not in ("png", "jpg"):
            raise ConfigError("bad_option", f"Crops are png or jpg, not {self.encoding!r}.")
        if self.frames < 1:
            raise ConfigError("bad_option", f"At least 1 frame is needed, not {self.frames}.")


@dataclass(frozen=True)
class Outcome:
    """What became of a data set.

    Attributes:
        layout: The reader's name.
        units: Photos, clips and videos given as frames.
        crops: Crops written.
        looked: Pictures that were looked at.
        labels: Crops by split, label and family.
        faceless: Units without a crop though pictures could be read, with the reason: `no_face`,
            `outside_mask`, or `unfit` when the recipe takes no face of that size.
        failed: Files that could not be used, with their codes of `InputError`.
    """

    layout: str
    units: int = 0
    crops: int = 0
    looked: int = 0
    labels: dict[str, int] = field(default_factory=dict)
    faceless: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def crop(
    root: Path,
    out: Path,
    settings: Settings | None = None,
    *,
    name: str | None = None,
    workers: int = 1,
    follow: Follow = lambda work, _: work,
) -> Outcome:
    """Cut the main face out of every photo and video of a data set.

    A run that was interrupted goes on where it stopped when it is started again.

    Args:
        root: The data set's folder.
        out: A new folder outside it, or one that such a run began.
        settings: How; by default those of `Settings()`.
        name: The data set's layout; recognised when it is not named.
        workers: Units worked on side by side.
        follow: Passes on what it is given, to show progress; it is told how much will come.

    Returns:
        What was cut and what was not, interrupted runs included.

    Raises:
        LabError: `data_missing`, `unknown_layout`.
        ConfigError: `bad_option` for an unsuitable folder, `not_installed` when the layout needs a
            library that is missing.
    """
    settings = settings or Settings()
    if out.resolve().is_relative_to(root.resolve()):
        raise ConfigError(
            "bad_option", f"{out} lies in the data set, whose layout it would change."
        )
    name = name or layout.recognise(root)
    found = units(layout.read(root, name), root)
    writer = writers()[settings.format](out, found, settings.frames)
    journal = Journal(out, _head(name, found, settings))
    with closing(journal), closing(writer):
        if journal.last:
            writer.resume(journal.last)
        left = found[journal.count :]
        work = _in_order(_cutter(settings), left, workers) if left else iter(())
        for unit, cut in follow(work, len(left)):
            journal.add(_line(unit, cut) | writer.put(unit, cut.pictures))
        writer.finish(journal.lines())
        outcome = _outcome(name, journal.lines())
    _write_summary(out, outcome)
    return outcome


def _head(name: str, found: Iterable[Unit], settings: Settings) -> dict[str, Any]:
    keys = hashlib.sha256()
    for unit in found:
        keys.update(f"{unit.key} {len(unit.samples)}\n".encode())
    models = {task: resolve(task).card.model.sha256 for task in ("face-finder", "face-landmarks")}
    return {"schema": SCHEMA, "layout": name, "units": keys.hexdigest(), "models": models} | asdict(
        settings
    )


def _cutter(settings: Settings) -> Cutter:
    finder, landmarker = Finder(resolve("face-finder")), Landmarker(resolve("face-landmarks"))
    return Cutter(settings.recipe, settings.frames, settings.encoding, finder, landmarker)


def _in_order(cutter: Cutter, left: Iterable[Unit], workers: int) -> Work:
    """Units with what was cut, in their order; no more than two a worker are under way."""
    waiting: deque[tuple[Unit, Future[Cut]]] = deque()
    todo = iter(left)
    with ThreadPoolExecutor(workers, "unmask-crop") as pool:
        try:
            waiting.extend((u, pool.submit(cutter.cut, u)) for u in islice(todo, 2 * workers))
            while waiting:
                unit, future = waiting.popleft()
                yield unit, future.result()
                waiting.extend((u, pool.submit(cutter.cut, u)) for u in islice(todo, 1))
        finally:
            pool.shutdown(cancel_futures=True)


def _line(unit: Unit, cut: Cut) -> dict[str, Any]:
    sample = unit.samples[0]
    return {
        "key": unit.key,
        "path": unit.name(),
        "group": f"{sample.split or 'all'}/{sample.label}/{sample.family or 'real'}",
        "looked": cut.looked,
        "crops": len(cut.pictures),
        "lack": cut.lack,
        "failed": {unit.name(path): code for path, code in sorted(cut.failed.items())},
    }


def _outcome(name: str, lines: Iterable[Line]) -> Outcome:
    totals: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    faceless: dict[str, str] = {}
    failed: dict[str, str] = {}
    for line in lines:
        totals.update(units=1, crops=line["crops"], looked=line["looked"])
        labels[line["group"]] += line["crops"]
        failed |= line["failed"]
        if line["lack"]:
            faceless[line["path"]] = line["lack"]
    told = dict(sorted(labels.items()))
    return Outcome(name, totals["units"], totals["crops"], totals["looked"], told, faceless, failed)


def _write_summary(out: Path, outcome: Outcome) -> None:
    part = out / "summary.json.part"
    part.write_text(json.dumps(asdict(outcome), indent=1) + "\n", encoding="utf-8")
    part.replace(out / "summary.json")
