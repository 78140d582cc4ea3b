"""The training loop: seeded, resumable, logged, stopped early, the same for every method.

A run is a folder: `recipe.json` as used, `last.pt` with everything needed to go on,
`best.safetensors` with the averaged weights of the best validation, `log.jsonl` and TensorBoard
events in `board/`.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import set_seed
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, RandomSampler, Sampler

from unmask.errors import LabError
from unmask.lab.backbones import Given
from unmask.lab.difficulty import Difficulty, DifficultySampler, Followed
from unmask.lab.distil import taught
from unmask.lab.method import Batch, Data, Method, Recipe, Train, build, read_recipe, read_run
from unmask.lab.sharpness import uphill
from unmask.memory import keep_freed


def train(
    recipe: Recipe, data_root: Path, out: Path, cache: Path | None = None
) -> dict[str, float]:
    """Train a recipe's method; goes on where an earlier, interrupted run in `out` stood.

    Args:
        recipe: What to train and how.
        data_root: Folder of the data set that the method reads.
        out: The run's folder, made when missing.
        cache: Where slow preparation is kept between runs; `.cache` by default.

    Returns:
        The measures of the best validation.

    Raises:
        LabError: `data_missing`, `weights_missing`, or `bad_recipe` when `out` holds another run.
    """
    set_seed(recipe.seed)
    keep_freed(2**31)  # clearing fresh pages took a fifth of every step
    cv2.setNumThreads(1)  # its thread pool does not survive the fork into loader processes
    if recipe.train.threads:
        torch.set_num_threads(recipe.train.threads)
    method = taught(build(recipe.method, recipe.config), recipe.distil)
    _claim(out, recipe)
    data = method.data(data_root, cache or Path(".cache"), recipe.seed)
    run = _Run(recipe.train, method, data, out, recipe.seed)
    loader = run.loader(data.train)
    held_out = _loader(data.val, recipe.train)
    with closing(run.log):
        return run.go(loader, held_out)


def rate(settings: Train, step: int) -> float:
    """Share of the peak learning rate at a step: a linear rise, then one cosine per cycle.

    Example:
        >>> settings = Train(steps=100, warmup=10, restarts=(60,))
        >>> [round(rate(settings, step), 2) for step in (0, 10, 35, 59, 60, 80, 100)]
        [0.1, 1.0, 0.5, 0.0, 0.6, 0.3, 0.0]
    """
    if step < settings.warmup:
        return (step + 1) / settings.warmup
    edges = [settings.warmup, *settings.restarts, settings.steps]
    cycle = sum(step >= edge for edge in edges[1:-1])
    begin, end = edges[cycle], edges[cycle + 1]
    part = min(1.0, (step - begin) / max(1, end - begin))
    return 0.6**cycle * 0.5 * (1 + math.cos(math.pi * part))


def _loader(dataset: Any, settings: Train, **options: Any) -> DataLoader[Any]:
    return DataLoader(
        dataset,
        batch_size=settings.batch,
        num_workers=settings.workers,
        prefetch_factor=4 if settings.workers else None,
        worker_init_fn=_single_thread,
        **options,
    )


def _single_thread(_: int) -> None:
    torch.set_num_threads(1)


def _claim(out: Path, recipe: Recipe) -> None:
    out.mkdir(parents=True, exist_ok=True)
    note = out / "recipe.json"
    if note.exists() and read_run(out) != recipe:
        raise LabError("bad_recipe", f"{out} holds a run of another recipe; choose another folder")
    text = json.dumps(dataclasses.asdict(recipe), indent=1, sort_keys=True)
    note.write_text(text, encoding="utf-8")


class _Run:
    """State of one training: networks, optimiser, schedule, log."""

    def __init__(self, settings: Train, method: Method, data: Data, out: Path, seed: int) -> None:
        self.settings, self.method, self.out, self.seed = settings, method, out, seed
        precision = "no" if settings.precision == "fp32" else settings.precision
        AcceleratorState._reset_state()  # an earlier run of this process had its own precision
        self.accelerator = Accelerator(mixed_precision=precision)
        network = method.network()
        if not (out / "last.pt").exists():
            method.initialise(network, data)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        groups = method.groups(network, settings.lr)
        optimiser = torch.optim.AdamW(groups, lr=settings.lr, weight_decay=settings.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate(settings, step))
        self.network, self.optimiser = self.accelerator.prepare(network, optimiser)
        self.schedule = schedule
        self.average = copy.deepcopy(network).eval().requires_grad_(False)
        if settings.precision == "bf16":
            for module in network.modules():
                if isinstance(module, Given):
                    module.rounded(torch.bfloat16)
        self.step, self.best, self.stale = 0, -math.inf, 0
        self.measures: dict[str, float] = {}
        self.difficulty: Difficulty | None = None
        if settings.difficulty:
            self.samples = Followed(data.train)
            self.difficulty = Difficulty(self.samples.followed, strength=settings.difficulty)
        self.log = _Log(out)
        self._resume()

    def loader(self, dataset: Any) -> DataLoader[Any]:
        """Training batches, in an order that the seed and, if wanted, the difficulty decide."""
        generator = torch.Generator().manual_seed(self.seed)
        sampler: Sampler[int] = RandomSampler(dataset, generator=generator)
        if self.difficulty is not None:
            dataset = self.samples
            sampler = DifficultySampler(self.difficulty, generator, dataset)
        return _loader(dataset, self.settings, sampler=sampler, drop_last=True)

    def go(self, loader: DataLoader[Any], held_out: DataLoader[Any]) -> dict[str, float]:
        progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            disable=not sys.stderr.isatty(),
        )
        with progress:
            bar = progress.add_task("training", total=self.settings.steps, completed=self.step)
            for batch in self._batches(loader):
                self._learn(batch)
                progress.update(bar, completed=self.step)
                due = self.step % self.settings.validate_every == 0
                if due or self.step == self.settings.steps:
                    self._validate(held_out)
                    if self.settings.patience and self.stale >= self.settings.patience:
                        break
        return self.measures

    def _batches(self, loader: DataLoader[Any]) -> Iterator[Batch]:
        """Batches from the current step on; an epoch begun before a restart begins anew."""
        epoch = self.step // max(1, len(loader))
        while self.step < self.settings.steps:
            if hasattr(loader.dataset, "set_epoch"):
                loader.dataset.set_epoch(epoch)
            loader.sampler.generator.manual_seed(self.seed + epoch)  # type: ignore[attr-defined]
            for batch in loader:
                if self.step >= self.settings.steps:
                    return
                yield batch
            epoch += 1

    def _learn(self, batch: Batch) -> None:
        started = time.perf_counter()
        self.network.train()
        parts = self._slope(batch)
        if self.settings.sharpness:
            with uphill(self.network, self.settings.sharpness):
                self._slope(batch)
        if self.settings.clip:
            self.accelerator.clip_grad_norm_(self.network.parameters(), self.settings.clip)
        self.optimiser.step()
        self.schedule.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        self._follow()
        self._weigh(batch)
        if self.step % 20 == 0 or self.step == 1:
            values = {name: float(value.detach()) for name, value in parts.items()}
            seconds = time.perf_counter() - started
            rate = self.optimiser.param_groups[0]["lr"]
            self.log.write("train", self.step, values | {"seconds": seconds, "lr": rate})

    def _slope(self, batch: Batch) -> dict[str, Tensor]:
        """Add the gradients of one batch at the current weights."""
        with self.accelerator.autocast():
            parts = self.method.loss(self.network, batch)
        self.accelerator.backward(parts["loss"])
        return parts

    @torch.no_grad()
    def _weigh(self, batch: Batch) -> None:
        """Learn how hard the batch still is, as a network sees it that is not training."""
        if self.difficulty is None:
            return
        self.network.eval()
        with self.accelerator.autocast():
            losses = self.method.each(self.network, batch)
        self.difficulty.follow(batch["which"], losses)

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the averaged weights; early on they follow faster, so that they are never stale."""
        decay = min(self.settings.ema, (1 + self.step) / (10 + self.step))
        source = self.accelerator.unwrap_model(self.network).state_dict()
        for name, value in self.average.state_dict().items():
            if value.dtype.is_floating_point:
                value.lerp_(source[name].to(value.dtype), 1 - decay)
            else:
                value.copy_(source[name])

    def _validate(self, held_out: DataLoader[Any]) -> None:
        self.average.eval()
        with torch.no_grad(), self.accelerator.autocast():
            measures = self.method.evaluate(self.average, held_out)
        self.log.write("val", self.step, measures)
        watch = self.settings.watch
        value = -measures[watch[1:]] if watch.startswith("-") else measures[watch]
        if value > self.best:
            self.best, self.stale, self.measures = value, 0, measures
            _save(self.average, self.out / "best.safetensors")
        else:
            self.stale += 1
        self._checkpoint()

    def _checkpoint(self) -> None:
        """Write beside and swap in, so that a kill at any moment leaves a whole checkpoint."""
        state = {
            "network": self.accelerator.unwrap_model(self.network).state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "progress": [self.step, self.best, self.stale],
            "measures": self.measures,
        }
        if self.difficulty is not None:
            state["difficulty"] = self.difficulty.state_dict()
        temporary = self.out / "last.part"
        torch.save(state, temporary)
        os.replace(temporary, self.out / "last.pt")

    def _resume(self) -> None:
        path = self.out / "last.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        self.accelerator.unwrap_model(self.network).load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.step, self.best, self.stale = state["progress"]
        self.measures = state["measures"]
        if self.difficulty is not None:
            self.difficulty.load_state_dict(state["difficulty"])


class _Log:
    """One JSON line and one TensorBoard point per event."""

    def __init__(self, out: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.stream = (out / "log.jsonl").open("a", encoding="utf-8")
        self.board = SummaryWriter(str(out / "board"))

    def close(self) -> None:
        self.stream.close()
        self.board.close()

    def write(self, kind: str, step: int, values: dict[str, float]) -> None:
        shown = {name: round(value, 6) for name, value in values.items()}
        print(json.dumps({"kind": kind, "step": step, **shown}), file=self.stream, flush=True)
        for name, value in values.items():
            self.board.add_scalar(f"{kind}/{name}", value, step)


def _save(network: nn.Module, path: Path) -> None:
    temporary = path.with_suffix(".part")
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, temporary)
    os.replace(temporary, path)


def load_best(method: Method, run: Path) -> nn.Module:
    """A run's best network, on the CPU and in evaluation mode."""
    network = method.network()
    network.load_state_dict(load_file(run / "best.safetensors"))
    return network.eval()


def main() -> None:
    """Train from the shell: `python -m unmask.lab.train RECIPE --data ROOT --out RUN`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("recipe")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path)
    arguments = parser.parse_args()
    recipe = read_recipe(arguments.recipe)
    print(json.dumps(train(recipe, arguments.data, arguments.out, arguments.cache)))


if __name__ == "__main__":
    main()
