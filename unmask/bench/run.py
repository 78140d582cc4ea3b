"""Run a protocol: samples in, scores kept, tables and plots out.

A run that was stopped goes on where it was, because every score lies in the folder `scores`.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import unmask
from unmask.bench import plots
from unmask.bench.adapters import Judge, judge
from unmask.bench.cases import Drawn, TestSet, draw
from unmask.bench.panel import Panel, Step
from unmask.bench.protocol import Protocol, read, steps
from unmask.bench.results import CLEAN, Row, Scored, Table, markdown
from unmask.bench.store import Store
from unmask.errors import ConfigError
from unmask.lab.data.layout import Sample

CASE = "{case}"
"""In a detector's path it stands for the name of the test set."""
Watch = Callable[[Iterable[Sample], int], Iterable[Sample]]
LEGEND = """
Intervals: 95 %, identities or source videos resampled. "Not judged": no face was found, the
detector's crop refused it, or the file could not be read; in no figure. "dev": what the threshold
of accuracies was fixed on. Shortcut: a classifier that sees only size, JPEG tables, mean colour and
mean spectrum, trained on the protocol's training split (× within the test set where there is none),
on the same samples; "within": cross-fitted within the test set in any case. Lead: over the first
detector, paired.
"""


@dataclass(frozen=True, slots=True)
class Options:
    """How a protocol is run.

    Attributes:
        detectors: Words of `unmask.bench.adapters.judge`, the first one compared with; `{case}` in
            a path stands for the test set's name, for detectors trained once for each.
        data: Folders of data sets, or `NAME=FOLDER`.
        out: Folder of results and scores.
        limit: Videos or photos a class and part.
        perturb: Words of `unmask.bench.protocol.steps`, besides the protocol's own.
        seed: Of the choice under the limit, of the perturbations and of the bootstrap.
        draws: Of the bootstrap.
        command: For the record.
    """

    detectors: tuple[str, ...]
    data: tuple[str, ...]
    out: Path
    limit: int | None = None
    perturb: tuple[str, ...] = ()
    seed: int = 0
    draws: int = 1000
    command: str = ""


def run(name: str | Path, options: Options, watch: Watch = lambda found, _: found) -> str:
    """Run a protocol and write `results.json`, `results.md` and `plots`.

    Args:
        name: Of a protocol, or its file.
        options: What is measured, on which data.
        watch: Sees the samples of each test set go by, with their number.

    Returns:
        The tables as Markdown.

    Raises:
        ConfigError: For an unknown protocol, detector or perturbation, or a missing library.
        LabError: For a broken protocol, or data that do not serve it.
        BundleError: For a broken bundle.
    """
    protocol = read(name)
    if not options.detectors:
        raise ConfigError("bad_option", "A run needs at least one detector.")
    conditions: list[Step] = [None, *steps([*protocol.perturbations, *options.perturb])]
    bench = _Bench(protocol, options, Store(options.out / "scores"), watch)
    drawn = draw(protocol, options.data, limit=options.limit, seed=options.seed)
    for which in drawn.sets:
        bench.open(which.name)  # a wrong word is told before hours of scoring
    try:
        rows = [row for which in drawn.sets for row in bench.rows(which, conditions)]
    finally:
        bench.store.save()
    return _write(bench, drawn, rows)


class _Bench:
    """What stays the same throughout a run."""

    def __init__(self, protocol: Protocol, options: Options, store: Store, watch: Watch) -> None:
        self.protocol, self.options, self.store, self._watch = protocol, options, store, watch
        self.opened: dict[str, Judge] = {}

    def open(self, case: str) -> list[Judge]:
        """The detectors for a test set, each with a name of its own."""
        words = [word.replace(CASE, case) for word in self.options.detectors]
        for word in words:
            if word not in self.opened:
                self.opened[word] = judge(word)
        judges = [self.opened[word] for word in words]
        shared = Counter(one.name for one in judges)
        for one, word in zip(judges, self.options.detectors, strict=True):
            if shared[one.name] > 1 or CASE in word:
                one.name = word
        return judges

    def rows(self, which: TestSet, conditions: Sequence[Step]) -> list[Row]:
        """All rows of one test set."""
        options, judges = self.options, self.open(which.name)
        panel = Panel(judges, self.store, self.protocol.frames, options.seed)
        table = Table(self.protocol, judges, options.draws, options.seed)
        dev = list(panel.looks(which.dev, plain=False))
        found = []
        for step in conditions:
            train = list(panel.looks(which.train, step, judged=False))
            test = list(panel.looks(self._watch(which.test, len(which.test)), step))
            told = CLEAN if step is None else f"{step[0]}:{step[1]}"
            found += table.rows(Scored(which, train, dev, test), told)
            self.store.save()
        return found


def _write(bench: _Bench, drawn: Drawn, rows: list[Row]) -> str:
    out = bench.options.out
    means = Table(
        bench.protocol, bench.open(drawn.sets[0].name), bench.options.draws, bench.options.seed
    ).means(rows)
    document = _document(bench, drawn) | {
        "rows": [row.document() for row in rows],
        "means": means,
    }
    text = markdown(rows, means)
    out.mkdir(parents=True, exist_ok=True)
    _replace(out / "results.json", json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    worn = plots.tables(rows, bench.options.draws)
    _replace(out / "results.md", f"{_head(document)}\n{text}{LEGEND}{worn}")
    plots.save(rows, out / "plots", bench.options.draws)
    return text


def _document(bench: _Bench, drawn: Drawn) -> dict[str, Any]:
    options = bench.options
    return {
        "unmask": unmask.__version__,
        "commit": _commit(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}",
        "command": options.command,
        "protocol": asdict(bench.protocol),
        "data": [Path(root.rpartition("=")[2]).name for root in options.data],
        "seed": options.seed,
        "limit": options.limit,
        "draws": options.draws,
        "detectors": [
            {"word": word, "name": one.name, "sha256": one.sha256}
            for word, one in bench.opened.items()
        ],
        "test_sets": [
            {"name": s.name, "train": len(s.train), "dev": len(s.dev), "test": len(s.test)}
            for s in drawn.sets
        ],
        "test_sets_without_both_classes": list(drawn.left_out),
    }


def _head(document: dict[str, Any]) -> str:
    protocol = document["protocol"]
    splits = ", ".join(word or "none published" for word in protocol["test"]["splits"]) or "all"
    lines = [
        f"# {protocol['title']}",
        "",
        protocol["question"],
        "",
        f"Data: {', '.join(document['data'])}; split: {splits}; one score a video: "
        f"{protocol['aggregation']} of at most {protocol['frames']} frames; limit a class: "
        f"{document['limit'] or 'none'}; seed {document['seed']}; commit {document['commit']}; "
        f"machine: {document['machine']}.",
    ]
    if document["test_sets_without_both_classes"]:
        missing = ", ".join(document["test_sets_without_both_classes"])
        lines += ["", f"Not measured, for want of a class: {missing}."]
    if document["command"]:
        lines += ["", f"    {document['command']}"]
    return "\n".join(lines) + "\n"


def _replace(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def _commit() -> str:
    """Of the checkout that this package lies in; "unknown" for an installed one."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"
