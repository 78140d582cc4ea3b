"""The running server against its own description, with schemathesis: no 5xx, no breach.

`UNMASK_SCHEMA_EXAMPLES` sets how many requests are made up for each operation; the suite makes few.
"""

from __future__ import annotations

import json
import os
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import settings
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi import checks

import unmask
from tests.serve.running import real
from unmask.serve.app import build
from unmask.serve.folder import Folder
from unmask.serve.settings import Settings

TOKEN = "a-token-for-the-tests"
KEY = {"Authorization": f"Bearer {TOKEN}"}
SAMPLES = Path(unmask.__file__).parent / "samples"
EXAMPLES = int(os.environ.get("UNMASK_SCHEMA_EXAMPLES", "20"))
UNSAID = {"unknown_detector", "bad_option"}
"""What a form may be refused with that no schema can say: the names and rates that are here."""

load_all_checks()


def told() -> dict[str, Any]:
    """The description, as a server with a token gives it."""
    with tempfile.TemporaryDirectory() as place:
        folder = Folder(Path(place))
        app: Any = build(Settings(Path(place), token=TOKEN), folder)
        folder.close()
    return json.loads(json.dumps(app._app.openapi()))


described = schemathesis.openapi.from_dict(told())
FILES = [path for path in described.raw_schema["paths"] if path.startswith("/v1/analyses/{id}")]
# The token is always sent: `ignored_auth` asks for itself what happens without or with another.
described.config.generation.with_security_parameters = False
REJECTION = described.config.checks.negative_data_rejection
REJECTION.expected_statuses = [*REJECTION.expected_statuses, "413"]  # too many files of a form


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a running server."""
    with real(tmp_path_factory.mktemp("schema") / "data", env={"UNMASK_TOKEN": TOKEN}) as running:
        yield f"{running.url}/"


def test_the_description_is_what_the_server_gives(address: str) -> None:
    asked = urllib.request.Request(f"{address}openapi.json", headers=KEY)
    with urllib.request.urlopen(asked) as answer:
        assert json.load(answer) == described.raw_schema


@described.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
def test_every_operation_answers_as_described(case: Any, address: str) -> None:
    answer = case.call(base_url=address, headers=KEY)
    unsaid = case.method == "POST" and answer.status_code == 422
    skipped = [checks.positive_data_acceptance] if unsaid else []
    case.validate_response(answer, headers=KEY, excluded_checks=skipped)
    if unsaid:
        assert answer.json()["code"] in UNSAID | {"no_files", "bad_field"}


def test_an_analysis_and_all_of_its_files_are_as_described_until_it_is_erased(address: str) -> None:
    def asked(method: str, path: str, **more: Any) -> Any:
        case = described[path][method].Case(**more)
        return case.call_and_validate(base_url=address, headers=KEY)

    form = {"files": [(SAMPLES / "portrait_forged.jpg").read_bytes()]}
    kind = "multipart/form-data"
    made = asked("POST", "/v1/analyses", query={"wait": 30}, body=form, media_type=kind).json()
    assert made["state"] == "done"
    one = {"id": made["id"], "name": made["pictures"][0]["preview"]["name"]}
    for path in FILES:
        assert asked("GET", path, path_parameters=one).status_code == 200
    assert asked("DELETE", "/v1/analyses/{id}", path_parameters=one).status_code == 204
    for path in FILES:
        assert asked("GET", path, path_parameters=one).status_code == 404
