"""A use case as stages read it: by section, from a copy that is never stale."""

from pathlib import Path

import pytest

from tasks.config.cases import Columns, Role, case_names, load_case, section
from tasks.config.strict import StrictModel
from tasks.errors import ConfigError
from tests.cases import sync_cases, write_case, write_case_text


class Params(StrictModel):
    rows: int


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    write_case(tmp_path, "loan", {"train": {"rows": 3}, "limits": {"train": {"rows": 4}}})
    return tmp_path


def test_a_section_is_read_by_its_own_parameter_class(workspace: Path) -> None:
    assert section("loan", "train", Params, workspace).rows == 3
    assert section("loan", "limits.train", Params, workspace).rows == 4
    assert case_names(workspace) == ("loan",)


def test_a_mistyped_use_case_names_the_known_ones(workspace: Path) -> None:
    with pytest.raises(ConfigError, match="one of: loan"):
        load_case("laon", workspace)


@pytest.mark.parametrize(
    "text", ["train: {rows: 3, typo: 1}", "train: {rows: many}", "train: {}", "other: {}"]
)
def test_an_unknown_key_a_wrong_type_or_a_missing_section_is_one_line(
    workspace: Path, text: str
) -> None:
    write_case_text(workspace, "loan", text)
    sync_cases(workspace)
    with pytest.raises(ConfigError, match=r"configs/loan/case\.yaml") as refusal:
        section("loan", "train", Params, workspace)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("text", ["a: [", "- a\n- b\n", "", "a: 1\na: 2\n", "day: 2031-12-31\n"])
def test_a_file_that_is_no_plain_mapping_is_refused(workspace: Path, text: str) -> None:
    write_case_text(workspace, "loan", text)
    with pytest.raises(ConfigError, match=r"configs/loan/case\.yaml") as refusal:
        load_case("loan", workspace)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("train: {rows: 5}\nlimits: {train: {rows: 4}}\n", "train.rows"),
        ("train: {rows: 3.0}\nlimits: {train: {rows: 4}}\n", "train.rows"),
        ("train: {rows: 3}\nlimits: {train: {rows: true}}\n", "limits.train.rows"),
        ("train: {rows: 3, more: null}\nlimits: {train: {rows: 4}}\n", "train.more"),
        ("train: {rows: 3}\n", "limits"),
    ],
)
def test_a_copy_that_is_not_what_the_file_says_is_refused(
    workspace: Path, text: str, place: str
) -> None:
    write_case_text(workspace, "loan", text)
    with pytest.raises(ConfigError, match=r"Run `\./portcullis sync`") as refusal:
        load_case("loan", workspace)
    assert f"something else in {place}." in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_copy_that_somebody_edited_or_removed_is_refused(workspace: Path) -> None:
    path = workspace / "configs" / "loan" / "resolved.yaml"
    path.write_text(path.read_text().replace("rows: 4", "rows: 9"))
    with pytest.raises(ConfigError, match=r"resolved\.yaml: .*limits\.train\.rows"):
        load_case("loan", workspace)
    path.unlink()
    with pytest.raises(ConfigError, match="no such file"):
        load_case("loan", workspace)


def test_a_comment_makes_nothing_stale(workspace: Path) -> None:
    path = workspace / "configs" / "loan" / "case.yaml"
    path.write_text("# why three\n" + path.read_text())
    assert load_case("loan", workspace)["train"] == {"rows": 3}


def test_columns_know_their_roles_and_there_is_one_subject() -> None:
    columns = Columns.model_validate(
        {"email": {"role": "subject", "source": "a"}, "age": {"role": "feature", "source": "a"}}
    )
    assert columns.only(Role.SUBJECT) == "email"
    assert columns.named(Role.FEATURE, Role.SUBJECT) == ("email", "age")
    with pytest.raises(ConfigError, match="exactly one column"):
        columns.only(Role.TARGET)
