"""The table of the methods on vision-language models; see `vision_language.py` beside this file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from blocks import block, matrix, stated


@block("vision_language")
def vision_language(part: Any) -> Iterator[str]:
    """Methods that were trained once for each test set, with what that took."""
    costs = part["costs"]
    columns = {
        "learnt numbers": {name: f"{cost['parameters']:,}" for name, cost in costs.items()},
        "pictures": {name: f"{cost['images']:,}" for name, cost in costs.items()},
        "minutes": {name: f"{cost['minutes']:.1f}" for name, cost in costs.items()},
    }
    yield matrix(part, list(costs), columns)
    yield _gaps(part, list(costs))
    counts = {r["case"]: f"{r['manipulated']} / {r['genuine']}" for r in part["rows"]}
    told = ", ".join(f"{case} {count}" for case, count in counts.items())
    yield f"n, manipulated / genuine: {told}. {stated(part)}"


def _gaps(part: Any, names: list[str]) -> str:
    """What was not trained, by test set."""
    told = []
    for one in part["test_sets"]:
        lacking = [m["detector"] for m in part["missing"] if m["test_set"] == one["name"]]
        if lacking:
            every = set(lacking) == set(names)
            told.append(f"{one['name']} ({'all' if every else ', '.join(sorted(lacking))})")
    return f"Not trained, and in no mean: {'; '.join(told)}." if told else ""
