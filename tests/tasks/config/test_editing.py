"""Fields are set in a file that people wrote, and nothing else in it changes."""

from pathlib import Path

import pytest
import yaml

from tasks.config.editing import set_fields
from tasks.errors import ConfigError
from tests.cases import write_case_text
from tests.full_disk import files_of_at_most

TEXT = """\
# what this is about
validate:  # the data
  # by hand
  suite: suite.yaml
  first_version: the portfolio starts here  # until accepted

train:
  champion: none yet  # the model to beat
  cutoff: {rule: cost, champion: 3}

limits: {train: {auc: 0.6}}
"""
FIELDS: dict[str, str | None] = {
    "validate.reference": "references/profile.json",
    "validate.first_version": None,
    "train.champion": "champion.json",
}


def edited(workspace: Path, text: str) -> str:
    write_case_text(workspace, "loan", text)
    set_fields("loan", FIELDS, workspace)
    return (workspace / "configs" / "loan" / "case.yaml").read_text()


def test_lines_are_changed_added_and_taken_out_and_comments_stay(tmp_path: Path) -> None:
    assert (
        edited(tmp_path, TEXT)
        == """\
# what this is about
validate:  # the data
  reference: references/profile.json
  # by hand
  suite: suite.yaml

train:
  champion: champion.json  # the model to beat
  cutoff: {rule: cost, champion: 3}

limits: {train: {auc: 0.6}}
"""
    )


def test_a_section_that_is_not_there_is_added_at_the_end(tmp_path: Path) -> None:
    values = yaml.safe_load(edited(tmp_path, "extends: other\ntitle: Two"))
    assert values == {
        "extends": "other",
        "title": "Two",
        "validate": {"reference": "references/profile.json"},
        "train": {"champion": "champion.json"},
    }


@pytest.mark.parametrize(
    "text",
    [
        "train: {champion: none yet}\n",
        "train:\n  champion: |\n    none\n    yet\n",
        '"train":\n  champion: "none # yet"\n',
        TEXT.replace("the portfolio starts here", ">\n    the portfolio\n    starts here"),
    ],
)
def test_another_way_of_writing_is_left_alone_and_said(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"`train\.champion: champion\.json`.* by hand"):
        edited(tmp_path, text)
    assert (tmp_path / "configs" / "loan" / "case.yaml").read_text() == text


def test_a_disk_that_is_full_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    write_case_text(tmp_path, "bank", TEXT)
    folder = tmp_path / "configs" / "bank"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    with files_of_at_most(10), pytest.raises(OSError, match="too large"):
        set_fields("bank", FIELDS, tmp_path)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
