"""The store alone: leases, keys, counts, search."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from unmask.errors import ConfigError
from unmask.serve.records import Entry, Record
from unmask.serve.store import QueueFullError, Store

VERDICT = {"name": "a.jpg", "kind": "image", "verdict": "likely_manipulated", "reasons": []}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "store", retention=10.0)
    yield made
    made.close()


def entered(store: Store, id: str, name: str = "a.jpg") -> Record:
    file = {"name": name, "bytes": 1, "sha256": "00"}
    return store.enter(Entry(id, f"key of {id}", [file], {}, []), 10)


def test_first_come_first_served(store: Store) -> None:
    for id in "abc":
        entered(store, id)
    claimed = [store.claim(f"lease {i}") for i in range(4)]
    assert [one.id if one else None for one in claimed] == ["a", "b", "c", None]
    assert store.counts() == {"queued": 0, "running": 3, "done": 0, "failed": 0}


def test_only_the_holder_of_the_lease_ends_it_and_only_once(store: Store) -> None:
    entered(store, "a")
    store.claim("first")
    assert not store.finish("a", "other", 0, [VERDICT])
    assert not store.release("a", "first", lost=True)
    store.claim("second")
    assert not store.finish("a", "first", 0, [VERDICT])
    assert not store.fail("a", "first", "timeout", "")
    assert store.finish("a", "second", 1, [VERDICT])
    assert not store.finish("a", "second", 0, [])
    found = store.fetch("a")
    assert found
    assert (found.state, found.exit_code, found.verdicts) == ("done", 1, [VERDICT])
    assert found.expires
    assert found.finished
    assert found.expires - found.finished == pytest.approx(10.0)


def test_given_up_after_two_workers_but_not_after_any_number_of_servers(store: Store) -> None:
    entered(store, "a")
    for _ in range(5):
        store.claim("stopped")
        assert not store.release("a", "stopped", lost=False)
        store.claim("killed")
        assert store.recover() == {"a": None}
    store.claim("one")
    assert not store.release("a", "one", lost=True)
    store.claim("two")
    assert store.release("a", "two", lost=True)
    found = store.fetch("a")
    assert found
    assert found.error == {
        "code": "worker_lost",
        "message": "Two workers died while they examined it.",
    }


def test_a_failed_one_gives_its_key_up(store: Store) -> None:
    first = entered(store, "a")
    assert store.same("key of a") == first
    store.claim("x")
    store.fail("a", "x", "timeout", "too slow")
    assert store.same("key of a") is None
    file = {"name": "b.jpg", "bytes": 1, "sha256": "00"}
    again = store.enter(Entry("b", "key of a", [file], {}, []), 10)
    assert store.same("key of a") == again
    assert store.fetch("a")


def test_the_queue_has_an_end(store: Store) -> None:
    for id in "ab":
        entered(store, id)
    with pytest.raises(QueueFullError):
        store.enter(Entry("c", "key", [], {}, []), 2)
    assert store.fetch("c") is None
    store.claim("x")
    store.enter(Entry("c", "key", [], {}, []), 2)


def test_search_and_pages(store: Store) -> None:
    for id, name in zip("abc", ("Straße.jpg", "portrait.jpg", "STRASSE.png"), strict=True):
        entered(store, id, name)
    assert [one.id for one in store.listing(10, q="strasse")] == ["c", "a"]
    assert [one.id for one in store.listing(2)] == ["c", "b"]
    assert [one.id for one in store.listing(2, before=store.listing(2)[-1].number)] == ["a"]
    store.claim("x")
    store.finish("a", "x", 1, [VERDICT])
    for words in ("likely_manip", "Likely Manipulated"):
        assert [one.id for one in store.listing(10, q=words)] == ["a"]
    assert store.listing(10, q="%") == store.listing(10, q="a_b") == []


def test_expiry(store: Store, tmp_path: Path) -> None:
    entered(store, "a")
    store.claim("x")
    store.finish("a", "x", 0, [])
    entered(store, "b")
    assert store.expired(time.time(), 9) == []
    assert store.expired(time.time() + 11, 9) == ["a"]
    assert store.expired(time.time() + 11, 0) == []
    assert store.erase("a")
    assert not store.erase("a")
    assert (tmp_path / "store-wal").stat().st_size == 0
    forever = Store(tmp_path / "other", retention=None)
    entered(forever, "a")
    forever.claim("x")
    forever.fail("a", "x", "timeout", "")
    assert forever.expired(1e12, 9) == []
    forever.close()


def test_what_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "store").write_bytes(b"something else, and long enough to be looked at" * 100)
    with pytest.raises(ConfigError, match="no store"):
        Store(tmp_path / "store", None)
    with pytest.raises(ConfigError, match="no store"):
        Store(tmp_path / "missing" / "store", None)


def test_nobody_else_may_read_it(store: Store, tmp_path: Path) -> None:
    assert (tmp_path / "store").stat().st_mode & 0o77 == 0
