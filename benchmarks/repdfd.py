"""What a face costs RepDFD here, beside the order in which its published code computes.

That order: both prompts through the text tower, all 77 tokens, for every face, in PyTorch. Weights
are random, since a multiplication costs the same with any; a recogniser that costs next to nothing
gives the embeddings on either side, as the published code reads them from files. Workers in
processes of their own take turns, so that a busy moment of the machine hits them all; ratios are
taken turn by turn.

    python benchmarks/repdfd.py --towers B/16 L/14 --turns 10 --out repdfd.json

Where others use the machine at the same time, `--threads 1 --clock cpu` counts the processor's
time instead.
"""

from __future__ import annotations

import argparse
import json
import string
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import speed
from speed import Row, against, row, say
from worker import Worker

from unmask import memory

TOWERS = {
    "B/16": ((768, 3072, 12, 12, 16), (512, 2048, 12, 8), 512),
    "L/14": ((1024, 4096, 24, 16, 14), (768, 3072, 12, 12), 768),
}
"""Width, inner width, blocks, heads and patch of the image tower; the text tower's; the joint."""
SIZE, SIDE, FACE = 224, 156, 512
WORDS = "a real fake photo of fe person"
INFERENCE = ("published", "torch", "onnx", "published bf16", "torch bf16", "onnx int8")
MEMORY = "memory"
KEPT = "published step, memory kept"
TRAINING = ("published step", KEPT, "step", "published step bf16", "step bf16")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--towers", nargs="+", default=list(TOWERS), choices=list(TOWERS))
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--faces", type=int, default=4, help="Of one call.")
    parser.add_argument("--batch", type=int, default=16, help="Faces of a step; published: 32.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--clock",
        choices=["wall", "cpu"],
        default="wall",
        help="cpu: the processor's time, where others use the machine, too",
    )
    parser.add_argument("--kinds", nargs="+", default=[*INFERENCE, *TRAINING])
    parser.add_argument("--out", type=Path, help="Write the figures as JSON.")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        serve(options)
        return
    rows: list[Row] = []
    for tower in options.towers:
        with tempfile.TemporaryDirectory() as work:
            rows += measure(options, tower, Path(work))
        speed.show(rows)
        if options.out:
            document = {**speed.origin(), "command": command(options)}
            document["rows"] = [asdict(found) for found in rows]
            options.out.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def command(options: argparse.Namespace) -> str:
    """What was asked for, but for places of this machine."""
    words = [f"--towers {' '.join(options.towers)}", f"--turns {options.turns}"]
    words += [f"--faces {options.faces}", f"--batch {options.batch}"]
    words += [f"--threads {options.threads}"]
    return " ".join(["python benchmarks/repdfd.py", *words, f"--clock {options.clock}"])


def measure(options: argparse.Namespace, tower: str, work: Path) -> list[Row]:
    """Seconds a face and megabytes of every kind, then what the bars ask."""
    write_words(work)
    rows, times = [], {}
    for kinds in (INFERENCE, TRAINING):
        kinds = [kind for kind in kinds if kind in options.kinds]
        found, peaks = take_turns(options, tower, work, kinds)
        times |= found
        for kind in kinds:
            rows.append(row(f"{tower} {kind}", times[kind], "s"))
            rows.append(Row(f"{tower} {kind}, peak memory", peaks[kind], "MB", None, 1))
    ours = ("torch", "onnx", "torch bf16", "onnx int8")
    rows += compared(tower, times, "published", ours[:2], ours)
    rows += compared(tower, times, "published bf16", ("torch bf16",), ())
    rows += compared(tower, times, "published step bf16", ("step bf16",), ())
    rows += compared(tower, times, "published step", ("step",), ("step", "step bf16"))
    if {KEPT, "step"} <= times.keys():
        rows.append(row(f"{tower} {KEPT} / step", times[KEPT] / times["step"], "x"))
    return rows


def compared(
    tower: str, times: dict[str, Any], base: str, equal: tuple[str, ...], best: tuple[str, ...]
) -> list[Row]:
    """How many times as long the published order takes: at equal precision, and at the best."""
    rows = []
    for words, kinds, bar in (("equal precision", equal, 1.3), ("the best", best, 2.5)):
        there = [kind for kind in kinds if kind in times]
        if base not in times or not there:
            continue
        fastest = min(there, key=lambda kind: float(np.median(times[kind])))
        ratio = row(f"{tower} {base} / {fastest}, {words}", times[base] / times[fastest], "x")
        rows.append(against(ratio, f"at least {bar}", ratio.value >= bar))
    return rows


def take_turns(
    options: argparse.Namespace, tower: str, work: Path, kinds: list[str]
) -> tuple[dict[str, Any], dict[str, float]]:
    """Seconds a face, turn by turn, and the peak memory of each kind's process."""
    workers = {}
    for kind in kinds:
        say(f"{tower}: preparing {kind}")
        workers[kind] = started(options, tower, work, kind)
    for worker in workers.values():
        worker.ask()
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for turn in range(options.turns):
        say(f"{tower}: turn {turn + 1} of {options.turns}")
        for kind, worker in workers.items():
            times[kind].append(worker.ask() / faces(options, kind))
    peaks = {kind: ended(worker) for kind, worker in workers.items()}
    return {kind: np.array(values) for kind, values in times.items()}, peaks


def faces(options: argparse.Namespace, kind: str) -> int:
    """Of one call; a worker is told them all as `--faces`."""
    count: int = options.batch if kind in TRAINING else options.faces
    return count


def started(options: argparse.Namespace, tower: str, work: Path, kind: str) -> Worker:
    command = [sys.executable, __file__, "--worker", kind, "--towers", tower]
    command += ["--work", str(work), "--faces", str(faces(options, kind))]
    command += ["--threads", str(options.threads), "--clock", options.clock]
    return Worker(command, OMP_NUM_THREADS=str(options.threads))


def ended(worker: Worker) -> float:
    """Let the process end; megabytes that it held while it worked."""
    peak = worker.ask(MEMORY)
    worker.close()
    return peak


# In a worker.


def serve(options: argparse.Namespace) -> None:
    import torch

    torch.set_num_threads(options.threads)
    work = prepare(options)
    clock = time.process_time if options.clock == "cpu" else time.perf_counter
    settle()
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == MEMORY:
            print(status("VmHWM"), flush=True)
            continue
        with memory.turn(memory.MUCH + 1):  # others need the memory that it frees
            work()  # others had caches and memory meanwhile; in use, one call follows another
            start = clock()
            work()
            spent = clock() - start
        print(spent, flush=True)


def settle() -> None:
    """Forget the peak of the preparation, where the system allows it."""
    import gc

    gc.collect()
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        say("peak memory includes the preparation")


def status(key: str) -> float:
    """Megabytes from the process's own status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith(key))


def prepare(options: argparse.Namespace) -> Callable[[], Any]:
    import torch

    (tower,), kind = options.towers, options.worker
    image = torch.rand(options.faces, 3, SIDE, SIDE) * 2 - 1
    if kind.startswith("onnx"):
        session = opened(options, tower, kind)
        return lambda: session.run(None, {"image": image.numpy()})
    network = random_network(options.work, tower)
    if "step" in kind:
        return stepping(network, image, kind)
    if kind.endswith("bf16"):  # weights are cast once, on either side
        network.backbone.to(torch.bfloat16)
        for prompt in (network.words.real, network.words.fake):
            prompt.to(torch.bfloat16)
        image = image.to(torch.bfloat16)
    forward = published if kind.startswith("published") else lambda net, image: net(image)

    def infer() -> None:
        with torch.inference_mode():
            forward(network, image)

    return infer


def stepping(network: Any, image: Any, kind: str) -> Callable[[], Any]:
    """One step of training, as the lab's loop takes it: freed memory is kept for the next."""
    import torch

    if kind == KEPT or not kind.startswith("published"):
        memory.keep_freed(2**31)
    network.train()
    if kind == "step bf16":
        network.backbone.rounded(torch.bfloat16)
    optimiser = torch.optim.AdamW([network.border.delta], lr=1.0, weight_decay=2e-4)
    label = torch.arange(len(image)) % 2
    forward = published if kind.startswith("published") else lambda network, image: network(image)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=kind.endswith("bf16")):
            logits = forward(network, image)
        torch.nn.functional.cross_entropy(logits.float(), label).backward()
        optimiser.step()
        optimiser.zero_grad()

    return step


def published(network: Any, image: Any) -> Any:
    """Logits in the published order: both prompts whole, for every face."""
    import torch
    from torch.nn.functional import normalize

    tower, words = network.backbone, network.words
    pooled = tower.vision(pixel_values=network.transformed(image)).pooler_output
    feature = normalize(tower.project(pooled).float(), dim=1)
    with torch.no_grad():
        word = words.projection(network.embedding(image))
        text = [whole(tower, prompt, word) for prompt in (words.real, words.fake)]
    text = normalize(torch.stack(text, 1).float(), dim=2)
    return tower.scale.exp() * (feature[:, None] * text).sum(2)


def whole(tower: Any, prompt: Any, word: Any) -> Any:
    """A prompt's feature from all 77 tokens, for every face."""
    import torch

    tokens = prompt.tokens.repeat(len(word), 1, 1)
    if prompt.place is not None:
        tokens[:, prompt.place] = word.to(tokens.dtype)
    text, length = tower.text, tokens.shape[1]
    later = torch.full((1, 1, length, length), torch.finfo(tokens.dtype).min).triu(1)
    hidden = tokens + text.embeddings.position_embedding.weight
    hidden = text.final_layer_norm(text.encoder(inputs_embeds=hidden, attention_mask=later)[0])
    end = int((prompt.ids[0] == text.config.eos_token_id).int().argmax())
    return tower.text_projection(hidden[:, end])


def opened(options: argparse.Namespace, tower: str, kind: str) -> Any:
    """A session on the exported file, which is written by whoever comes first."""
    import onnxruntime

    plain = options.work / "model.onnx"
    if not plain.is_file():
        written(options.work, tower, plain)
    path = integers(plain) if kind == "onnx int8" else plain
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    return onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])


def integers(plain: Path) -> Path:
    """The same network with weights of eight bits, whose inputs get as many while it runs."""
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic

    settings = onnxruntime.SessionOptions()
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    settings.optimized_model_filepath = str(plain.with_name("folded.onnx"))
    # Only weights that no node has to turn first are made into integers.
    onnxruntime.InferenceSession(str(plain), settings, providers=["CPUExecutionProvider"])
    path = plain.with_name("int8.onnx")
    only = {"op_types_to_quantize": ["MatMul"], "extra_options": {"MatMulConstBOnly": True}}
    folded = settings.optimized_model_filepath
    quantize_dynamic(folded, path, weight_type=QuantType.QInt8, per_channel=True, **only)
    Path(folded).unlink()
    return path


def written(work: Path, tower: str, path: Path) -> None:
    from unmask.lab.export import write_onnx
    from unmask.lab.methods.repdfd import Config, RepDFD

    graph = RepDFD(Config()).graph(random_network(work, tower))
    write_onnx(graph.eval(), path, (SIDE, SIDE), ["logit"])


def random_network(work: Path, tower: str) -> Any:
    """RepDFD on a CLIP of published size with random weights."""
    import torch
    import transformers
    from torch import nn

    from unmask.lab.backbones import Backbone
    from unmask.lab.methods.repdfd import Network
    from unmask.lab.reprogramming.border import Border
    from unmask.lab.reprogramming.face2text import Face2Text
    from unmask.lab.reprogramming.recogniser import View, recogniser

    torch.manual_seed(0)
    model = transformers.CLIPModel(configured(tower, work)).eval()
    model.config.save_pretrained(work)
    tokenizer = transformers.CLIPTokenizer.from_pretrained(work)
    backbone = Backbone(tower, work, model, tokenizer).eval()
    stub = nn.Sequential(nn.AvgPool2d(14), nn.Flatten(), nn.Linear(3 * 64, FACE))
    who = recogniser(stub, 1.3)
    assert isinstance(who.view, View)
    words = Face2Text(backbone, ("A real photo of a person", "A fake photo of a FE person"), FACE)
    return Network(backbone, Border(SIZE, 0.7), words, who).eval()


def configured(tower: str, work: Path) -> Any:
    import transformers

    names = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    looks, reads, joint = TOWERS[tower]
    vocabulary = json.loads((work / "vocab.json").read_text())
    text: dict[str, Any] = dict(zip(names, reads, strict=True))
    text |= {"bos_token_id": vocabulary["<|startoftext|>"]}
    text |= {"eos_token_id": vocabulary["<|endoftext|>"], "pad_token_id": 0}
    vision = dict(zip((*names, "patch_size"), looks, strict=True)) | {"image_size": SIZE}
    return transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=joint)


def write_words(work: Path) -> None:
    """A vocabulary in CLIP's form that has the prompts' words, each as one token."""
    letters = string.ascii_lowercase
    names, merges = [*letters, *(f"{letter}</w>" for letter in letters)], []
    for word in WORDS.split():
        parts = [*word[:-1], f"{word[-1]}</w>"]
        while len(parts) > 1:
            merges.append(f"{parts[0]} {parts[1]}")
            parts = [parts[0] + parts[1], *parts[2:]]
            names.append(parts[0])
    names = [*dict.fromkeys(names), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {name: number for number, name in enumerate(names)}
    (work / "vocab.json").write_text(json.dumps(vocabulary))
    (work / "merges.txt").write_text("\n".join(["#version: 0.2", *dict.fromkeys(merges)]) + "\n")
    look = {"image_mean": [0.48, 0.46, 0.41], "image_std": [0.27, 0.26, 0.28]}
    (work / "preprocessor_config.json").write_text(json.dumps(look))


if __name__ == "__main__":
    main()
