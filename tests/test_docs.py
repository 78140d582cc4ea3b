"""Every command has a page that names every option; links lead somewhere, numbers were measured."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer

from unmask.cli._app import build

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("unmask/**/*.md")])


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, with the words that call it."""
    inner = getattr(command, "commands", {})
    for name, found in inner.items():
        yield from commands(found, (*path, name))
    if not inner:
        yield path, command


COMMANDS = dict(commands(typer.main.get_command(build())))


def test_the_commands() -> None:
    assert {" ".join(path) for path in COMMANDS} >= {
        "bench run",
        "check",
        "data crop",
        "data inspect",
        "doctor",
        "export",
        "models fetch",
        "models import",
        "models list",
        "models show",
        "models verify",
        "train",
    }


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_page_names_every_option(path: tuple[str, ...]) -> None:
    page = (ROOT / "docs" / f"{path[0]}.md").read_text("utf-8")
    assert f"unmask {' '.join(path)}" in page
    part = page.partition(f"\n## unmask {' '.join(path)}")[2].partition("\n## unmask")[0] or page
    options = [o for p in COMMANDS[path].params if not getattr(p, "hidden", False) for o in p.opts]
    for option in [o for o in options if o.startswith("--")] + ["--help"]:
        assert f"`{option}" in part, f"{option} is missing from docs/{path[0]}.md"


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_page_names_no_option_that_is_not_there(path: tuple[str, ...]) -> None:
    known = {
        o for other, c in COMMANDS.items() if other[0] == path[0] for p in c.params for o in p.opts
    }
    page = (ROOT / "docs" / f"{path[0]}.md").read_text("utf-8")
    assert set(re.findall(r"^\| `(--[a-z0-9-]+)", page, re.MULTILINE)) - known == {"--help"}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_index_links_every_page(path: tuple[str, ...]) -> None:
    assert f"({path[0]}.md)" in (ROOT / "docs" / "index.md").read_text("utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links {target}"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What `make bench` and `make pages` write the documents with."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return import_module("pages")


def test_numbers_are_what_was_measured(written: Any) -> None:
    found = dict(written.pages())
    assert ROOT / "README.md" in found
    assert ROOT / "docs" / "results.md" in found
    for path, text in found.items():
        stale = f"{path.name} is not what `make pages` writes"
        assert path.is_file(), stale
        assert path.read_text("utf-8") == text, stale


def test_every_embedded_model_has_its_card(written: Any) -> None:
    there = {path.stem for path in (ROOT / "docs" / "model-cards").glob("*.md")}
    assert there == set(written.cards())
    linked = (ROOT / "docs" / "results.md").read_text("utf-8")
    assert all(f"(model-cards/{name}.md)" in linked for name in there)


def test_every_block_of_numbers_stands_somewhere(written: Any) -> None:
    pages = "".join(page.read_text("utf-8") for page in PAGES)
    assert {name for _, name, _ in written.MARKED.findall(pages)} == set(written.blocks.BLOCKS)


def test_results_name_no_folder_of_a_machine(written: Any) -> None:
    told = written.RESULTS.read_text("utf-8")
    assert not re.findall(r'"[^"]*/(?:home|tmp|work|Users|mnt|root)/[^"]*"|"/[^"]*"', told)
    for part in written.load().values():
        assert {"commit", "machine", "rows"} <= set(part)
