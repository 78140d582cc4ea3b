"""C2PA content credentials: who signed what about a file's history, and whether it still fits.

Read by the library c2pa-python (extra `[provenance]`), and only when the file holds a manifest.
Nothing is fetched: no remote manifest, no revocation list, no identity document.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import IO, Any

from unmask.media.provenance import clean
from unmask.types import Fact

MARK = bytes.fromhex("63327061 0011 0010 8000 00AA00389B71".replace(" ", ""))
"""The sixteen bytes by which every embedded C2PA manifest store names its type."""

_OFFLINE = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "core": {"allowed_network_hosts": []},
}
_MIME = {"MOV": "video/quicktime", "MP4": "video/mp4", "AVI": "video/avi"}
_STATES = {
    "Invalid": "The signature or a hash does not fit: altered after signing, or damaged.",
    "Valid": "Signature and hashes fit; who signed was not checked against a list of trust.",
    "Trusted": "Signature and hashes fit and the signer is on a list of trust.",
}
_CLAIM = "The signer's statement; it is as good as the signer."


def credential_facts(file: IO[bytes], name: str) -> list[Fact]:
    """Reads a file's manifest store.

    Args:
        file: Open, holds `MARK` somewhere.
        name: The format, as `unmask.media.sniff` names it.

    Returns:
        Facts named `c2pa.*`. Never raises: what went wrong is a fact, too.
    """
    if find_spec("c2pa") is None:
        note = "A manifest is there but was not checked: install unmask[provenance]."
        return [Fact("c2pa.state", "unchecked", note)]
    try:
        store = _read(file, _MIME.get(name, f"image/{name.lower()}"))
        return _facts(store)
    except Exception as error:  # noqa: BLE001 - a foreign library on hostile bytes
        return [Fact("c2pa.state", "unreadable", clean(error))]


def _read(file: IO[bytes], mime: str) -> dict[str, Any]:
    import c2pa

    file.seek(0)
    context = c2pa.Context(c2pa.Settings.from_dict(_OFFLINE))
    with c2pa.Reader(mime, file, context=context) as reader:
        store: dict[str, Any] = json.loads(reader.json())
    return store


def _facts(store: dict[str, Any]) -> list[Fact]:
    state = str(store.get("validation_state", "unknown"))
    facts = [Fact("c2pa.state", clean(state), _STATES.get(state, ""))]
    manifest = store["manifests"][store["active_manifest"]]
    facts += [Fact("c2pa.generator", clean(name), _CLAIM) for name in _generators(manifest)]
    if issuer := manifest.get("signature_info", {}).get("issuer"):
        facts.append(Fact("c2pa.signer", clean(issuer), "As its certificate says."))
    facts += [Fact("c2pa.source_type", clean(kind), _CLAIM) for kind in _source_types(manifest)]
    ingredients = manifest.get("ingredients", [])
    facts += [Fact("c2pa.ingredient", _ingredient(entry), _CLAIM) for entry in ingredients[:20]]
    return facts


def _generators(manifest: dict[str, Any]) -> list[str]:
    told = manifest.get("claim_generator_info") or []
    names = [f"{entry.get('name', '?')} {entry.get('version', '')}" for entry in told]
    return names or [manifest["claim_generator"]] if manifest.get("claim_generator") else names


def _source_types(manifest: dict[str, Any]) -> list[str]:
    """How the content came to be, such as "trainedAlgorithmicMedia", by the actions on record."""
    actions = [
        action
        for assertion in manifest.get("assertions", [])
        if assertion.get("label", "").startswith("c2pa.actions")
        for action in assertion.get("data", {}).get("actions", [])
    ]
    found = [str(a["digitalSourceType"]) for a in actions if a.get("digitalSourceType")]
    return list(dict.fromkeys(kind.rsplit("/", 1)[-1] for kind in found))


def _ingredient(entry: dict[str, Any]) -> str:
    return clean(f"{entry.get('relationship', '?')}: {entry.get('title', 'without a title')}")
