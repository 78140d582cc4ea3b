"""What is said about the server is true: its description, its page in docs, its container."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from unmask.errors import ServeError
from unmask.serve import examples
from unmask.serve.app import build
from unmask.serve.folder import Folder
from unmask.serve.problems import STATUS
from unmask.serve.settings import Bounds, Settings

ROOT = Path(__file__).parents[2]
NEVER_SENT = {"worker_lost", "timeout", "folder_taken", "address_taken", "unreachable"}
"""Told in an analysis, by the command, or by the client."""


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Any:
    place = tmp_path_factory.mktemp("described")
    folder = Folder(place)
    app: Any = build(Settings(place), folder)
    folder.close()
    return app._app.openapi()


def test_every_example_is_as_its_schema_says(described: Any) -> None:
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **described}
    shown = {
        "Problem": examples.PROBLEM,
        "Analysis": examples.ANALYSIS,
        "Listing": examples.LISTING,
        "Detectors": examples.DETECTORS,
    }
    for name, example in shown.items():
        schema = whole | {"$ref": f"#/components/schemas/{name}"}
        Draft202012Validator(schema).validate(example)
        assert described["components"]["schemas"][name]["examples"] == [example]


def test_it_is_openapi_and_every_operation_is_explained(described: Any) -> None:
    assert described["openapi"].startswith("3.1")
    for operations in described["paths"].values():
        for operation in operations.values():
            assert operation["summary"]
            assert operation["description"]
            for status, answer in operation["responses"].items():
                assert answer["description"], (operation["summary"], status)
    text = str(described)
    for name in re.findall(r"#/components/schemas/(\w+)", text):
        assert name in described["components"]["schemas"]
    assert "securitySchemes" not in text


def test_every_code_has_a_status_and_a_line_in_the_docs() -> None:
    page = (ROOT / "docs" / "serve.md").read_text("utf-8")
    assert STATUS.keys() - NEVER_SENT == ServeError.CODES - NEVER_SENT
    for code, status in STATUS.items():
        if code not in NEVER_SENT:
            (row,) = [
                line
                for line in page.splitlines()
                if re.match(r"\| \d", line) and f"`{code}`" in line
            ]
            assert str(status) in row.split("|")[1]


def test_the_docs_tell_the_defaults() -> None:
    page = (ROOT / "docs" / "serve.md").read_text("utf-8")
    bounds = Bounds()
    for told, value in (
        ("512 MiB by default", bounds.file_bytes == 512 << 20),
        ("1 GiB by default", bounds.request_bytes == 1 << 30),
        ("32 by default", bounds.files == bounds.uploads == 32),
        ("50 million by default", round(bounds.pixels / 1e6) == 50),
        ("an hour by default", bounds.seconds == 3600),
        ("100 by default", bounds.queue == 100),
        ("1800 seconds by default", bounds.patience == 1800),
        ("256 MiB would stay free", bounds.spare == 256 << 20),
        ("20 seconds without a byte", bounds.silence == 20),
    ):
        assert told in page
        assert value, told


def test_the_container_gives_nothing_away() -> None:
    image = (ROOT / "Dockerfile").read_text("utf-8")
    assert re.search(r"^USER 10001:10001$", image, re.M)
    assert "HEALTHCHECK" in image
    assert "-slim" in image
    assert "UNMASK_TOKEN=" not in image
    compose = (ROOT / "compose.yaml").read_text("utf-8")
    for word in (
        "read_only: true",
        "cap_drop: [ALL]",
        "no-new-privileges:true",
        "127.0.0.1:8000:8000",
    ):
        assert word in compose
    context = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    copied = re.findall(r"^COPY (?!--)(.*) \S+$", image, re.M)
    for name in " ".join(copied).split():
        assert f"!{name}" in context
        assert (ROOT / name).exists()
