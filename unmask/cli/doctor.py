"""`unmask doctor`: is this installation sound?"""

from __future__ import annotations

import json as jsons
from dataclasses import asdict
from typing import Annotated

import typer


def run(
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
    update_golden: Annotated[
        bool,
        typer.Option(
            "--update-golden",
            help="Record the samples' answers of this installation as the right ones.",
            hidden=True,
        ),
    ] = False,
) -> int:
    """Tell versions, providers and models, and check the samples' scores; 2 if one is broken."""
    from unmask import conformance, doctor
    from unmask.cli._text import safe

    if update_golden:
        conformance.record()
    signs = []
    for sign in doctor.examine():
        signs.append(sign)
        if not json:
            print(f"{sign.state:<7} {safe(sign.name):<24} {safe(sign.value)}", flush=True)
    if json:
        print(jsons.dumps([asdict(sign) for sign in signs], indent=1))
    return 2 if any(sign.state == "broken" for sign in signs) else 0
