"""Trains the methods of the vision-language room for their table, each without what is tested.

    UNMASK_WEIGHTS=weights python benchmarks/vision_language.py --data DEV --out WORK
    make bench DATA=DEV RUNS=WORK/runs REFERENCE=zero-shot ONLY=vision_language

First a face-language backbone and a face embedder are trained without any source that some case
tests, so that one of each is honest for all cases. Then every method learns from the same kept
pairs, from each as often, once for each case: `WORK/runs/METHOD/CASE` becomes a bundle with a note
of what it cost. Whatever is there already is passed over, so a stopped run goes on; the case "all"
serves the test sets whose sources are in no training.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from trainings import CASES, say, swapped

from unmask.judge.card import SCHEMA
from unmask.lab import backbones
from unmask.lab.export import export, write_onnx
from unmask.lab.method import Method, Recipe, build, read_recipe, square
from unmask.lab.teachers import mobilefacenet
from unmask.lab.train import train

UNTAUGHT = ("ciplab_photoshop", "portrait_seg_pvt", "real_amfd", "swap_timit_norm")
"""Tested as well, and in no training."""
APART = tuple(sorted({*UNTAUGHT, *(name for case in CASES.values() for name in case)}))
BATCH, SIDE, GREY = 16, 112, 16
COST = "cost.json"
PLAIN = {"kind": "identity", "parameters": {}, "fitted_on": "", "n": 0}
"""Calibration of a bundle that is only ranked by."""


@dataclass(frozen=True)
class Row:
    """A method of the table.

    Attributes:
        recipe: What it starts from.
        lr: Where the recipe's is for a large backbone: ten times as much.
        config: Further settings.
        recogniser: Whose embeddings its prompts name: a bundle's folder below WORK.
    """

    recipe: str
    lr: float | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    recogniser: str = ""


POOLED = {"meta": 0.0, "alignment": 0.0, "restoring": 0.0, "routing": 0.0}
ROWS: dict[str, Row] = {
    "zero-shot": Row("prompt-tuning", 0.0, {"adapt": "full"}),
    "linear-probe": Row("linear-probe"),
    "prompt-tuning": Row("prompt-tuning"),
    "gend": Row("gend"),
    "effort": Row("effort"),
    "lora": Row("lora", 1e-3),
    "full": Row("prompt-tuning", 2e-2, {"adapt": "full"}),
    "anchor-tuning": Row("anchor-tuning", 1e-4),
    "gm-df": Row("gm-df"),
    "gm-df-pooled": Row("gm-df", None, POOLED),
    "repdfd-fixed": Row("repdfd", None, {"prompt": "fixed"}),
    "repdfd-random": Row("repdfd", None, {"prompt": "random"}),
    "repdfd-own": Row("repdfd", recogniser="embedder"),
    "repdfd-strong": Row("repdfd", recogniser="mobilefacenet"),
    "repdfd-grey": Row("repdfd", recogniser="grey"),
}


def main() -> None:
    options = _options()
    torch.set_num_threads(1)
    start(options)
    for case in options.cases:
        for name in options.methods:
            done = options.out / "runs" / name / case
            if not (done / "card.json").is_file():
                say(f"{case}: {name}")
                made(options, name, case, done)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the development set")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path(".cache"))
    parser.add_argument("--pairs", type=int, default=1600, help="made for each case")
    parser.add_argument("--times", type=int, default=2, help="each is learnt from")
    parser.add_argument("--backbone-steps", type=int, default=500)
    parser.add_argument("--embedder-steps", type=int, default=400)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--methods", nargs="+", default=list(ROWS), choices=list(ROWS))
    return parser.parse_args()


# What all methods stand on.


def start(options: argparse.Namespace) -> None:
    """Backbone and recognisers, where they are not there yet."""
    words = read_recipe("face-language")
    learnt = [d for d in words.training_data if not set(d["sources"]) & set(APART)]
    steps = options.backbone_steps
    words = replace(blind(words, "facts", steps), training_data=learnt)
    ready(options, "backbone", words)
    os.environ[backbones.VARIABLE] = str((options.out / "backbone").resolve())
    wanted = {ROWS[name].recogniser for name in options.methods}
    if "embedder" in wanted:
        faces = blind(read_recipe("face-embedder"), None, options.embedder_steps)
        ready(options, "embedder", faces)
    for name, network in (("grey", Grey), ("mobilefacenet", Strong)):
        if name in wanted and not (options.out / name / "card.json").is_file():
            bundle(network(), name, options.out / name)


def blind(recipe: Recipe, watch: str | None, steps: int) -> Recipe:
    """A recipe whose training and validation see nothing of what any case tests."""
    watched = recipe.train.watch if watch is None else watch
    settings = replace(
        recipe.train, steps=steps, warmup=steps // 10, validate_every=100, watch=watched
    )
    return replace(recipe, train=settings, config=recipe.config | {"without": list(APART)})


def ready(options: argparse.Namespace, name: str, recipe: Recipe) -> None:
    """A bundle of a recipe, trained or gone on with where it is missing."""
    if (options.out / name / "card.json").is_file():
        return
    say(name)
    run = options.out / f"{name}-run"
    train(recipe, options.data, run, options.cache)
    swapped(export(run, options.out / f"{name}.part"), options.out / name)


class Grey(nn.Module):
    """A face as few grey values, and nothing learnt."""

    def forward(self, image: Tensor) -> tuple[Tensor]:
        """Shape (n, 3, 112, 112), colours -1..1, to (n, 256)."""
        small = F.avg_pool2d(image.mean(1, keepdim=True), SIDE // GREY).flatten(1)
        return (F.normalize(small - small.mean(1, keepdim=True)),)


class Strong(nn.Module):
    """MobileFaceNet, whose weights are for research only."""

    def __init__(self) -> None:
        super().__init__()
        self.network = mobilefacenet.MobileFaceNet().network

    def forward(self, image: Tensor) -> tuple[Tensor]:
        """Shape (n, 3, 112, 112), colours -1..1, to (n, 128)."""
        return (F.normalize(self.network(image * 127.5 + 127.5)),)


def bundle(network: nn.Module, name: str, folder: Path) -> None:
    """Write a recogniser as a bundle that gives embeddings."""
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / "model.onnx"
    write_onnx(network.eval(), model, (SIDE, SIDE), ["embedding"])
    data = model.read_bytes()
    told = {"title": name, "method": name, "description": "", "recipe": ""}
    card = {
        "schema": SCHEMA, "name": name, "version": "0", "task": "face-embedder", **told,
        "licence": "for this comparison only", "crop": square("points", SIDE, 1.0, min_face=0),
        "model": {"file": model.name, "sha256": hashlib.sha256(data).hexdigest(),
                  "bytes": len(data)},
        "outputs": {"embedding": "embedding"}, "training_data": [], "results": [], "limits": [],
        "options": {},
    }  # fmt: skip
    (folder / "card.json").write_text(json.dumps(card), "utf-8")


# One cell of the table.


def made(options: argparse.Namespace, name: str, case: str, done: Path) -> None:
    """Train and export a method for a case, and note what it cost."""
    recipe = recipe_for(options, name, case)
    method = build(recipe.method, recipe.config)
    method.data(
        options.data, options.cache, recipe.seed
    )  # the pairs, which cost every method alike
    run = options.out / "training" / name / case
    begun, spent = time.monotonic(), time.process_time()
    train(recipe, options.data, run, options.cache)
    cost = {
        "row": list(ROWS).index(name),
        "parameters": learnt(method) if recipe.train.lr else 0,
        "images": 2 * BATCH * recipe.train.steps if recipe.train.lr else 0,
        "minutes": (time.process_time() - spent) / 60,
        "waited": (time.monotonic() - begun) / 60,
    }
    part = export(run, done.with_name(f"{case}.part"), cache=options.cache)
    card = json.loads((part / "card.json").read_text("utf-8"))
    card |= {"name": name, "calibration": PLAIN, "operating_points": []}
    (part / "card.json").write_text(json.dumps(card, indent=1), "utf-8")
    (part / COST).write_text(json.dumps(cost), "utf-8")
    swapped(part, done)


def recipe_for(options: argparse.Namespace, name: str, case: str) -> Recipe:
    """Of a row and a case: equally many pictures for all, and the shipped recipe in all else."""
    row = ROWS[name]
    recipe = read_recipe(row.recipe)
    steps = options.pairs * options.times // BATCH
    config = {"backbone": backbones.FACE_LANGUAGE, "kept": True, "pairs": options.pairs}
    config |= {"without": list(CASES[case])} | dict(row.config)
    if "recogniser" in recipe.config:
        folder = (options.out / row.recogniser).resolve()
        config["recogniser"] = str(folder) if row.recogniser else ""
    lr = recipe.train.lr if row.lr is None else row.lr
    if not lr:
        steps = 1
    settings = replace(
        recipe.train, steps=steps, batch=BATCH, lr=lr, workers=0, validate_every=steps,
        warmup=min(recipe.train.warmup, steps // 10),
    )  # fmt: skip
    return replace(recipe, train=settings, config=recipe.config | config)


def learnt(method: Method) -> int:
    """Numbers that training moves and the answer depends on."""
    network = method.network()
    border = getattr(network, "border", None)
    if border is not None:
        return int(border.effective)
    high, wide = method.crop()["size"]
    network(torch.zeros(2, 3, high, wide)).sum().backward()
    groups = method.groups(network, 1.0)
    found = {id(p): p.numel() for g in groups for p in g["params"] if p.grad is not None}
    return sum(found.values())


if __name__ == "__main__":
    main()
