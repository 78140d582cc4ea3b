"""`unmask models fetch`: the one command that goes online."""

from __future__ import annotations

from typing import Annotated

import typer


def run(
    name: Annotated[str, typer.Argument(help="What to fetch, such as yunet.")],
    source: Annotated[
        str | None,
        typer.Option("--from", help="A local file or another https address with the same content."),
    ] = None,
) -> int:
    """Fetch a published model over https, check its sha256 and install it as a bundle."""
    from unmask.cli._text import safe
    from unmask.models.fetch import fetch

    found = fetch(name, source)
    print(f"{found.card.name} {found.card.version} {safe(str(found.folder))}")
    return 0
