"""Trains the detectors of the table of left-out sources, each without what is tested.

    UNMASK_WEIGHTS=weights python benchmarks/one_source_out.py --data DEV --out WORK
    make bench DATA=DEV WEIGHTS=weights RUNS=WORK/runs ONLY=one_source_out

`WORK/runs/ROW/CASE` becomes a bundle, or a folder of them with a file that fuses them as the
package does. Whatever is there already is passed over, so a stopped run goes on, and rows share
what they have in common. What never learnt from a case's sources is trained once and serves it too;
of `final` that is what the package ships.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from trainings import CASES, say, swapped

from unmask.errors import ConfigError, LabError
from unmask.judge.bundle import embedded, resolve
from unmask.judge.fuse import FITTED
from unmask.lab.data.held import TRACE
from unmask.lab.export import export
from unmask.lab.method import Recipe, read_recipe
from unmask.lab.train import train


@dataclass(frozen=True)
class Part:
    """One detector of a row.

    Attributes:
        recipe: Its name.
        steps: How many, fewer than the recipe's: there are many cases.
        never: What it does not learn from in any case.
        together: Groups of sets of which none is seen where one is not, so that one training
            serves several cases.
        config: Settings other than the recipe's.
    """

    recipe: str
    steps: int
    never: tuple[str, ...] = ()
    together: tuple[tuple[str, ...], ...] = ()
    config: dict[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        parts: Its detectors.
        fitted: Whether they are fused as the package does, or their log-odds are added.
    """

    parts: tuple[Part, ...]
    fitted: bool = True


GENERATED = ("diff_sfhq_t2i", "ffhq256_vs_stylegan_140k")
PASTED = ("morph_train_canada", "swap_meso")
FEW = (GENERATED, PASTED)
"""With these, three trainings serve all cases."""
LIGHT = {"wear": 0.6, "soft": 1.3, "blurred": 0.0, "morphs": 0.2}
"""The wear that the shipped face-forgery met for 7,000 steps, and more morphs than it ever met."""
FORGERY = Part("face-forgery", 1600, together=FEW, config=LIGHT)
SYNTHETIC = Part("synthetic-trace", 600, together=(PASTED,))
ROWS = {
    "final": Row((FORGERY, SYNTHETIC)),
    "forgery-alone": Row((FORGERY,)),
    "trace-alone": Row((SYNTHETIC,)),
    "log-odds-added": Row((FORGERY, SYNTHETIC), fitted=False),
    "no-simulated-traces": Row((FORGERY, replace(SYNTHETIC, never=(TRACE,)))),
    "neither-generator": Row((FORGERY, replace(SYNTHETIC, together=FEW))),
    "peer-npr": Row((Part("peer-npr", 400, together=FEW),)),
    "peer-xception": Row((Part("peer-xception", 150, together=FEW),)),
    "peer-efficientnet-b4": Row((Part("peer-efficientnet-b4", 300, together=FEW),)),
}
ADDED = {"strongest": 0.0, "intercept": 0.0, "operating_points": []}
"""A fusion that only adds log-odds."""


def main() -> None:
    options = _options()
    for row in options.rows:
        for case in options.cases:
            done = options.out / "runs" / row / case
            if not done.is_dir():
                made(options, ROWS[row], case, done)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the development set")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path(".cache"))
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=list(ROWS))
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    return parser.parse_args()


def made(options: argparse.Namespace, row: Row, case: str, done: Path) -> None:
    """Put together what a row needs for a case."""
    parts = row.parts
    folder = done.with_name(f"{case}.part")
    if folder.exists():
        shutil.rmtree(folder)
    for part in parts:
        found = bundle(options, part, case)
        if found is None:
            return
        shutil.copytree(found, folder / part.recipe if len(parts) > 1 else folder)
    if len(parts) > 1:
        fused(folder, fitted=row.fitted)
    swapped(folder, done)


def bundle(options: argparse.Namespace, part: Part, case: str) -> Path | None:
    """A bundle that never learnt from a case's sources; `None` where none came of it."""
    recipe = read_recipe(part.recipe)
    learnt = {name for told in recipe.training_data for name in told["sources"]}
    unseen = set(CASES[case]) & learnt
    unseen |= {name for group in part.together if unseen & set(group) for name in group}
    without = [*part.never, *sorted(unseen)]
    if not without and part.recipe in embedded():
        shipped: Path = resolve(part.recipe).folder
        return shipped
    place = options.out / "training" / "-".join([part.recipe, *without])
    ready = place / "bundle"
    if not (ready / "card.json").is_file():
        say(f"{part.recipe} without {', '.join(without) or 'nothing'}")
        shorter = shortened(recipe, part, without)
        train(shorter, options.data, place / "run", options.cache)
        try:
            half = export(place / "run", place / "half", options.data, options.cache)
        except (ConfigError, LabError) as error:
            say(f"nothing came of it: {error}")
            return None
        swapped(half, ready)
    return ready


def shortened(recipe: Recipe, part: Part, without: list[str]) -> Recipe:
    """The recipe in a part of its steps, blind to some sets."""
    kept = [told for told in recipe.training_data if not set(told["sources"]) & set(without)]
    settings = replace(
        recipe.train,
        steps=part.steps,
        restarts=(),
        warmup=min(recipe.train.warmup, part.steps // 10),
        validate_every=part.steps // 2,
    )
    config = recipe.config | part.config | {"without": without}
    return replace(recipe, train=settings, config=config, training_data=kept)


def fused(folder: Path, *, fitted: bool) -> None:
    """Have the bundles of a folder fused as the package fuses its own, or added."""
    cards = [json.loads(card.read_text("utf-8")) for card in sorted(folder.glob("*/card.json"))]
    told = json.loads(FITTED.read_text("utf-8")) if fitted else dict(ADDED)
    told["models"] = {card["name"]: card["model"]["sha256"] for card in cards}
    if not fitted:
        told["weights"] = dict.fromkeys(told["models"], 1.0)
    (folder / "fusion.json").write_text(json.dumps(told), "utf-8")


if __name__ == "__main__":
    main()
