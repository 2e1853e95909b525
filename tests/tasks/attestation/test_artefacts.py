"""What a stage declares, and the digests of files and folders: each test changes one thing."""

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.attestation.artefacts import (
    artefact,
    declared,
    files_of,
    named,
    section_of,
)
from tasks.errors import ConfigError, EvidenceError
from tasks.formats.canonical_json import canonical

DVC = """
stages:
  train:
    foreach: [loan, card]
    do:
      cmd: train ${item}
      deps:
        - tasks
        - data/${item}/redact/rows.parquet
        - tasks
      params:
        - configs/${item}.yaml:
            - train
            - train.suite
            - none
      outs:
        - data/${item}/train/model
        - data/${item}/train/empty:
            cache: false
      metrics:
        - data/${item}/train/metrics.json:
            cache: false
      plots:
        - data/${item}/train/curve.json:
            x: step
"""
CASE = """
train:
  seed: 7
  suite: {path: configs/suite.yaml, sha256: aa}
  deep: {inner: {path: configs/deep.yaml, sha256: bb}}
  near: {path: configs/near.yaml, sha256: cc, more: 1}
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A checkout that declares one stage of two use cases."""
    (tmp_path / "dvc.yaml").write_text(DVC)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/loan.yaml").write_text(CASE)
    return tmp_path


def write(workspace: Path, name: str, text: str = "text\n") -> Path:
    path = workspace / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def code(workspace: Path) -> Path:
    """The checkout with a folder of code."""
    for name in ("tasks/a.py", "tasks/b/c.py", "tasks/b.py"):
        write(workspace, name, f"{name}\n")
    return workspace


def test_inputs_are_of_the_use_case_and_each_is_named_once(workspace: Path) -> None:
    inputs = declared("train", "loan", workspace).inputs
    assert inputs[:2] == ("tasks", "data/loan/redact/rows.parquet")
    assert len(set(inputs)) == len(inputs)


def test_a_file_that_a_section_names_is_an_input(workspace: Path) -> None:
    inputs = declared("train", "loan", workspace).inputs
    assert inputs[2:] == ("configs/suite.yaml", "configs/deep.yaml")


def test_outputs_of_every_kind_are_listed_in_order(workspace: Path) -> None:
    assert declared("train", "loan", workspace).outputs == (
        "data/loan/train/curve.json",
        "data/loan/train/empty",
        "data/loan/train/metrics.json",
        "data/loan/train/model",
    )


def test_sections_are_digested_as_canonical_json(workspace: Path) -> None:
    suite = canonical({"path": "configs/suite.yaml", "sha256": "aa"})
    digests = declared("train", "loan", workspace).params_sha256
    assert digests["train.suite"] == hashlib.sha256(suite).hexdigest()


def test_a_section_that_is_not_there_is_digested_as_null(workspace: Path) -> None:
    digests = declared("train", "loan", workspace).params_sha256
    assert digests["none"] == hashlib.sha256(b"null").hexdigest()


def test_comments_and_order_change_no_section_s_digest(workspace: Path) -> None:
    before = declared("train", "loan", workspace).params_sha256
    first, seed, *others = CASE.strip().splitlines()
    write(workspace, "configs/loan.yaml", "\n".join([first, *others, f"{seed}  # lucky"]))
    assert declared("train", "loan", workspace).params_sha256 == before


def test_a_value_changes_the_digests_of_its_sections_alone(workspace: Path) -> None:
    before = declared("train", "loan", workspace).params_sha256
    write(workspace, "configs/loan.yaml", CASE.replace("seed: 7", "seed: 8"))
    after = declared("train", "loan", workspace).params_sha256
    assert {key for key in before if before[key] != after[key]} == {"train"}


@pytest.mark.parametrize("stage", ["register", "Train", ""])
def test_a_stage_that_is_not_declared_is_refused(workspace: Path, stage: str) -> None:
    with pytest.raises(ConfigError, match=f"dvc.yaml: expected a stage `{stage}`"):
        declared(stage, "loan", workspace)


@pytest.mark.parametrize("text", ["", "stages: []\n", "stages: {train: {cmd: x}}\n"])
def test_a_declaration_of_another_form_is_refused(workspace: Path, text: str) -> None:
    write(workspace, "dvc.yaml", text)
    with pytest.raises(ConfigError, match=r"dvc\.yaml"):
        declared("train", "loan", workspace)


def test_without_dvc_yaml_no_stage_is_declared(workspace: Path) -> None:
    (workspace / "dvc.yaml").unlink()
    with pytest.raises(ConfigError, match="expected a stage `train`"):
        declared("train", "loan", workspace)


def test_a_file_counts_alone(code: Path) -> None:
    assert files_of(code, "tasks/a.py") == (code / "tasks/a.py",)


def test_files_of_a_folder_are_sorted_part_by_part(code: Path) -> None:
    names = [path.relative_to(code).as_posix() for path in files_of(code, "tasks")]
    assert names == ["tasks/a.py", "tasks/b/c.py", "tasks/b.py"]


@pytest.mark.parametrize("name", ["tasks/__pycache__/a.cpython-311.pyc", "tasks/b/old.pyc"])
def test_bytecode_beside_code_does_not_count(code: Path, name: str) -> None:
    before = artefact(code, "tasks")
    write(code, name)
    assert artefact(code, "tasks") == before


@pytest.mark.parametrize("name", ["data/loan/x/__pycache__/a", "data/loan/x/old.pyc"])
def test_in_data_everything_counts(workspace: Path, name: str) -> None:
    write(workspace, "data/loan/x/rows")
    before = artefact(workspace, "data/loan/x")
    write(workspace, name)
    assert artefact(workspace, "data/loan/x") != before


@pytest.mark.parametrize("name", ["tasks/pycache/a.py", "tasks/a.pyc.txt", "tasks/.hidden"])
def test_what_is_only_named_like_bytecode_counts(code: Path, name: str) -> None:
    before = artefact(code, "tasks")
    write(code, name)
    assert artefact(code, "tasks") != before


def test_an_empty_folder_below_changes_no_digest(code: Path) -> None:
    before = artefact(code, "tasks")
    (code / "tasks/empty").mkdir()
    assert artefact(code, "tasks") == before


@pytest.mark.parametrize("name", ["tasks/none.py", "none", "data/loan/train/model"])
def test_what_was_declared_and_is_not_there_is_refused(code: Path, name: str) -> None:
    with pytest.raises(EvidenceError, match=f"{name}: expected what the stage declares"):
        artefact(code, name)


def test_a_link_to_nowhere_is_not_there(code: Path) -> None:
    (code / "tasks/link.py").symlink_to("nowhere")
    with pytest.raises(EvidenceError, match="found nothing"):
        files_of(code, "tasks/link.py")


def test_a_link_counts_by_the_bytes_that_it_leads_to(code: Path) -> None:
    before = artefact(code, "tasks")
    (code / "tasks/a.py").rename(code / "cached")
    (code / "tasks/a.py").symlink_to(code / "cached")
    assert artefact(code, "tasks") == before


def test_a_linked_folder_counts_by_its_files(code: Path) -> None:
    before = artefact(code, "tasks")
    (code / "tasks/b").rename(code / "cached")
    (code / "tasks/b").symlink_to(code / "cached")
    assert artefact(code, "tasks") == before


@pytest.mark.parametrize("target", [".", "..", "/etc"])
def test_a_link_to_a_folder_below_data_is_refused_by_the_name_that_was_declared(
    workspace: Path, target: str
) -> None:
    write(workspace, "data/loan/train/model/deep/rows")
    for name in ("one", "other"):
        (workspace / "data/loan/train/model/deep" / name).symlink_to(target)
    with pytest.raises(EvidenceError, match=r"^data/loan/train/model: .*a link to a folder"):
        artefact(workspace, "data/loan/train/model")


def test_below_data_a_folder_may_be_reached_and_a_file_may_lie_behind_a_link(
    workspace: Path,
) -> None:
    write(workspace, "data/loan/train/model/deep/rows")
    before = artefact(workspace, "data/loan/train/model")
    (workspace / "cached").mkdir()
    (workspace / "data/loan/train/model/deep/rows").rename(workspace / "cached/rows")
    (workspace / "data/loan/train/model/deep/rows").symlink_to(workspace / "cached/rows")
    (workspace / "data/loan/train/model").rename(workspace / "cached/model")
    (workspace / "data/loan/train/model").symlink_to(workspace / "cached/model")
    assert artefact(workspace, "data/loan/train/model") == before


def test_a_file_has_the_digests_of_its_bytes(code: Path) -> None:
    file = artefact(code, "tasks/a.py")
    assert file.sha256 == hashlib.sha256(b"tasks/a.py\n").hexdigest()
    assert file.md5 == hashlib.md5(b"tasks/a.py\n", usedforsecurity=False).hexdigest()
    assert not file.is_folder


def test_a_folder_s_digest_is_what_sha256sum_comes_to(code: Path) -> None:
    names = ["a.py", "b/c.py", "b.py"]
    done = subprocess.run(
        ["sha256sum", *names], cwd=code / "tasks", check=True, capture_output=True
    )
    folder = artefact(code, "tasks")
    assert folder.sha256 == hashlib.sha256(done.stdout).hexdigest()
    assert folder.is_folder


def test_a_folder_s_md5_is_of_dvc_s_listing(workspace: Path) -> None:
    write(workspace, "data/loan/x/b.c", "")
    write(workspace, "data/loan/x/b/c", "")
    empty = hashlib.md5(b"", usedforsecurity=False).hexdigest()
    # DVC orders by the text of the path, in which `.` comes before `/`.
    listing = f'[{{"md5": "{empty}", "relpath": "b.c"}}, {{"md5": "{empty}", "relpath": "b/c"}}]'
    md5 = hashlib.md5(listing.encode(), usedforsecurity=False).hexdigest()
    assert artefact(workspace, "data/loan/x").md5 == md5


def rename(code: Path) -> None:
    (code / "tasks/a.py").rename(code / "tasks/z.py")


def swap(code: Path) -> None:
    write(code, "tasks/a.py", "tasks/b.py\n")
    write(code, "tasks/b.py", "tasks/a.py\n")


def move(code: Path) -> None:
    (code / "tasks/b/c.py").rename(code / "tasks/c.py")


def delete(code: Path) -> None:
    (code / "tasks/a.py").unlink()


def edit(code: Path) -> None:
    write(code, "tasks/a.py", "tasks/a.py")


@pytest.mark.parametrize("change", [rename, swap, move, delete, edit])
def test_a_change_below_a_folder_changes_its_digest(
    code: Path, change: Callable[[Path], None]
) -> None:
    before = artefact(code, "tasks")
    change(code)
    after = artefact(code, "tasks")
    assert after.sha256 != before.sha256
    assert after.md5 != before.md5


def test_the_order_in_which_files_were_made_changes_no_digest(tmp_path: Path) -> None:
    for workspace, names in (("one", "abc"), ("other", "cab")):
        for name in names:
            write(tmp_path / workspace, f"tasks/{name}", name)
    assert artefact(tmp_path / "one", "tasks") == artefact(tmp_path / "other", "tasks")


def test_a_touched_file_changes_no_digest(code: Path) -> None:
    digest = artefact(code, "tasks")
    os.utime(code / "tasks/a.py", ns=(1, 1))
    assert artefact(code, "tasks") == digest


def test_bytecode_that_python_leaves_beside_code_changes_no_digest(code: Path) -> None:
    digest = artefact(code, "tasks")
    write(code, "tasks/__pycache__/a.cpython-311.pyc")
    assert artefact(code, "tasks") == digest


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("data/loan/train/model", "loan/train/model"),
        ("configs/loan.yaml", "configs/loan.yaml"),
        ("tasks/data/x", "tasks/data/x"),
    ],
)
def test_outputs_are_named_by_use_case_and_all_else_by_path(path: str, name: str) -> None:
    assert named(path) == name


@pytest.mark.parametrize(
    ("key", "value"),
    [("train.seed", 7), ("train.deep.inner.sha256", "bb"), ("none", None), ("train.seed.x", None)],
)
def test_a_section_is_found_by_its_dotted_name(workspace: Path, key: str, value: object) -> None:
    assert section_of(workspace / "configs/loan.yaml", key) == value
