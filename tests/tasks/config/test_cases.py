import pytest
from pydantic import BaseModel, ConfigDict

from tasks.config.cases import Columns, Role, case_names, load_case, section
from tasks.errors import ConfigError


class Params(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    rows: int


@pytest.fixture
def root(tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "index.yaml").write_text("use_cases: [loan]\n")
    (tmp_path / "configs" / "loan.yaml").write_text(
        "train: {rows: 3}\nlimits: {train: {rows: 4}}\n"
    )
    return tmp_path


def test_a_section_is_read_by_its_own_parameter_class(root):
    assert section("loan", "train", Params, root).rows == 3
    assert section("loan", "limits.train", Params, root).rows == 4
    assert case_names(root) == ("loan",)


def test_a_mistyped_use_case_names_the_known_ones(root):
    with pytest.raises(ConfigError, match="one of: loan"):
        load_case("laon", root)


@pytest.mark.parametrize(
    "text", ["train: {rows: 3, typo: 1}", "train: {rows: many}", "train: {}", "other: {}"]
)
def test_an_unknown_key_a_wrong_type_or_a_missing_section_is_one_line(root, text):
    (root / "configs" / "loan.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"configs/loan\.yaml") as refusal:
        section("loan", "train", Params, root)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("text", ["a: [", "- a\n- b\n", ""])
def test_a_file_that_is_no_mapping_is_refused(root, text):
    (root / "configs" / "loan.yaml").write_text(text)
    with pytest.raises(ConfigError):
        load_case("loan", root)


def test_columns_know_their_roles_and_there_is_one_subject():
    columns = Columns.model_validate(
        {"email": {"role": "subject", "source": "a"}, "age": {"role": "feature", "source": "a"}}
    )
    assert columns.only(Role.SUBJECT) == "email"
    assert columns.named(Role.FEATURE, Role.SUBJECT) == ("email", "age")
    with pytest.raises(ConfigError, match="exactly one column"):
        columns.only(Role.TARGET)
