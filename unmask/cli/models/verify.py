"""`unmask models verify`: is a bundle what its card says?"""

from __future__ import annotations

from typing import Annotated

import typer


def run(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME…]", help="Names or folders. [default: every bundle at hand]"),
    ] = None,
) -> int:
    """Check cards and sha256 sums, and that ONNX Runtime takes the networks; 2 if one is broken."""
    from unmask.cli._text import safe
    from unmask.errors import UnmaskError
    from unmask.judge import bundle

    code = 0
    for name in names or [*bundle.embedded(), *bundle.installed()]:
        try:
            card = bundle.resolve(name).card
            print(f"ok      {safe(name)} {card.version} sha256 {card.model.sha256}")
        except UnmaskError as error:
            print(f"broken  {safe(name)}: {safe(str(error))}")
            code = 2
    return code
