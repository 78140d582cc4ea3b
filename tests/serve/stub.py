"""A worker that examines nothing: what it does stands in the name of the first file.

wait…       says how far it is, and stays there
write…      says that it writes the results, and goes on with that
die…        dies
faint…      dies over the first job of that name, and does the next one; needs STUB_MEMORY
refuse…     says that it failed
babble…     says something that is no message
nest…       says something that is too deep for one
ramble…     says something that is too long for one
anything    writes a report about nothing
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any
from zipfile import ZipFile

RUN = {
    "version": "0",
    "created": "",
    "provider": "stub",
    "threads": 1,
    "operating_point": "fpr=0.05",
    "threshold": 0.5,
    "detectors": [],
}


LIES = [1, [], {"done": {}}, {"failed": 3}, {"progress": []}, {"progress": ["a", "b"]}, {"else": 0}]


def say(**message: Any) -> None:
    print(json.dumps(message), flush=True)


def work(job: dict[str, Any]) -> None:
    names = [name for _, name in job["files"]]
    if names[0].startswith("wait"):
        say(progress=[0, 0.5])
    elif names[0].startswith("write"):
        say(writing=True)
        time.sleep(600)
    elif names[0].startswith("die") or (names[0].startswith("faint") and remembered(names[0])):
        os._exit(1)
    elif names[0].startswith("refuse"):
        say(failed={"code": "bundle_altered", "message": "The model is not what it was."})
    elif names[0].startswith("babble"):
        print("no message", flush=True)
    elif names[0].startswith("nest"):
        print("[" * 100_000, flush=True)
    elif names[0].startswith("ramble"):
        print("1" * 2_000_000, flush=True)
    elif names[0].startswith("lie"):
        print(json.dumps(LIES[int(names[0][3])]), flush=True)
    else:
        finish(job, names)


def remembered(name: str) -> bool:
    """Whether this is the first time."""
    mark = Path(os.environ["STUB_MEMORY"]) / name
    first = not mark.exists()
    mark.touch()
    return first


def finish(job: dict[str, Any], names: list[str]) -> None:
    report = {"schema": "unmask.report/1", "run": RUN, "exit_code": 3, "findings": []}
    with ZipFile(job["out"], "x") as out:
        out.writestr("report.json", json.dumps(report))
        out.writestr("pictures.json", "[]")
        out.writestr("0-preview.jpg", b"a picture")
    sizes = [os.path.getsize(path) for path, _ in job["files"]]
    verdicts = [
        {
            "name": name,
            "kind": "image",
            "verdict": None,
            "probability": None,
            "reasons": [str(size)],
        }
        for name, size in zip(names, sizes, strict=True)
    ]
    say(done={"exit_code": 3, "verdicts": verdicts})


def main() -> None:
    say(ready=True)
    for line in sys.stdin:
        work(json.loads(line))


if __name__ == "__main__":
    main()
