"""The numbers of the documents, from `docs/results.json` and the cards of the embedded bundles.

A page says where a block goes by `<!-- measured: NAME -->` … `<!-- end -->`; what stands between is
written by the function NAME of `blocks`. The model cards are written whole. The same files always
give the same text, so a test can tell whether a page is what the figures say.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import blocks
import compared  # noqa: F401 - a block of its own
import model_cards
import timings  # noqa: F401 - likewise

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "docs" / "results.json"
MODELS = ROOT / "unmask" / "models"
MARKED = re.compile(r"(<!-- measured: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
Results = dict[str, Any]


def load() -> Results:
    """Everything measured so far, by part."""
    return json.loads(RESULTS.read_text("utf-8")) if RESULTS.is_file() else {}


def save(found: Results) -> None:
    """Parts in alphabetical order, a line a row, so that a new measurement is easy to compare."""
    text = dumped(dict(sorted(found.items())))
    part = RESULTS.with_suffix(".part")
    part.write_text(f"{text}\n", "utf-8")
    os.replace(part, RESULTS)


def dumped(value: Any, depth: int = 0) -> str:
    """JSON with short lines for rows and one entry a line above them."""
    if depth < 3 and isinstance(value, dict | list) and value:
        inner = (
            [f"{json.dumps(key)}: {dumped(one, depth + 1)}" for key, one in value.items()]
            if isinstance(value, dict)
            else [dumped(one, 3) for one in value]
        )
        first, last = "{}" if isinstance(value, dict) else "[]"
        gap = "\n" + " " * (depth + 1)
        return f"{first}{gap}{f',{gap}'.join(inner)}\n{' ' * depth}{last}"
    return json.dumps(value, ensure_ascii=False)


def cards() -> dict[str, dict[str, Any]]:
    """Of the embedded bundles, by name."""
    paths = sorted(MODELS.glob("*/card.json"))
    return {path.parent.name: json.loads(path.read_text("utf-8")) for path in paths}


def pages() -> Iterator[tuple[Path, str]]:
    """Every page that holds numbers, with the text that it should have."""
    found = load() | {"cards": cards()}
    for path in sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")]):
        text = path.read_text("utf-8")
        filled = MARKED.sub(lambda m: f"{m[1]}{blocks.BLOCKS[m[2]](found)}{m[3]}", text)
        if MARKED.search(text):
            yield path, filled
    fusion = json.loads((MODELS / "fusion.json").read_text("utf-8"))
    for name, card in cards().items():
        yield ROOT / "docs" / "model-cards" / f"{name}.md", model_cards.page(card, fusion)


def write() -> list[Path]:
    """Write what is not yet as it should be, and tell what that was."""
    changed = []
    for path, text in pages():
        if not path.is_file() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            changed.append(path)
    return changed


def origin() -> dict[str, str]:
    """Commit and machine of a measurement."""
    git = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(git, capture_output=True, text=True, check=False)
    return {
        "commit": done.stdout.strip() or "unknown",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}",
    }
