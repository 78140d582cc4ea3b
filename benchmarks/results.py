"""Measures what the documents state and writes it into them: `make bench DATA=…`.

    python benchmarks/results.py --data DEV_ROOT [--weights WEIGHTS] [--runs RUNS] --out FOLDER
    python benchmarks/results.py --pages      # only write the documents again

Each part of the measurement replaces the one of the same name in `docs/results.json`; parts that
are not asked for by `--only` stay. Scores are kept in the folder OUT, so a stopped run goes on.

WEIGHTS holds a folder for each published detector of `unmask.bench.peers`, with files of weights.
The part vision_language is only measured when it is named, on RUNS of its own.
RUNS/VARIANT/TEST_SET are bundles that were trained without the sources of a test set; a bundle
RUNS/VARIANT/all serves test sets whose sources are in no training; a folder of bundles in place of
one is fused. RUNS/final, or another variant by `--reference`, is what all others are compared with;
without it the embedded detectors, fused.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pages
import recompression

from unmask.bench import alarms, cases, peers, perturb
from unmask.bench.adapters import judge
from unmask.bench.panel import Panel
from unmask.bench.protocol import read, steps
from unmask.bench.run import CASE, Options, run
from unmask.bench.store import Store
from unmask.cli._progress import followed
from unmask.errors import BundleError
from unmask.judge import bundle

PROTOCOL = "dev_leave_one_source_out"
WEAR = ("jpeg:3", "shrink_area:3", "gaussian_blur:2", "gaussian_blur:3")
BENIGN_AT = (1, 3, 5)
SEED, DRAWS = 0, 1000
COMPRESSED = ("ciplab_photoshop", "real_amfd", "morph_train_3dsk")
"""Sets whose photos are large enough to be halved before they are compressed."""
FINAL = "final"
Part = dict[str, Any]


def main() -> None:
    options = _options()
    if not options.pages:
        for name in options.only or [part for part in PARTS if part not in NAMED]:
            print(f"\n{name}", file=sys.stderr, flush=True)
            part = _made(options, name) | _rounded(PARTS[name](options))
            pages.save(pages.load() | {name: part})
    for name, path in {"speed": options.speed, "repdfd_cost": options.cost}.items():
        if path:
            taken = _rounded(json.loads(path.read_text("utf-8")))
            pages.save(pages.load() | {name: taken})
    for page in pages.write():
        print(page.relative_to(pages.ROOT))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", action="store_true", help="measure nothing")
    parser.add_argument("--data", help="the development set, or NAME=FOLDER")
    parser.add_argument("--weights", type=Path, help="folder of the peers' weights")
    parser.add_argument("--runs", type=Path, help="folder of trainings for each test set")
    parser.add_argument("--out", type=Path, default=Path(".cache/results"), help="scores")
    parser.add_argument("--reference", help="the variant that all others are compared with")
    parser.add_argument("--limit", type=int, help="videos or photos a class and part, or a source")
    parser.add_argument("--draws", type=int, default=DRAWS, help="of the bootstrap")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), help="measure only these parts")
    timed = Path("speed.json")
    parser.add_argument(
        "--speed", type=Path, default=timed if timed.is_file() else None, help="of `make speed`"
    )
    parser.add_argument("--cost", type=Path, help="of `benchmarks/repdfd.py`, taken over")
    options = parser.parse_args()
    if not options.pages and not options.data:
        parser.error("--data is missing")
    return options


# Parts.


def one_source_out(options: argparse.Namespace) -> Part:
    """Every detector on every test set, untouched."""
    variants = _variants(options.runs)
    reference = options.reference or (FINAL if FINAL in variants else None)
    if reference and reference not in variants:
        raise SystemExit(
            f"--reference: no {reference} among {', '.join(variants) or 'no variants'}"
        )
    shipped = _shipped()
    words = {
        **({reference: variants[reference]} if reference else {}),
        **{word: word for word in shipped},
        **dict(_peers(options.weights)),
        **variants,
    }
    document = _bench(options, "one_source_out", list(words.values()), ())
    kinds = dict.fromkeys(words, "peer") | dict.fromkeys(shipped, "shipped")
    return document | {
        "reference": reference or shipped[0],
        "kinds": kinds | dict.fromkeys(variants, "variant"),
        "recipes": {name: _recipe(options.runs / name) for name in variants},
    }


def vision_language(options: argparse.Namespace) -> Part:
    """The methods that `benchmarks/vision_language.py` trained, untouched."""
    variants, reference = _variants(options.runs), options.reference
    if reference not in variants:
        raise SystemExit(f"--reference names one of {', '.join(variants) or 'no variants'}")
    words = {reference: variants[reference]} | variants
    document = _bench(options, "vision_language", list(words.values()), ())
    document["reference"] = reference
    costs = {name: _cost(options.runs / name) for name in words}
    order = sorted(costs, key=lambda name: (name != reference, costs[name]["row"]))
    kinds = dict.fromkeys(order, "variant")
    return document | {"kinds": kinds, "costs": {name: costs[name] for name in order}}


def wear(options: argparse.Namespace) -> Part:
    """The embedded detectors under wear that both classes go through."""
    return _bench(options, "wear", _shipped(), WEAR)


def false_alarms(options: argparse.Namespace) -> Part:
    """The embedded detectors on genuine pictures of every source, untouched and worn."""
    return _alarms(options, _shipped(), [None, *steps(WEAR)])


def benign(options: argparse.Namespace) -> Part:
    """The fused detectors on genuine pictures after edits that are no manipulation."""
    edits = [(name, level) for name in perturb.names("benign") for level in BENIGN_AT]
    return _alarms(options, _shipped()[:1], edits)


def shared_again(options: argparse.Namespace) -> Part:
    """What the command says of files after shrinking and compression."""
    command = [sys.executable, str(Path(__file__).with_name("reshared.py"))]
    command += ["--data", str(_root(options))]
    if options.limit:
        command += ["--each", str(options.limit)]
    with tempfile.TemporaryDirectory() as work:
        place = Path(work) / "rows.json"
        subprocess.run([*command, "--out", str(place)], check=True, stdout=sys.stderr)
        rows = json.loads(place.read_text("utf-8"))
    return {"draws": 500, "rows": rows}


def double_compression(options: argparse.Namespace) -> Part:
    """How often the hint of an earlier compression is given."""
    rng, hits = random.Random(SEED), dict[str, list[bool]]()  # noqa: S311 - nothing secret
    photos = 0
    for picture in recompression.halved([str(_root(options) / name) for name in COMPRESSED]):
        if options.limit and photos >= options.limit:
            break
        photos += 1
        for way, hit in recompression.trials(picture, rng):
            hits.setdefault(way, []).append(hit)
    rows = [
        {
            "compressed": way,
            "value": sum(seen) / len(seen),
            "interval": list(recompression.interval(sum(seen), len(seen))),
            "n": len(seen),
        }
        for way, seen in sorted(hits.items())
    ]
    data = {"data": _root(options).name, "draws": None}  # every split; intervals are Wilson's
    return data | {"photos": photos, "sets": list(COMPRESSED), "rows": rows}


PARTS: dict[str, Callable[[argparse.Namespace], Part]] = {
    made.__name__: made
    for made in (
        one_source_out,
        wear,
        false_alarms,
        benign,
        shared_again,
        double_compression,
        vision_language,
    )
}
NAMED = {vision_language.__name__}
"""Parts that are measured only when they are asked for."""


# What the parts share.


def _bench(options: argparse.Namespace, name: str, words: list[str], worn: Iterable[str]) -> Part:
    """`unmask bench run`, without what only belongs to this machine."""
    out = options.out / name
    wish = Options(
        tuple(words), (options.data,), out, limit=options.limit, perturb=tuple(worn), seed=SEED,
        draws=options.draws, scores=options.out / "scores",
    )  # fmt: skip
    print(run(PROTOCOL, wish, _watch), file=sys.stderr)
    document = json.loads((out / "results.json").read_text("utf-8"))
    called = {word: Path(word).parent.name for word in words if CASE in word}
    for row in (*document["rows"], *document["means"], *document["missing"]):
        row["detector"] = called.get(row["detector"], row["detector"])
    kept = ("test_sets", "test_sets_without_both_classes", "missing", "rows", "means")
    protocol = {n: document["protocol"][n] for n in ("name", "aggregation", "frames")}
    return {"protocol": protocol} | {name: document[name] for name in kept}


def _alarms(options: argparse.Namespace, words: list[str], conditions: list[Any]) -> Part:
    protocol = read(PROTOCOL)
    sources = cases.genuine(protocol, [options.data], limit=options.limit, seed=SEED)
    store = Store(options.out / "scores")
    panel = Panel([judge(word) for word in words], store, protocol.frames, SEED)
    try:
        rows = alarms.measure(sources, panel, conditions, draws=options.draws, watch=_watch)
    finally:
        store.save()
    pooled = [alarms.UNSEEN, alarms.ALL]
    return {"pooled": pooled, "rows": [row.document() for row in rows]}


def _made(options: argparse.Namespace, name: str) -> Part:
    """On what, where and how a part was measured, without a path of this machine."""
    words = {
        "DATA": _root(options).name,
        "WEIGHTS": options.weights and "weights",
        "RUNS": options.runs and "runs",
        "REFERENCE": options.reference,
        "LIMIT": options.limit,
        "DRAWS": options.draws if options.draws != DRAWS else None,
        "ONLY": name,
    }
    return {
        **pages.origin(),
        "command": " ".join(["make bench", *(f"{k}={v}" for k, v in words.items() if v)]),
        "data": f"{_root(options).name}, split test",
        "limit": options.limit,
        "draws": options.draws,
        "seed": SEED,
    }


def _shipped() -> list[str]:
    own = bundle.embedded_detectors()
    return list(dict.fromkeys(["+".join(own), *own]))


def _variants(runs: Path | None) -> dict[str, str]:
    """What leads to the bundles of each variant, by its name."""
    if not runs:
        return {}
    names = sorted(path.name for path in runs.iterdir() if _cards(path))
    return {name: str(runs / name / CASE) for name in names}


def _recipe(variant: Path) -> str:
    """Of all its bundles; several where they are fused."""
    recipes = {str(json.loads(card.read_text("utf-8"))["recipe"]) for card in _cards(variant)}
    return ", ".join(sorted(recipes))


def _cost(variant: Path) -> dict[str, float]:
    """What a training took; minutes are the mean over the cases."""
    notes = [json.loads(note.read_text("utf-8")) for note in sorted(variant.glob("*/cost.json"))]
    minutes = sum(note["minutes"] for note in notes) / len(notes)
    return notes[0] | {"minutes": minutes}


def _cards(variant: Path) -> list[Path]:
    """Of the bundle of each test set, or of the bundles that are fused for it."""
    return sorted([*variant.glob("*/card.json"), *variant.glob("*/*/card.json")])


def _peers(weights: Path | None) -> Iterable[tuple[str, str]]:
    """Name in the table and word of every file of weights that holds a known peer."""
    for name in peers.names() if weights else ():
        for path in sorted((weights / name).glob("*.*")) if weights else ():
            if path.suffix in (".safetensors", ".pt"):
                try:
                    yield judge(f"{name}={path}").name, f"{name}={path}"
                except BundleError:
                    print(f"{path.name} holds no {name}", file=sys.stderr)


def _root(options: argparse.Namespace) -> Path:
    return Path(options.data.rpartition("=")[2])


def _watch(found: Iterable[Any], total: int) -> Iterable[Any]:
    return followed(found, lambda: total, "files")


def _rounded(value: Any) -> Any:
    """Four digits behind the point, as many as a document may show."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return {k: _rounded(v) for k, v in value.items()} if isinstance(value, dict) else value


if __name__ == "__main__":
    main()
