"""`unmask data inspect`: is a data set what it should be?"""

from __future__ import annotations

import json as jsons
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from unmask.lab.data.inspect import Inspection

EXAMPLES = 5


def run(
    root: Annotated[Path, typer.Argument(help="The data set's folder.")],
    layout: Annotated[
        str | None, typer.Option(metavar="NAME", help="Its layout. [default: recognised]")
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a .csv or .jsonl with the sha256 of every file."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    threads: Annotated[int, typer.Option(min=1, help="Files looked at side by side.")] = 1,
) -> int:
    """Recognise a data set's layout and check its files, splits and labels; 1 if any is faulty."""
    from unmask.cli._lab import lab
    from unmask.cli._progress import followed

    inspection = lab("data.inspect").inspect(
        root, layout, threads, lambda found, total: followed(found, lambda: total, "files")
    )
    if manifest:
        inspection.write(manifest)
    if json:
        print(jsons.dumps(inspection.document(), indent=1))
    else:
        print("\n".join(_lines(inspection)))
    return int(bool(inspection.faults))


def _lines(inspection: Inspection) -> Iterable[str]:
    """A heading, then each kind of fault with its number and the first few."""
    from unmask.cli._text import safe

    labels = Counter(sample.label for sample in inspection.samples)
    told = f"{labels[0]} genuine and {labels[1]} manipulated samples"
    yield f"{inspection.layout}: {told}, {len(inspection.faults)} faults"
    kinds = Counter(fault.kind for fault in inspection.faults)
    for kind, count in kinds.items():
        yield f"{kind}  {count}"
        some = [fault for fault in inspection.faults if fault.kind == kind][:EXAMPLES]
        yield from (f"  {safe(fault.where)}: {safe(fault.detail)}" for fault in some)
        if count > EXAMPLES:
            yield f"  and {count - EXAMPLES} more"
