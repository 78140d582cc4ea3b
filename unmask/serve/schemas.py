"""What the API's documents look like; used for its description alone, never to build them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from unmask.serve import examples

State = Literal["queued", "running", "done", "failed"]
Id = Annotated[str, Field(pattern="^[0-9a-f]{32}$", description="128 random bits.")]
Share = Annotated[float, Field(ge=0, le=1)]
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"}, description="UTC.")]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Report = Annotated[dict[str, Any], WithJsonSchema({"$ref": "#/components/schemas/Report"})]


def _like(example: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    model_config = _like(examples.PROBLEM)
    type: str
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    code: Annotated[str, Field(description="A word that stays the same between versions.")]


class File(BaseModel):
    """An uploaded file."""

    name: Annotated[str, Field(description="A label: its last part, without control characters.")]
    bytes: Annotated[int, Field(ge=0)]
    sha256: Sha256


class Options(BaseModel):
    """How the files are examined."""

    detectors: Annotated[list[str] | None, Field(description="null for Unmask's own.")]
    at: str
    promise: float | None
    frames: Annotated[int | None, Field(ge=1, description="null for every frame, or with fps.")]
    fps: float | None
    pictures: Annotated[bool, Field(description="Whether any were to be kept.")]


class Progress(BaseModel):
    """How far an analysis is."""

    done: Annotated[Share, Field(description="Share of all files.")]
    file: Annotated[int, Field(ge=0, description="Index of the file that is examined.")]
    files: Annotated[int, Field(ge=1)]


class Picture(BaseModel):
    """A picture among the analysis' pictures."""

    name: str
    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]


class FacePictures(BaseModel):
    """A face that was kept as a picture."""

    crop: str
    heat: Annotated[
        str | None, Field(description="Transparent, of the crop's size, to lay over it.")
    ]
    matrix: Annotated[
        list[list[float]], Field(description="2 × 3: from coordinates in the frame to the crop's.")
    ]
    size: Annotated[int, Field(ge=1, description="Width of the crop, pixels.")]


class Pictures(BaseModel):
    """The pictures of one finding."""

    preview: Picture | None
    faces: Annotated[
        list[FacePictures | None], Field(description="One for each of the finding's faces.")
    ]


class _Common(BaseModel):
    id: Id
    state: State
    created: Moment
    finished: Moment | None
    expires: Annotated[Moment | None, Field(description="When it will be erased.")]
    files: Annotated[list[File], Field(min_length=1)]
    options: Options
    progress: Progress
    exit_code: Annotated[
        Literal[0, 1, 3] | None, Field(description="With which `unmask check` would end.")
    ]
    error: Annotated[Problem | None, Field(description="Why it failed.")]


class Analysis(_Common):
    """One or several files, examined together."""

    model_config = _like(examples.ANALYSIS)
    report: Report | None
    pictures: Annotated[list[Pictures] | None, Field(description="One for each finding.")]


class Verdict(BaseModel):
    """What was found about one file."""

    name: str
    kind: Literal["image", "video", "unknown"]
    verdict: Literal["likely_manipulated", "inconclusive", "no_evidence"] | None
    probability: Share | None
    reasons: list[str]


class Summary(_Common):
    """An analysis as the list shows it."""

    verdicts: list[Verdict]


class Listing(BaseModel):
    """Analyses, the newest first."""

    model_config = _like(examples.LISTING)
    analyses: list[Summary]
    next: Annotated[str | None, Field(description="The cursor for those that follow.")]


class Detector(BaseModel):
    """A detector that can be asked."""

    name: str
    version: str
    task: str
    title: str
    description: str
    limits: Annotated[list[str], Field(description="When it fails.")]
    default: Annotated[bool, Field(description="Whether it is asked when none is named.")]
    sha256: Sha256


class Detectors(BaseModel):
    """All detectors."""

    model_config = _like(examples.DETECTORS)
    detectors: list[Detector]


class Health(BaseModel):
    """That the server answers."""

    status: Literal["ok"]
