import datetime
import io
import json
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from unmask.media import credentials
from unmask.media.credentials import MARK, credential_facts

STORE = {
    "active_manifest": "urn:1",
    "validation_state": "Valid",
    "manifests": {
        "urn:1": {
            "claim_generator": "old/1.0",
            "claim_generator_info": [{"name": "Paint", "version": "3"}],
            "signature_info": {"issuer": "Acme"},
            "assertions": [
                {
                    "label": "c2pa.actions.v2",
                    "data": {
                        "actions": [
                            {"action": "c2pa.created", "digitalSourceType": "http://x/y/madeUp"},
                            {"action": "c2pa.edited", "digitalSourceType": "http://x/y/madeUp"},
                            {"action": "c2pa.opened"},
                        ]
                    },
                },
                {"label": "stds.exif"},
            ],
            "ingredients": [{"title": "a.jpg", "relationship": "parentOf"}, {}],
        }
    },
}


class FakeC2pa(SimpleNamespace):
    """Stands in for the library: hands out `store`, remembers what it was asked."""

    def __init__(self, store: dict[str, Any]) -> None:
        asked: dict[str, Any] = {}

        class Settings:
            @staticmethod
            def from_dict(wish: dict[str, Any]) -> str:
                asked["settings"] = wish
                return "settings"

        class Reader:
            def __init__(self, mime: str, stream: Any, *, context: object) -> None:
                asked.update(mime=mime, at=stream.tell(), context=context)

            def __enter__(self) -> "Reader":
                return self

            def __exit__(self, *_: object) -> None:
                pass

            def json(self) -> str:
                return json.dumps(store)

        super().__init__(Settings=Settings, Reader=Reader, Context=lambda s: s, asked=asked)


def ask(monkeypatch: pytest.MonkeyPatch, store: dict[str, Any], name: str = "JPEG") -> tuple:
    fake = FakeC2pa(store)
    monkeypatch.setitem(sys.modules, "c2pa", fake)
    monkeypatch.setattr(credentials, "find_spec", lambda _: True)
    stream = io.BytesIO(b"bytes")
    stream.read()
    return credential_facts(stream, name), fake.asked


def test_what_a_manifest_says(monkeypatch: pytest.MonkeyPatch) -> None:
    facts, asked = ask(monkeypatch, STORE)
    assert [(f.name, f.value) for f in facts] == [
        ("c2pa.state", "Valid"),
        ("c2pa.generator", "Paint 3"),
        ("c2pa.signer", "Acme"),
        ("c2pa.source_type", "madeUp"),
        ("c2pa.ingredient", "parentOf: a.jpg"),
        ("c2pa.ingredient", "?: without a title"),
    ]
    assert all(fact.note for fact in facts)
    assert (asked["mime"], asked["at"]) == ("image/jpeg", 0)


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    _, asked = ask(monkeypatch, STORE, "MOV")
    assert asked["settings"]["verify"] == {"remote_manifest_fetch": False, "ocsp_fetch": False}
    assert asked["settings"]["core"] == {"allowed_network_hosts": []}
    assert asked["context"] == "settings"
    assert asked["mime"] == "video/quicktime"


def test_old_manifests_name_their_generator_in_one_word(monkeypatch: pytest.MonkeyPatch) -> None:
    store = {"active_manifest": "a", "manifests": {"a": {"claim_generator": "old/1.0"}}}
    facts, _ = ask(monkeypatch, store)
    assert [(f.name, f.value) for f in facts] == [
        ("c2pa.state", "unknown"),
        ("c2pa.generator", "old/1.0"),
    ]


def test_whatever_goes_wrong_is_a_fact(monkeypatch: pytest.MonkeyPatch) -> None:
    facts, _ = ask(monkeypatch, {"manifests": {}})
    assert [f.name for f in facts] == ["c2pa.state"]
    assert facts[0].value == "unreadable"


def test_without_the_library_it_is_said_that_nothing_was_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(credentials, "find_spec", lambda _: None)
    (fact,) = credential_facts(io.BytesIO(MARK), "JPEG")
    assert fact.value == "unchecked"
    assert "unmask[provenance]" in fact.note


@pytest.fixture(scope="module")
def signer() -> Any:
    """A signer of the real library with certificates made on the spot."""
    c2pa = pytest.importorskip("c2pa")
    pytest.importorskip("cryptography")
    chain, key = certificates()
    return c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, key, None))


def certificates() -> tuple[bytes, bytes]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(1)
    root_name, leaf_name = (
        x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Unmask tests"),
                x509.NameAttribute(NameOID.COMMON_NAME, common),
            ]
        )
        for common in ("root", "leaf")
    )

    def made(name: x509.Name, public: Any, root: bool, usage: dict[str, bool]) -> Any:
        kinds = ("key_encipherment", "data_encipherment", "key_agreement", "content_commitment")
        kinds += ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
        uses = dict.fromkeys(("digital_signature", *kinds), False) | usage
        builder = (
            x509.CertificateBuilder(root_name, name, public, x509.random_serial_number())
            .not_valid_before(now - day)
            .not_valid_after(now + 30 * day)
            .add_extension(x509.BasicConstraints(root, None), True)
            .add_extension(x509.KeyUsage(**uses), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        )
        if not root:
            issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
            email = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            builder = builder.add_extension(issuer, False).add_extension(email, False)
        return builder.sign(root_key, hashes.SHA256())

    signs = {"digital_signature": True}
    leaf = made(leaf_name, key.public_key(), False, signs)
    root = made(root_name, root_key.public_key(), True, signs | {"key_cert_sign": True})
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return leaf.public_bytes(pem) + root.public_bytes(pem), secret


def test_the_real_library_on_a_signed_photo(
    signer: Any, drawn: Callable, encoded: Callable
) -> None:
    import c2pa

    plain = encoded(drawn(), "JPEG")
    made = {"action": "c2pa.created", "digitalSourceType": "http://x/digitalCapture"}
    manifest = {
        "claim_generator_info": [{"name": "unmask tests", "version": "1"}],
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [made]}}],
    }
    signed = io.BytesIO()
    builder = c2pa.Builder(manifest)
    builder.add_ingredient({"title": "plain.jpg"}, "image/jpeg", io.BytesIO(plain))
    builder.sign(signer, "image/jpeg", io.BytesIO(plain), signed)
    data = signed.getvalue()
    assert MARK in data
    assert MARK not in plain

    good = {f.name: f.value for f in credential_facts(io.BytesIO(data), "JPEG")}
    assert good["c2pa.state"] == "Valid"
    assert good["c2pa.generator"] == "unmask tests 1"
    assert good["c2pa.signer"] == "Unmask tests"
    assert "plain.jpg" in good["c2pa.ingredient"]

    altered = data[:-60] + bytes([data[-60] ^ 1]) + data[-59:]
    bad = {f.name: f.value for f in credential_facts(io.BytesIO(altered), "JPEG")}
    assert bad["c2pa.state"] == "Invalid"
