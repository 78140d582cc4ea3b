"""Tables of what things cost in time and memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from blocks import block
from tables import table


@block("speed")
def speed(part: Any) -> Iterator[str]:
    """What `make speed` wrote."""
    yield _rows(part)
    yield _stated(part, "make speed")


@block("repdfd_cost")
def repdfd_cost(part: Any) -> Iterator[str]:
    """What `benchmarks/repdfd.py` wrote."""
    yield _rows(part)
    yield _stated(part, part["command"])


def _rows(part: Any) -> str:
    rows = []
    for row in part["rows"]:
        low_high = "{:.3g} to {:.3g}".format(*row["interval"]) if row["interval"] else ""
        met = {True: "met", False: "missed", None: ""}[row["met"]]
        cells = [row["name"], f"{row['value']:.3g} {row['unit']}", low_high, str(row["n"])]
        rows.append([*cells, row["bar"], met])
    return table(["what", "value", "95 % interval", "turns", "bar", ""], rows)


def _stated(part: Any, command: str) -> str:
    machine = part["machine"]
    told = f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}"
    return f"`{command}` at commit {part['commit'][:7]}; machine: {told}."
