import json
import os
import sys
from pathlib import Path

import pytest

import unmask.judge.bundle as bundles
from unmask.errors import BundleError, ConfigError
from unmask.judge.bundle import embedded, home, import_folder, installed, load, resolve


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNMASK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def code(call, *arguments) -> str:
    with pytest.raises((BundleError, ConfigError)) as caught:
        call(*arguments)
    return caught.value.code


def rewrite(folder: Path, **changes: object) -> None:
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | changes))


def test_load_verifies_and_reads(tiny_bundle) -> None:
    bundle = tiny_bundle()
    assert bundle.card.name == "tiny"
    assert bundle.read() == (bundle.folder / "model.onnx").read_bytes()


def test_one_flipped_byte_is_noticed_even_after_a_good_load(tiny_bundle) -> None:
    bundle = tiny_bundle()
    data = bytearray(bundle.model.read_bytes())
    data[len(data) // 2] ^= 1
    bundle.model.write_bytes(data)
    os.utime(bundle.model, ns=(1, 1))
    assert code(load, bundle.folder) == "bundle_altered"
    assert code(bundle.read) == "bundle_altered"


def test_another_size_is_noticed(tiny_bundle) -> None:
    bundle = tiny_bundle()
    bundle.model.write_bytes(bundle.model.read_bytes() + b"\0")
    assert code(load, bundle.folder) == "bundle_altered"


def test_the_hash_is_taken_once_per_process(tiny_bundle, monkeypatch) -> None:
    bundle = tiny_bundle()

    def never(data: bytes) -> None:
        raise AssertionError("hashed again")

    monkeypatch.setattr(bundles.hashlib, "sha256", never)
    load(bundle.folder)
    bundle.read()


def test_missing_parts(tiny_bundle, tmp_path: Path) -> None:
    bundle = tiny_bundle()
    bundle.model.unlink()
    assert code(load, bundle.folder) == "bundle_missing"
    assert code(load, tmp_path / "nowhere") == "bundle_missing"


@pytest.mark.skipif(sys.platform == "win32", reason="symlinks need rights on Windows")
def test_a_link_out_of_the_folder_is_refused(tiny_bundle, tmp_path: Path) -> None:
    bundle = tiny_bundle()
    bundle.model.rename(tmp_path / "elsewhere.onnx")
    bundle.model.symlink_to(tmp_path / "elsewhere.onnx")
    assert code(load, bundle.folder) == "bundle_missing"


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_model(tiny_bundle) -> None:
    bundle = tiny_bundle()
    bundle.model.chmod(0)
    assert code(bundle.read) == "bundle_missing"


def test_a_model_that_vanishes_between_the_look_and_the_read(tiny_bundle, monkeypatch) -> None:
    bundle = tiny_bundle()

    def gone(self: Path) -> bytes:
        raise FileNotFoundError(self)

    monkeypatch.setattr(Path, "read_bytes", gone)
    assert code(bundle.read) == "bundle_missing"


def test_names_are_found_in_their_order(tiny_bundle, own_home: Path) -> None:
    bundle = tiny_bundle("mine")
    assert code(resolve, "mine") == "unknown_detector"
    assert resolve(bundle.folder).card.name == "mine"
    assert resolve(str(bundle.folder)).card.name == "mine"
    import_folder(bundle.folder)
    assert resolve("mine").folder == own_home / "models" / "mine"
    assert installed() == ("mine",)


def test_the_sentence_for_an_unknown_name_lists_the_known(tiny_bundle) -> None:
    import_folder(tiny_bundle("mine").folder)
    with pytest.raises(ConfigError, match="mine"):
        resolve("yours")


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    assert code(resolve, tmp_path / "none") == "bundle_missing"


def test_a_folder_must_carry_its_bundles_name(tiny_bundle, own_home: Path) -> None:
    bundle = tiny_bundle("mine")
    import_folder(bundle.folder)
    (own_home / "models" / "mine").rename(own_home / "models" / "yours")
    assert code(resolve, "yours") == "bundle_invalid"


def test_embedded_names_win_and_cannot_be_taken(tiny_bundle, monkeypatch) -> None:
    bundle = tiny_bundle("taken")
    monkeypatch.setattr(bundles, "_embedded_home", lambda: bundle.folder.parent)
    assert embedded() == ("taken",)
    assert resolve("taken").folder == bundle.folder
    assert code(import_folder, bundle.folder) == "bad_option"


def test_every_embedded_bundle_loads() -> None:
    for name in embedded():
        assert resolve(name).card.name == name


def test_import_copies_the_two_files_only(tiny_bundle, own_home: Path) -> None:
    source = tiny_bundle()
    (source.folder / "code.py").write_text("raise SystemExit")
    copied = import_folder(source.folder)
    assert sorted(p.name for p in copied.folder.iterdir()) == ["card.json", "model.onnx"]
    assert sorted(p.name for p in (own_home / "models").iterdir()) == ["tiny"]


def test_import_replaces_only_when_told(tiny_bundle) -> None:
    source = tiny_bundle()
    import_folder(source.folder)
    rewrite(source.folder, version="2.0")
    assert code(import_folder, source.folder) == "bad_option"
    assert resolve("tiny").card.version == "1.0"
    assert import_folder(source.folder, replace=True).card.version == "2.0"


def test_a_bad_bundle_leaves_nothing_behind(tiny_bundle, own_home: Path) -> None:
    source = tiny_bundle()
    rewrite(source.folder, licence="")
    assert code(import_folder, source.folder) == "bundle_invalid"
    assert not own_home.exists()


def test_weights_in_other_files_are_refused(tiny_card, tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    secret = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    secret.ClearField("float_data")
    secret.data_location = TensorProto.EXTERNAL
    secret.external_data.add(key="location", value="../../etc/passwd")
    graph = helper.make_graph([], "g", [], [], [secret])
    data = helper.make_model(graph).SerializeToString()
    (tmp_path / "model.onnx").write_bytes(data)
    (tmp_path / "card.json").write_text(json.dumps(tiny_card(data)))
    assert code(load, tmp_path) == "bundle_unsupported"


def test_a_file_that_is_not_onnx(tiny_card, tmp_path: Path) -> None:
    data = b"\x0b not protobuf"
    (tmp_path / "model.onnx").write_bytes(data)
    (tmp_path / "card.json").write_text(json.dumps(tiny_card(data)))
    assert code(load, tmp_path) == "bundle_invalid"


@pytest.mark.parametrize(
    ("platform", "variable", "tail"),
    [
        ("linux", "XDG_DATA_HOME", ("unmask", "models")),
        ("win32", "LOCALAPPDATA", ("unmask", "models")),
        ("darwin", "HOME", ("Library", "Application Support", "unmask", "models")),
    ],
)
def test_home_of_each_platform(monkeypatch, tmp_path, platform, variable, tail) -> None:
    monkeypatch.delenv("UNMASK_HOME")
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv(variable, str(tmp_path))
    assert home() == tmp_path.joinpath(*tail)
