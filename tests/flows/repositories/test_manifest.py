"""The manifest is what an upgrade goes by: what it cannot go by is refused, and leads nowhere."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.repositories.manifest import (
    MANIFEST,
    Manifest,
    changed_files,
    digests_of,
    read_manifest,
    shown_paths,
)
from tasks.errors import ConfigError

GOOD: dict[str, Any] = {"version": "1", "managed": {"tasks/a.py": "0" * 64}, "started": {}}


def written(folder: Path, content: object) -> Path:
    (folder / MANIFEST).parent.mkdir()
    (folder / MANIFEST).write_text(json.dumps(content))
    return folder


def test_it_reads_what_it_writes(tmp_path: Path) -> None:
    manifest = Manifest("0.1.0", {"tasks/a.py": "00"}, {".gitignore": "11"})
    assert read_manifest(written(tmp_path, json.loads(manifest.to_json()))) == manifest


@pytest.mark.parametrize(
    "name", ["../a", "/etc/passwd", "a/../../b", ".", "", "a//b", ".git/config", "./a"]
)
def test_a_path_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="Restore it from git"):
        read_manifest(written(tmp_path, GOOD | {"managed": {name: "00"}}))


@pytest.mark.parametrize("content", [[], {}, GOOD | {"started": ["a"]}, GOOD | {"managed": None}])
def test_one_of_another_form_is_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(ConfigError, match="expected the files that Portcullis wrote"):
        read_manifest(written(tmp_path, content))


def test_without_one_a_folder_is_no_such_repository(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="portcullis init"):
        read_manifest(tmp_path)


def test_a_file_that_was_edited_removed_or_made_a_link_is_changed(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("same", "edited", "gone", "linked")}
    for path in files.values():
        path.write_text("as it was")
    digests = digests_of(files)
    files["edited"].write_text("otherwise")
    files["gone"].unlink()
    files["linked"].unlink()
    files["linked"].symlink_to("same")
    assert changed_files(tmp_path, digests) == ["edited", "gone", "linked"]


def test_many_paths_are_shown_by_the_first_three() -> None:
    assert shown_paths(["a", "b", "c"]) == "a, b, c"
    assert shown_paths("abcde") == "a, b, c and 2 more"
