"""What the store holds about an analysis."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """An analysis that is asked for.

    Attributes:
        id: What it will be called.
        key: The same for the same bytes, options and models.
        files: Name, bytes and sha256 of each.
        options: As `unmask.serve.options.Options` tells them.
        models: sha256 of the networks it is to be made with.
    """

    id: str
    key: str
    files: list[dict[str, Any]]
    options: dict[str, Any]
    models: list[str]


@dataclass(frozen=True, slots=True)
class Record:
    """An analysis as the store holds it; times in seconds since 1970.

    Attributes:
        number: Rises with every analysis.
        id: As in `Entry`, and so are the next three.
        files: Name, bytes and sha256 of each.
        options: What was asked.
        models: sha256 of the networks.
        state: One of `STATES`.
        created: When it was accepted.
        finished: When it ended.
        expires: When it will be erased; `None` for never or not known yet.
        lease: Of the worker that has it, or that made its results.
        exit_code: As `unmask check` would end.
        verdicts: Per file: name, kind, verdict, probability, reasons.
        error: Code and message of a failed one.
    """

    number: int
    id: str
    files: list[dict[str, Any]]
    options: dict[str, Any]
    models: list[str]
    state: str
    created: float
    finished: float | None
    expires: float | None
    lease: str | None
    exit_code: int | None
    verdicts: list[dict[str, Any]] | None
    error: dict[str, str] | None

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in {"done", "failed"}


_JSON = {"files", "options", "models", "verdicts", "error"}
COLUMNS = ", ".join(Record.__dataclass_fields__)


def of_row(row: tuple[Any, ...]) -> Record:
    """The record in a row of `COLUMNS`."""
    named = zip(Record.__dataclass_fields__, row, strict=True)
    return Record(**{k: json.loads(v) if k in _JSON and v else v for k, v in named})
