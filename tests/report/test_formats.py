from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from unmask import report
from unmask.errors import ConfigError


@pytest.fixture
def no_cache():
    report.formats.cache_clear()
    yield
    report.formats.cache_clear()


def test_import_is_light():
    code = (
        "import sys, unmask.report; heavy = {'numpy', 'PIL', 'cv2', 'onnxruntime'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules);"
        "unmask.report.formats(); assert not {'PIL', 'cv2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_formats_are_found_by_walking():
    assert sorted(report.formats()) == [".csv", ".html", ".json", ".jsonl"]
    for suffix, form in report.formats().items():
        assert suffix == form.SUFFIX
        assert callable(form.write)


def test_formats_from_outside(monkeypatch, make, no_cache, tmp_path):
    def write(report, stream):
        stream.write(f"{len(report.findings)} findings")

    plug_in = SimpleNamespace(SUFFIX=".txt", write=write)
    greedy = SimpleNamespace(SUFFIX=".json", write=write)
    points = [SimpleNamespace(load=lambda m=m: m) for m in (plug_in, greedy)]
    asked = []
    monkeypatch.setattr(report, "entry_points", lambda group: asked.append(group) or points)
    report.write(make(), tmp_path / "r.txt")
    assert asked == ["unmask.reports"]
    assert (tmp_path / "r.txt").read_text() == "5 findings"
    assert report.formats()[".json"] is not greedy


@pytest.mark.parametrize("suffix", [".csv", ".html", ".json", ".jsonl"])
def test_write_equals_render(make, tmp_path, suffix):
    path = tmp_path / f"straße{suffix.upper()}"
    report.write(make(), path)
    assert path.read_bytes().decode("utf-8") == report.render(make(), suffix)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", [".csv", ".html", ".json", ".jsonl"])
def test_empty_report(make, tmp_path, suffix):
    report.write(report_of_nothing := make().__class__(make().run), tmp_path / f"r{suffix}")
    assert report_of_nothing.findings == ()
    assert (tmp_path / f"r{suffix}").exists()


@pytest.mark.parametrize("suffix", [".csv", ".html", ".json", ".jsonl"])
def test_hostile_text_breaks_no_format(hostile, tmp_path, suffix):
    report.write(hostile, tmp_path / f"r{suffix}")
    assert (tmp_path / f"r{suffix}").read_text("utf-8")


@pytest.mark.parametrize("name", ["report", "report.pdf", "json", "r.json.bak"])
def test_unknown_format(make, tmp_path, name):
    with pytest.raises(ConfigError, match=r"\.csv, \.html, \.json, \.jsonl") as caught:
        report.write(make(), tmp_path / name)
    assert caught.value.code == "unknown_format"
    assert not list(tmp_path.iterdir())


def test_missing_folder(make, tmp_path):
    with pytest.raises(ConfigError, match="No such file") as caught:
        report.write(make(), tmp_path / "none" / "r.json")
    assert caught.value.code == "bad_option"


def test_failure_leaves_the_old_report(make, tmp_path, monkeypatch):
    path = tmp_path / "r.json"
    path.write_text("old")

    def fail(report, stream):
        stream.write("half")
        raise RuntimeError

    monkeypatch.setattr(report.formats()[".json"], "write", fail)
    with pytest.raises(RuntimeError):
        report.write(make(), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_written_file_has_ordinary_rights_and_follows_links(make, tmp_path):
    (tmp_path / "plain").touch()
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    report.write(make(), tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink()
    rights = [stat.S_IMODE((tmp_path / n).stat().st_mode) for n in ("real.json", "plain")]
    assert rights[0] == rights[1]


def test_name_of_the_longest_length(make, tmp_path: Path):
    path = tmp_path / ("n" * 250 + ".json")
    report.write(make(), path)
    assert path.exists()
