"""What a use case may be called: one rule, whichever door the name comes through."""

from pathlib import Path

import pytest

from tasks.config.case_name import RESERVED, check_case_name
from tasks.config.case_paths import INDEX, case_names_in, case_path
from tasks.config.cases import case_names, load_case
from tasks.config.resolving import resolve_case
from tasks.errors import ConfigError
from tests.cases import sync_cases, write_case_text

HOSTILE = (
    "x;touch pwned;true",
    "$(id)",
    "`id`",
    "a b",
    "a\nb",
    "loan\n",
    "../loan",
    "/etc",
    ".",
    "..",
    "",
    "-rf",
    "_x",
    "1x",
    "Loan",
    "l\u00f6an",
    "loan\u202e",
    "\x1b[31mloan",
    "a" * 41,
    "loan.",
    "a@b",
    "${item}",
    "[/b]",
    "nul\0l",
    "lo\ud800an",
    "con",
    "com1",
    "policy",
    "records",
    "no",
    "null",
)


@pytest.mark.parametrize("name", ["loan", "loan_unmitigated", "a", "a1_", "a" * 40])
def test_a_plain_name_is_taken(name: str) -> None:
    assert check_case_name(name, "x") == name


@pytest.mark.parametrize("name", [*HOSTILE, None, True, 3, ["loan"], {"loan": 1}], ids=ascii)
def test_any_other_is_refused_in_one_printable_line(name: object) -> None:
    with pytest.raises(ConfigError, match="a use case's name") as refusal:
        check_case_name(name, "the index")
    assert str(refusal.value).isprintable()


def test_a_person_s_identifier_in_its_place_is_not_quoted() -> None:
    with pytest.raises(ConfigError) as refusal:
        check_case_name("ann.smith@example.org", "use case")
    assert "ann" not in str(refusal.value)
    assert "smith" not in str(refusal.value)


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_command_or_flow_does_not_load_a_use_case_of_such_a_name(
    name: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="a use case's name"):
        load_case(name, tmp_path)


@pytest.mark.parametrize("entry", ['"x;touch pwned;true"', "no", "1", "null", "[loan]", "policy"])
def test_the_index_lists_nothing_else(entry: str, tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / INDEX).write_text(f"use_cases: [loan, {entry}]")
    with pytest.raises(ConfigError, match=r"configs/index\.yaml: use_cases: .*a use case's name"):
        case_names(tmp_path)


def test_the_index_lists_every_use_case_once(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / INDEX).write_text("use_cases: [loan, loan]")
    with pytest.raises(ConfigError, match="one of them twice"):
        case_names(tmp_path)


@pytest.mark.parametrize("name", ["x;touch pwned;true", "a b", "-rf", "Loan", *sorted(RESERVED)])
def test_a_folder_of_configs_with_a_case_is_called_so(name: str, tmp_path: Path) -> None:
    write_case_text(tmp_path, name, "title: x\n")
    with pytest.raises(ConfigError, match="a folder in configs/"):
        case_names_in(tmp_path)


@pytest.mark.parametrize("parent", ["../loan", "policy", "x;id", "/tmp/loan", "Loan"])
def test_only_such_a_name_is_extended(parent: str, tmp_path: Path) -> None:
    write_case_text(tmp_path, "loan", f"extends: '{parent}'\n")
    with pytest.raises(ConfigError, match=r"loan/case\.yaml: extends"):
        resolve_case("loan", tmp_path)


def test_a_folder_that_is_a_link_is_no_use_case(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "case.yaml").write_text("title: x\n")
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "loan").symlink_to(elsewhere)
    with pytest.raises(ConfigError, match=r"^configs/loan: .*found a link"):
        resolve_case("loan", tmp_path)


def test_a_case_file_that_is_a_link_is_not_read(tmp_path: Path) -> None:
    write_case_text(tmp_path, "loan", "title: x\n")
    path = tmp_path / case_path("loan")
    path.rename(tmp_path / "case.yaml")
    path.symlink_to(tmp_path / "case.yaml")
    with pytest.raises(ConfigError, match=r"^configs/loan/case\.yaml: .*found a link"):
        resolve_case("loan", tmp_path)


def test_a_checkout_may_itself_be_reached_through_a_link(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    write_case_text(checkout, "loan", "title: x\n")
    sync_cases(checkout)
    (tmp_path / "link").symlink_to(checkout)
    assert load_case("loan", tmp_path / "link")["title"] == "x"
