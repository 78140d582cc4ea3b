"""`unmask models show`: a bundle's card."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def run(
    name: Annotated[str, typer.Argument(help="A bundle's name, or the path of its folder.")],
) -> int:
    """Print a bundle's card as JSON: crop, calibration, thresholds, data, results, limits."""
    from unmask.judge import bundle

    print(json.dumps(bundle.resolve(name).card.document(), indent=1))
    return 0
