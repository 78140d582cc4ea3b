"""`unmask models list`: what is at hand."""

from __future__ import annotations

import json as jsons
from typing import Annotated

import typer


def run(
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> int:
    """List the embedded bundles, then those in your own folder."""
    from unmask.judge import bundle

    places = {"embedded": bundle.embedded(), "installed": bundle.installed()}
    rows = [
        {
            "name": name,
            "version": card.version,
            "task": card.task,
            "from": place,
            "title": card.title,
        }
        for place, names in places.items()
        for name in names
        for card in [bundle.resolve(name).card]
    ]
    if json:
        print(jsons.dumps(rows, indent=1))
        return 0
    for row in rows:
        print("{name:<20} {version:<10} {task:<16} {from:<10} {title}".format(**row))
    return 0
