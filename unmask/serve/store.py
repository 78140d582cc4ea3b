"""The queue and the results' index: one SQLite file (WAL) that only the server process opens.

An analysis is `queued`, then `running` under a lease that one worker holds, then `done` or
`failed`. Whoever reports an end must still hold the lease, so that it can come only once. Deleted
rows are overwritten with zeros, and nothing of them stays in the log.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unmask.errors import ConfigError
from unmask.serve.records import COLUMNS, Entry, Record, of_row

STATES = ("queued", "running", "done", "failed")
MOST_LOST = 2
"""Workers that may die over one analysis before it is given up: it may be what kills them."""

_TABLE = """
CREATE TABLE IF NOT EXISTS analyses (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, key TEXT UNIQUE,
    state TEXT NOT NULL, created REAL NOT NULL, finished REAL, expires REAL,
    files TEXT NOT NULL, options TEXT NOT NULL, models TEXT NOT NULL, search TEXT NOT NULL,
    lease TEXT, lost INTEGER NOT NULL DEFAULT 0, exit_code INTEGER, verdicts TEXT, error TEXT
);
CREATE INDEX IF NOT EXISTS by_state ON analyses (state, number);
CREATE INDEX IF NOT EXISTS by_end ON analyses (expires);
"""


class QueueFullError(Exception):
    """As many analyses wait as may."""


class Store:
    """The SQLite file; its methods block, and are safe to call from several threads in turn.

    Args:
        path: Of the file.
        retention: Seconds for which ended analyses are kept; `None` for ever.

    Raises:
        ConfigError: `bad_option` when the file is something else.
    """

    def __init__(self, path: Path, retention: float | None) -> None:
        self._retention = retention
        try:
            self._base = _opened(path)
        except sqlite3.Error as error:
            raise ConfigError(
                "bad_option", f"{str(path)!a} is no store of results: {error}."
            ) from error

    def recover(self) -> dict[str, str | None]:
        """Put back what a killed server was at; give every id with the place of its results."""
        self._base.execute(
            "UPDATE analyses SET state = 'queued', lease = NULL WHERE state = 'running'"
        )
        return dict(self._base.execute("SELECT id, lease FROM analyses").fetchall())

    def enter(self, new: Entry, most: int) -> Record:
        """Queue an analysis; a failed one of the same key gives the key up.

        Raises:
            QueueFullError: When `most` wait already.
        """
        with self._transaction():
            if self.waiting() >= most:
                raise QueueFullError
            self._base.execute("UPDATE analyses SET key = NULL WHERE key = ?", (new.key,))
            values = [new.id, new.key, time.time(), _names(new.files)]
            values += [json.dumps(part) for part in (new.files, new.options, new.models)]
            (row,) = self._base.execute(
                "INSERT INTO analyses "  # noqa: S608 - our own column names
                "(id, key, state, created, search, files, options, models) "
                f"VALUES (?, ?, 'queued', ?, ?, ?, ?, ?) RETURNING {COLUMNS}",
                values,
            ).fetchall()
            return of_row(row)

    def same(self, key: str) -> Record | None:
        """The analysis of a key, unless it failed."""
        return self._one("key = ? AND state != 'failed'", key)

    def fetch(self, id: str) -> Record | None:
        """The analysis of an id."""
        return self._one("id = ?", id)

    def listing(self, limit: int, before: int | None = None, q: str = "") -> list[Record]:
        """The newest analyses.

        Args:
            limit: At most so many.
            before: Only those with a smaller number.
            q: Only those with this in a file's name or in a verdict, in any case.
        """
        rows = self._base.execute(
            f"SELECT {COLUMNS} FROM analyses "  # noqa: S608 - our own column names
            "WHERE number < ? AND instr(search, ?) ORDER BY number DESC LIMIT ?",
            (2**63 - 1 if before is None else before, q.casefold(), limit),
        )
        return [of_row(row) for row in rows.fetchall()]

    def counts(self) -> dict[str, int]:
        """How many analyses are in each state."""
        rows = self._base.execute("SELECT state, count(*) FROM analyses GROUP BY state")
        return dict.fromkeys(STATES, 0) | dict(rows.fetchall())

    def waiting(self) -> int:
        """How many analyses are queued."""
        (found,) = self._base.execute(
            "SELECT count(*) FROM analyses WHERE state = 'queued'"
        ).fetchone()
        return int(found)

    def claim(self, lease: str) -> Record | None:
        """Give the analysis that has waited longest to the holder of a lease."""
        return self._changed(
            "state = 'running', lease = ?",
            (lease,),
            "number = (SELECT number FROM analyses WHERE state = 'queued' ORDER BY number LIMIT 1)",
        )

    def finish(
        self, id: str, lease: str, exit_code: int, verdicts: list[dict[str, Any]]
    ) -> Record | None:
        """Record an end with results; `None` when the lease does not hold any more."""
        now = time.time()
        return self._changed(
            "state = 'done', finished = ?, expires = ?, exit_code = ?, verdicts = ?, "
            "search = search || ?",
            (now, self._end(now), exit_code, json.dumps(verdicts), _verdicts(verdicts)),
            "id = ? AND state = 'running' AND lease = ?",
            (id, lease),
        )

    def fail(self, id: str, lease: str, code: str, message: str) -> Record | None:
        """Record an end without results; `None` when the lease does not hold any more."""
        now = time.time()
        return self._changed(
            "state = 'failed', finished = ?, expires = ?, error = ?",
            (now, self._end(now), json.dumps({"code": code, "message": message})),
            "id = ? AND state = 'running' AND lease = ?",
            (id, lease),
        )

    def release(self, id: str, lease: str, *, lost: bool) -> bool:
        """Put an analysis back into the queue, or give it up when it has lost too many workers.

        Args:
            id: Of the analysis.
            lease: Of whoever had it.
            lost: Whether its worker died of its own.

        Returns:
            Whether it was given up.
        """
        with self._transaction():
            self._base.execute(
                "UPDATE analyses SET state = 'queued', lease = NULL, lost = lost + ? "
                "WHERE id = ? AND state = 'running' AND lease = ? AND lost + ? < ?",
                (int(lost), id, lease, int(lost), MOST_LOST),
            )
            told = "Two workers died while they examined it."
            return self.fail(id, lease, "worker_lost", told) is not None

    def expired(self, now: float, most: int) -> list[str]:
        """Ids of analyses whose time has come, at most so many."""
        rows = self._base.execute(
            "SELECT id FROM analyses WHERE expires <= ? ORDER BY expires LIMIT ?", (now, most)
        )
        return [id for (id,) in rows.fetchall()]

    def erase(self, id: str) -> bool:
        """Remove an analysis and every trace of it in the file and its log."""
        done = self._base.execute("DELETE FROM analyses WHERE id = ?", (id,))
        self._base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return done.rowcount == 1

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    def _end(self, now: float) -> float | None:
        return None if self._retention is None else now + self._retention

    def _one(self, where: str, *values: object) -> Record | None:
        row = self._base.execute(
            f"SELECT {COLUMNS} FROM analyses WHERE {where} LIMIT 1",  # noqa: S608 - our own words
            values,
        ).fetchone()
        return of_row(row) if row else None

    def _changed(
        self, values: str, given: Sequence[object], where: str, by: Sequence[object] = ()
    ) -> Record | None:
        """Change the one analysis of which something is true, if there is one."""
        rows = self._base.execute(
            f"UPDATE analyses SET {values} WHERE {where} RETURNING {COLUMNS}",  # noqa: S608 - ours
            (*given, *by),
        ).fetchall()  # the change is not made before all of them are
        return of_row(rows[0]) if rows else None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._base.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._base.execute("ROLLBACK")
            raise
        self._base.execute("COMMIT")


def _opened(path: Path) -> sqlite3.Connection:
    base = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    path.chmod(0o600)
    for setting in ("journal_mode=WAL", "secure_delete=ON", "temp_store=MEMORY"):
        base.execute(f"PRAGMA {setting}").fetchall()
    base.execute("PRAGMA synchronous=NORMAL")
    base.executescript(_TABLE)
    return base


def _names(files: list[dict[str, Any]]) -> str:
    """What a search looks through from the beginning."""
    return "\n".join(file["name"] for file in files).casefold()


def _verdicts(verdicts: list[dict[str, Any]]) -> str:
    """What it looks through as well in the end."""
    told = [str(one["verdict"]) for one in verdicts if one["verdict"]]
    words = "".join(f"\n{word}" for word in (*told, *(t.replace("_", " ") for t in told)))
    return words.casefold()
