"""A use case that extends another: what it comes to, and what is refused."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.config.case_paths import FILE_FIELDS, SHARED_FILE_FIELDS
from tasks.config.cases import load_case
from tasks.config.resolving import differing_keys, merge_case, resolve_case, resolved_text
from tasks.errors import ConfigError
from tests.cases import sync_cases, write_case_text

PARENT = """
title: Parent
train: {champion: none yet, rounds: 100, cutoff: {rule: cost, false_decline: 1}, mitigate: [a, b]}
validate: {suite: suite.yaml}
limits: {train: {auc: 0.6, loss: 0.02}}
"""
CHILD = "extends: parent\ntrain: {champion: none yet}\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    write_case_text(tmp_path, "parent", PARENT)
    (tmp_path / "configs" / "parent" / "suite.yaml").write_text("a suite\n")
    write_case_text(tmp_path, "child", CHILD)
    return tmp_path


def child(workspace: Path, text: str) -> dict[str, Any]:
    write_case_text(workspace, "child", f"extends: parent\n{text}")
    return resolve_case("child", workspace)


def test_mappings_are_merged_lists_and_scalars_are_replaced_and_null_removes(
    workspace: Path,
) -> None:
    text = "train: {champion: none yet, rounds: 20, mitigate: [c], cutoff: {false_decline: null}}"
    assert child(workspace, text)["train"] == {
        "champion": "none yet",
        "rounds": 20,
        "cutoff": {"rule": "cost"},
        "mitigate": ["c"],
    }


def test_neither_side_of_a_merge_is_changed() -> None:
    parent = {"a": {"b": 1, "c": 2}}
    merged = merge_case(parent, {"a": {"b": None}}, "x")
    assert merged == {"a": {"c": 2}}
    assert parent == {"a": {"b": 1, "c": 2}}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("titel: null", "titel"),
        ("train: {champion: none yet, cutof: null}", "train.cutof"),
        ("new: {inner: {deep: null}}", "new.inner.deep"),
    ],
)
def test_a_null_that_removes_nothing_is_refused(workspace: Path, text: str, place: str) -> None:
    with pytest.raises(ConfigError, match=rf"child/case\.yaml: {place}: .*found nothing there"):
        child(workspace, text)


@pytest.mark.parametrize("parent", ["child", "nobody", "../parent", "3", "[parent]", "null"])
def test_what_is_extended_has_to_be_another_use_case(workspace: Path, parent: str) -> None:
    write_case_text(workspace, "child", f"extends: {parent}\n")
    with pytest.raises(ConfigError, match=r"child/case\.yaml: extends") as refusal:
        resolve_case("child", workspace)
    assert "\n" not in str(refusal.value)


def test_a_use_case_that_extends_cannot_be_extended(workspace: Path) -> None:
    write_case_text(workspace, "grandchild", "extends: child\n")
    with pytest.raises(ConfigError, match="`child`, which extends one itself"):
        resolve_case("grandchild", workspace)


def test_the_champion_is_not_inherited(workspace: Path) -> None:
    assert "champion" not in child(workspace, "train: {rounds: 20}")["train"]


@pytest.mark.parametrize(
    "text",
    [
        "limits: {train: {auc: 0.5}}",
        "limits: {train: {auc: null}}",
        "limits: {train: {more: 1}}",
        "limits: {explain: {more: 1}}",
        "limits: null",
        "limits: {train: {auc: 0.5}}\nlimit_changes: {train.auc: too short}",
        "limits: {train: {auc: 0.5}}\nlimit_changes: [train.auc]",
        "limits: {train: {auc: 0.5}}\nlimit_changes: {train: not by its own name at all}",
        "limit_changes: {train.auc: it is no other limit than that of the parent}",
    ],
)
def test_another_limit_needs_a_reason_and_a_reason_another_limit(
    workspace: Path, text: str
) -> None:
    with pytest.raises(ConfigError, match="limit_changes") as refusal:
        child(workspace, text)
    assert "\n" not in str(refusal.value)


def test_another_limit_with_a_reason_is_taken(workspace: Path) -> None:
    text = "limits: {train: {auc: 0.5}}\nlimit_changes: {train.auc: a pilot with few applicants}"
    assert child(workspace, text)["limits"] == {"train": {"auc": 0.5, "loss": 0.02}}


def test_reasons_for_limits_need_something_that_is_extended(workspace: Path) -> None:
    write_case_text(workspace, "parent", f"{PARENT}limit_changes: {{train.auc: no longer true}}")
    with pytest.raises(ConfigError, match="no use case that this one extends"):
        resolve_case("parent", workspace)


def test_a_file_is_that_of_the_use_case_that_names_it(workspace: Path) -> None:
    inherited = resolve_case("child", workspace)["validate"]["suite"]
    assert inherited["path"] == "configs/parent/suite.yaml"
    (workspace / "configs" / "child" / "suite.yaml").write_text("another suite\n")
    own = child(workspace, "validate: {suite: suite.yaml}")["validate"]["suite"]
    assert own["path"] == "configs/child/suite.yaml"
    assert own["sha256"] != inherited["sha256"]


def test_a_change_in_the_parent_s_file_makes_the_child_stale_and_its_own_makes_nothing_else(
    workspace: Path,
) -> None:
    write_case_text(workspace, "stranger", "title: Another\n")
    sync_cases(workspace)
    (workspace / "configs" / "parent" / "suite.yaml").write_text("a stricter suite\n")
    for stale in ("parent", "child"):
        with pytest.raises(ConfigError, match=r"validate\.suite\.sha256"):
            load_case(stale, workspace)
    load_case("stranger", workspace)


def test_a_file_that_nobody_names_is_refused(workspace: Path) -> None:
    for name in ("suite.yaml", "champion.json"):
        path = workspace / "configs" / "child" / name
        path.write_text("{}")
        with pytest.raises(ConfigError, match=f"{name}, which lies beside it"):
            resolve_case("child", workspace)
        path.unlink()


@pytest.mark.parametrize(
    "suite",
    [
        "gone.yaml",
        "../parent/suite.yaml",
        "../../data/x",
        "../child/suite.yaml",
        "x/../suite.yaml",
        "./suite.yaml",
        "x//suite.yaml",
        "/etc/hostname",
        "/dev/zero",
        "~/suite.yaml",
        "-suite.yaml",
        ".hidden",
        '""',
        '"."',
        "'a b'",
        "'a;b'",
        "[a]",
        "{a: b}",
        "3",
        "true",
    ],
)
def test_a_named_file_lies_in_the_folder(workspace: Path, suite: str) -> None:
    with pytest.raises(ConfigError, match=r"child/case\.yaml: validate\.suite"):
        child(workspace, f"validate: {{suite: {suite}}}")


@pytest.mark.parametrize("field", sorted(FILE_FIELDS))
def test_every_field_that_names_a_file_takes_no_path_out_of_the_folder(
    workspace: Path, field: str
) -> None:
    section, _, key = field.partition(".")
    (workspace / "data").mkdir()
    (workspace / "data" / "x").write_text("{}")
    with pytest.raises(ConfigError, match=rf"child/case\.yaml: {field}: .*a file below"):
        child(workspace, f"{section}: {{{key}: ../../data/x}}")


@pytest.mark.parametrize("field", SHARED_FILE_FIELDS)
@pytest.mark.parametrize(
    "stated",
    [
        "data/x",
        "configs/recognisers/../../data/x",
        "configs/recognisers",
        "configs/recognisers/gone.yaml",
        "configs/parent/suite.yaml",
        "/etc/hostname",
        "[a]",
    ],
)
def test_a_shared_file_lies_where_all_of_it_is_digested(
    workspace: Path, field: str, stated: str
) -> None:
    (workspace / "data").mkdir()
    (workspace / "data" / "x").write_text("{}")
    (workspace / "configs" / "recognisers").mkdir()
    section, _, key = field.partition(".")
    with pytest.raises(ConfigError, match=rf"child/case\.yaml: {field}: .*configs/recognisers/"):
        child(workspace, f"{section}: {{{key}: {stated}}}")


def test_a_shared_file_is_taken_from_its_folder_and_not_through_a_link(workspace: Path) -> None:
    folder = workspace / "configs" / "recognisers"
    folder.mkdir()
    (folder / "bank.yaml").write_text("{}")
    values = child(workspace, "redact: {recognisers: configs/recognisers/bank.yaml}")
    assert values["redact"] == {"recognisers": "configs/recognisers/bank.yaml"}
    (folder / "lax.yaml").symlink_to(workspace / "configs" / "parent" / "suite.yaml")
    with pytest.raises(ConfigError, match="found a link"):
        child(workspace, "redact: {recognisers: configs/recognisers/lax.yaml}")


@pytest.mark.parametrize("is_folder", [False, True])
def test_a_link_on_the_way_to_a_file_is_refused(workspace: Path, is_folder: bool) -> None:
    (workspace / "data").mkdir()
    (workspace / "data" / "suite.yaml").write_text("laxer\n")
    folder = workspace / "configs" / "child"
    if is_folder:
        (folder / "lax").symlink_to(workspace / "data")
    else:
        (folder / "lax").mkdir()
        (folder / "lax" / "suite.yaml").symlink_to(workspace / "data" / "suite.yaml")
    with pytest.raises(ConfigError, match=r"^configs/child/lax.*: .*found a link"):
        child(workspace, "validate: {suite: lax/suite.yaml}")


def test_a_pipe_a_folder_or_a_huge_file_in_a_file_s_place_holds_nobody_up(workspace: Path) -> None:
    folder = workspace / "configs" / "child"
    os.mkfifo(folder / "pipe")
    (folder / "folder").mkdir()
    (folder / "huge").touch()
    os.truncate(folder / "huge", 1 << 40)
    for name, reason in (("pipe", "no regular"), ("folder", "a folder"), ("huge", "more than")):
        with pytest.raises(ConfigError, match=rf"validate\.suite: .*{reason}"):
            child(workspace, f"validate: {{suite: {name}}}")


def test_a_champion_that_is_declared_and_gone_is_refused(workspace: Path) -> None:
    path = workspace / "configs" / "child" / "champion.json"
    path.write_text("{}")
    pinned = child(workspace, "train: {champion: champion.json}")["train"]["champion"]
    assert set(pinned) == {"path", "sha256"}
    path.unlink()
    with pytest.raises(ConfigError, match="A yardstick that is gone is never a pass"):
        resolve_case("child", workspace)


def test_the_copy_holds_the_same_values_and_names_what_it_was_made_of(workspace: Path) -> None:
    values = resolve_case("child", workspace)
    text = resolved_text("child", values)
    assert differing_keys(yaml.safe_load(text), values) == ()
    assert "configs/child/case.yaml and configs/parent/case.yaml" in text.splitlines()[0]
    assert "&id" not in text


def test_values_of_different_types_differ() -> None:
    assert differing_keys({"a": 1}, {"a": 1.0}) == ("a",)
    assert differing_keys({"a": 1}, {"a": True}) == ("a",)
    assert differing_keys({"a": [1, 2]}, {"a": [1, 2.0]}) == ("a",)
    assert differing_keys({"a": None}, {}) == ("a",)
    assert differing_keys({"a": {"b": "x"}}, {"a": {"b": "x"}}) == ()
