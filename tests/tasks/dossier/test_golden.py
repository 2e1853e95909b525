"""The formats for machines, byte for byte: a change of one is seen, and is meant.

`.venv/bin/python -m tests.tasks.dossier.golden` renews them.
"""

from pathlib import Path

import pytest

from tests.tasks.dossier.golden import FOLDER, golden_files

NAMES = (
    "assessment-results.oscal.json",
    "data.croissant.json",
    "dossier.json",
    "model.cdx.json",
    "model.spdx.json",
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return golden_files(tmp_path_factory.mktemp("golden"))


def test_there_is_a_golden_file_of_each_format_and_no_other(files: dict[str, bytes]) -> None:
    assert sorted(files) == sorted(path.name for path in FOLDER.iterdir()) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_fixed_evidence_gives_these_bytes(files: dict[str, bytes], name: str) -> None:
    assert files[name].decode().splitlines() == (FOLDER / name).read_text().splitlines()
    assert files[name] == (FOLDER / name).read_bytes()


def test_another_ledger_of_the_same_keys_gives_the_same_bytes(
    files: dict[str, bytes], tmp_path: Path
) -> None:
    assert golden_files(tmp_path) == files
