"""The API's description (OpenAPI 3.1): what FastAPI cannot know by itself."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from unmask import __version__
from unmask.serve.problems import MEDIA, STATUS
from unmask.serve.settings import Bounds

ANYWHERE = ("bad_request", "unauthorised", "foreign_host", "internal")
"""Problems that any request may meet."""

Responses = dict[int | str, dict[str, Any]]


def problems(*codes: str) -> Responses:
    """The responses for codes of problems, and for those of `ANYWHERE`."""
    found: Responses = {}
    for code in (*ANYWHERE, *codes):
        told = found.setdefault(_status(code), {"description": "", "content": _PROBLEM})
        told["description"] = ", ".join(filter(None, [told["description"], f"`{code}`"]))
        if _status(code) in {429, 503, 507}:
            told["headers"] = {
                "Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}
            }
    return found


_PROBLEM = {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}


def answers(schema: str, status: int = 200, description: str = "As asked.") -> Responses:
    """The response with a document of `unmask.serve.schemas`.

    They are named, not imported: pydantic takes a tenth of the server's start to understand them.
    """
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {status: {"description": description, "content": content}}


def _status(code: str) -> int:
    return STATUS.get(code, 422)


def form(bounds: Bounds) -> dict[str, Any]:
    """The request body of a new analysis."""
    files = {
        "type": "array",
        "minItems": 1,
        "maxItems": bounds.files,
        "items": {"type": "string", "contentMediaType": "application/octet-stream"},
        "description": "Photos and videos, recognised by their content.",
    }
    fields = {
        "detectors": ("Names, separated by commas.", "face-forgery"),
        "at": ("False-alarm rate that sets the threshold.", "fpr=0.05"),
        "promise": ("Answer only where so small an error can be promised.", "0.1"),
        "frames": ("Frames of a video, spread evenly, or `all`.", "32"),
        "fps": ("Or so many frames of a video a second.", "2"),
        "pictures": ("`no`: neither preview, faces nor heat maps are kept.", "yes"),
    }
    options = {
        name: {"type": "string", "description": text, "examples": [example]}
        for name, (text, example) in fields.items()
    }
    schema = {
        "type": "object",
        "required": ["files"],
        "properties": {"files": files, **options},
        "additionalProperties": False,
    }
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


def describe(app: FastAPI, *, guarded: bool) -> dict[str, Any]:
    """The whole description.

    Args:
        app: With its routes.
        guarded: Whether a token is asked for.
    """
    found = get_openapi(
        title="Unmask",
        version=__version__,
        summary="Is the face in a photo or a video genuine, and what is the evidence?",
        description="Files go in, reports come out; nothing leaves this machine.",
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        routes=app.routes,
    )
    found.setdefault("components", {})["schemas"] = _schemas() | {"Report": _report()}
    if guarded:
        found["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        for path, operations in found["paths"].items():
            if path not in {"/healthz", "/readyz"}:
                for operation in operations.values():
                    operation["security"] = [{"token": []}]
    return found


def _schemas() -> dict[str, Any]:
    from pydantic import BaseModel
    from pydantic.json_schema import models_json_schema

    from unmask.serve import schemas

    models = [one for one in vars(schemas).values() if isinstance(one, type)]
    ours = [one for one in models if issubclass(one, BaseModel) and one is not BaseModel]
    _, told = models_json_schema(
        [(one, "serialization") for one in ours], ref_template="#/components/schemas/{model}"
    )
    found: dict[str, Any] = told["$defs"]
    return found


def _report() -> dict[str, Any]:
    """The published schema of a report, its inner references led to where it lies now."""
    from unmask.report.json import schema  # brings NumPy along

    whole = schema()
    for word in ("$schema", "$id"):
        del whole[word]
    told = json.dumps(whole).replace('"#/$defs/', '"#/components/schemas/Report/$defs/')
    found: dict[str, Any] = json.loads(told)
    return found
