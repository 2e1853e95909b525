"""The version is the code's own, wherever that lies."""

import json
from pathlib import Path

import pytest

from flows import version as asked


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "configs").mkdir()
    monkeypatch.setattr(asked, "PROJECT", tmp_path / "pyproject.toml")
    monkeypatch.setattr(asked, "MANIFEST", tmp_path / "configs" / "portcullis.json")
    return tmp_path


def test_a_checkout_has_the_version_of_its_project(place: Path) -> None:
    (place / "pyproject.toml").write_text('[project]\nversion = "1.2"\n')
    assert not asked.is_installed()
    assert asked.version() == "1.2"


def test_a_repository_of_one_s_own_has_that_of_its_manifest_whatever_its_project_says(
    place: Path,
) -> None:
    (place / "pyproject.toml").write_text('[project]\nname = "models"\nversion = "7"\n')
    (place / "configs" / "portcullis.json").write_text(json.dumps({"version": "1.2"}))
    assert not asked.is_installed()
    assert asked.version() == "1.2"


def test_a_package_has_neither(place: Path) -> None:
    assert asked.is_installed()
