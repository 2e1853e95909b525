"""On one's own machine: what is refused there, and what a proof or a log says of it."""

import base64
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from flows.steps.markdown import as_markdown
from tasks.attestation.artefacts import Declared
from tasks.attestation.keyring import revoke_key
from tasks.attestation.roles import GATE, ROOT
from tasks.attestation.signing_keys import LocalSigner
from tasks.clearance.bundle_writer import choose, files_of
from tasks.code_identity.commits import find_commit
from tasks.code_identity.tree import read_tree
from tasks.config.case_name import check_case_name
from tasks.errors import EvidenceError, PortcullisError, Refusal, RefusalKind, SourceError
from tasks.formats.archives import archive
from tasks.formats.strict_json import JsonFaultError, parse_json
from tasks.formats.yaml_file import parse_yaml
from tasks.gates import Outcome
from tasks.ledger.checkpoint import COSIGNATURE, cosigned_bytes, key_hash, read_checkpoint
from tasks.plain_text import one_line
from tasks.stages.ingest.reading.delivery import ExpectedDelivery
from tasks.verifier.__main__ import main as verify
from tasks.verifier.lineage import MODEL, examine
from tasks.worker.run_folder import open_run_folder
from tests.attacks.attempts import Kind, Mode, attempt
from tests.attacks.judging import commit, kinds
from tests.cases import change_case
from tests.tasks.judged import CASE, sign_for
from tests.tasks.verifier.signed_log import SignedLog, digest

# Settings, exchanged while they are read


Exchange = Callable[[Path], None]


def exchange_limits(workspace: Path) -> None:
    """Let the limits be lax for a moment."""
    path = workspace / "configs" / "case.yaml"
    before = path.read_text()
    path.write_text("lax")
    path.write_text(before)


def exchange_rows(workspace: Path) -> None:
    """Let other rows lie there for a moment, with the same time and size."""
    path = workspace / "data" / CASE / "redact" / "rows.parquet"
    before, status = path.read_bytes(), path.stat()
    path.write_bytes(before[::-1])
    path.write_bytes(before)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def exchange_folder(workspace: Path) -> None:
    """Let another folder lie in the place of the stage's for a moment."""
    folder = workspace / "data" / CASE / "redact"
    kept = folder.with_name("kept")
    folder.rename(kept)
    shutil.copytree(kept, folder)
    shutil.rmtree(folder)
    kept.rename(folder)


@attempt(
    Kind.SETTINGS,
    Mode.LOCAL,
    "rows exchanged while a stage runs, and put back with their time",
    stopped_by="the kernel's marks of an input (change time, inode) are compared; nothing is "
    "signed",
    cases=("the file's bytes", "the folder around it"),
)
@pytest.mark.parametrize("exchange", [exchange_rows, exchange_folder])
def test_rows_that_are_exchanged_for_a_moment(tmp_path: Path, exchange: Exchange) -> None:
    workspace = tmp_path / "checkout"
    rows = workspace / "data" / CASE / "redact" / "rows.parquet"
    rows.parent.mkdir(parents=True)
    rows.write_text("rows")
    snapshot = tmp_path / "trees" / "abc"
    (snapshot / "configs").mkdir(parents=True)
    (snapshot / "configs" / "case.yaml").write_text("strict")
    inputs = (f"data/{CASE}/redact/rows.parquet",)
    declared = Declared("explain", CASE, inputs, (f"data/{CASE}/explain/verdict.json",), {})
    with open_run_folder(declared, workspace, snapshot) as run:
        before = run.marks()
        exchange(workspace)
        with pytest.raises(EvidenceError, match="expected to stay as it was"):
            run.require_unchanged(before)


@attempt(
    Kind.SETTINGS,
    Mode.LOCAL,
    "limits of the checkout exchanged while a stage runs",
    stopped_by="a stage reads a copy of the bytes that are signed, and not the checkout",
)
def test_limits_that_are_exchanged_for_a_moment(tmp_path: Path) -> None:
    workspace = tmp_path / "checkout"
    (workspace / "data").mkdir(parents=True)
    snapshot = tmp_path / "trees" / "abc"
    for folder in (workspace, snapshot):
        (folder / "configs").mkdir(parents=True)
        (folder / "configs" / "case.yaml").write_text("strict")
    with open_run_folder(Declared("train", CASE, (), (), {}), workspace, snapshot) as run:
        (workspace / "configs" / "case.yaml").write_text("lax")
        assert (run.path / "configs" / "case.yaml").read_text() == "strict"


@attempt(
    Kind.SETTINGS,
    Mode.LOCAL,
    "a limit loosened after the model was judged by a stricter one",
    stopped_by="each verdict names the limits that it was made by (limits.changed)",
)
def test_a_limit_that_is_loosened_afterwards(judged_case: Path) -> None:
    assert kinds(judged_case) == []
    change_case(judged_case, CASE, lambda values: values["limits"]["fairness"].update(m=0.0))
    assert {RefusalKind.LIMITS_CHANGED, RefusalKind.CONFIGURATION_CHANGED} & set(kinds(judged_case))


# Code that is said to be clean


def skip_worktree(workspace: Path) -> None:
    git(workspace, "update-index", "--skip-worktree", POLICY)


def assume_unchanged(workspace: Path) -> None:
    git(workspace, "update-index", "--assume-unchanged", POLICY)


def stage_it(workspace: Path) -> None:
    git(workspace, "add", POLICY)


def replace_blob(workspace: Path) -> None:
    blob = git(workspace, "rev-parse", f"HEAD:{POLICY}")
    git(workspace, "replace", blob, git(workspace, "hash-object", "-w", POLICY))


def filter_it(workspace: Path) -> None:
    git(workspace, "config", "filter.hide.clean", f"git cat-file blob HEAD:{POLICY}")
    (workspace / ".git" / "info" / "attributes").write_text("*.rego filter=hide\n")


def monitor(workspace: Path) -> None:
    program = workspace / ".git" / "monitor"
    program.write_text(f"#!/bin/sh\ntouch {workspace.parent}/planted\n")
    program.chmod(0o755)
    git(workspace, "config", "core.fsmonitor", str(program))


def alternate(workspace: Path) -> None:
    other = workspace.parent / "other"
    subprocess.run(["git", "init", "-q", str(other)], check=True)
    (workspace / ".git" / "objects" / "info").mkdir(exist_ok=True)
    (workspace / ".git" / "objects" / "info" / "alternates").write_text(f"{other}/.git/objects\n")


POLICY = "configs/policy/clearance.rego"
HIDING: dict[str, Callable[[Path], None]] = {
    "skip-worktree": skip_worktree,
    "assume-unchanged": assume_unchanged,
    "the change in the index": stage_it,
    "a blob that replaces the committed one": replace_blob,
    "a filter that cleans it away": filter_it,
    "a file-system monitor that sees nothing": monitor,
    "another repository's objects": alternate,
}


@attempt(
    Kind.CLEAN,
    Mode.LOCAL,
    "a changed policy hidden from `git status`",
    stopped_by="the bytes that lie there are compared with git's objects, by their ids",
    cases=tuple(HIDING),
)
@pytest.mark.parametrize("way", HIDING)
def test_a_change_that_git_status_does_not_see(judged_case: Path, way: str) -> None:
    commit(judged_case)
    path = judged_case / POLICY
    path.write_text(path.read_text() + "\n# mine\n")
    HIDING[way](judged_case)
    assert find_commit(judged_case, read_tree(judged_case)).dirty == (POLICY,)
    assert not (judged_case.parent / "planted").exists()


@attempt(
    Kind.CLEAN,
    Mode.LOCAL,
    "a planted file that git is told to ignore",
    stopped_by="ignore files are not asked",
    cases=(".git/info/exclude", ".gitignore", "configs/.gitignore", ".dvcignore"),
)
@pytest.mark.parametrize(
    "ignoring", [".git/info/exclude", ".gitignore", "configs/.gitignore", ".dvcignore"]
)
def test_a_file_that_is_ignored(judged_case: Path, ignoring: str) -> None:
    commit(judged_case)
    (judged_case / ignoring).write_text("*.rego\n.gitignore\n")
    (judged_case / "configs" / "policy" / "more.rego").write_text("package portcullis.more\n")
    dirty = find_commit(judged_case, read_tree(judged_case)).dirty
    assert "configs/policy/more.rego" in dirty


def git(workspace: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=workspace, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


# Proofs


def bundle_of(log: SignedLog, folder: Path, *, is_whole: bool = True, note: str = "") -> Path:
    """Write what the log says about the model to a bundle."""
    read = log.read()
    chain = examine(read, CASE, digest(MODEL))
    contents = choose(read, chain, may_be_complete=is_whole)
    if note:
        contents = replace(contents, log=replace(contents.log, note=note))
    path = folder / "bundle.zip"
    path.write_bytes(archive(files_of(contents, log.ledger)))
    return path


@pytest.fixture
def registered_log(signed_log: SignedLog) -> SignedLog:
    signed_log.say_decided("register")
    return signed_log


def prove(path: Path, log: SignedLog, *more: str) -> int:
    return verify([str(path), "--root", log.trusted, *more])


@attempt(
    Kind.VERIFY,
    Mode.LOCAL,
    "a bundle that is cut to its chain, so that what came later is left out",
    stopped_by="it is partial: exit 5 unless that was asked for",
)
def test_a_bundle_that_is_cut(registered_log: SignedLog, tmp_path: Path) -> None:
    registered_log.say_judged("train", Outcome.FAIL, case="other")
    assert prove(bundle_of(registered_log, tmp_path, is_whole=False), registered_log) == 5


@attempt(
    Kind.VERIFY,
    Mode.LOCAL,
    "the revocation of a key left out of a bundle",
    stopped_by="a complete bundle has every entry; a partial one establishes nothing (exit 5)",
)
def test_a_revocation_that_is_left_out(registered_log: SignedLog, tmp_path: Path) -> None:
    registered_log.say_judged("train", Outcome.FAIL, case="other")
    cut = bundle_of(registered_log, tmp_path, is_whole=False).read_bytes()
    revocation = revoke_key(registered_log.signers[GATE].public.keyid, 0, "stolen")
    registered_log.append(revocation, ROOT)
    assert prove(bundle_of(registered_log, tmp_path), registered_log) in (3, 6)

    path = tmp_path / "cut.zip"
    path.write_bytes(cut)
    assert prove(path, registered_log) == 5


@attempt(
    Kind.VERIFY,
    Mode.LOCAL,
    "a bundle of a log of one's own, signed with keys of one's own",
    stopped_by="the root key has to be given: exit 5 without, 6 with another, 2 for an empty one",
    cases=("no root key", "another root key", "an empty root key"),
)
@pytest.mark.parametrize(
    ("words", "code"), [((), 5), (("--root", "0" * 64), 6), (("--root", ""), 2)]
)
def test_a_log_of_one_s_own(
    registered_log: SignedLog, tmp_path: Path, words: tuple[str, ...], code: int
) -> None:
    assert verify([str(bundle_of(registered_log, tmp_path)), *words]) == code


@attempt(
    Kind.VERIFY,
    Mode.LOCAL,
    "a registered model whose gate failed, or whose decision fell against it, later",
    stopped_by="the latest verdict and decision count: exit 3, named",
    cases=("a verdict", "a decision"),
)
@pytest.mark.parametrize("later", ["verdict", "decision"])
def test_what_was_found_later(
    registered_log: SignedLog, tmp_path: Path, later: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if later == "verdict":
        registered_log.say_judged("train", Outcome.FAIL)
    else:
        refusal = Refusal(RefusalKind.CHECK_FAILED, "train: too little")
        registered_log.say_decided("register", (refusal,))
    assert prove(bundle_of(registered_log, tmp_path), registered_log) == 3
    assert "NOT CLEARED" in capsys.readouterr().out


@attempt(
    Kind.VERIFY,
    Mode.LOCAL,
    "a signature of somebody unknown under a checkpoint",
    stopped_by="a line whose key nobody gave is refused: exit 6",
)
def test_a_signature_of_nobody(registered_log: SignedLog, tmp_path: Path) -> None:
    note = registered_log.ledger.store.head()
    assert note is not None
    signer = LocalSigner.make(tmp_path / "w.pem")
    time = 1_800_000_000
    signed = signer.sign(cosigned_bytes(read_checkpoint(note)[0], time))
    body = key_hash("w.example", signer.public.raw, COSIGNATURE) + time.to_bytes(8) + signed
    line = f"\u2014 w.example {base64.b64encode(body).decode()}\n"
    path = bundle_of(registered_log, tmp_path, note=note + line)
    assert prove(path, registered_log) == 6


@attempt(
    Kind.VERIFY,
    Mode.LOCAL,
    "one bit of a bundle turned, or its end cut off",
    stopped_by="every byte is digested or compared: exit 6",
    cases=("in its middle", "near its end", "cut off"),
)
@pytest.mark.parametrize("place", [0.5, 0.9, 1.0])
def test_a_bundle_with_other_bytes(registered_log: SignedLog, tmp_path: Path, place: float) -> None:
    path = bundle_of(registered_log, tmp_path)
    whole = bytearray(path.read_bytes())
    if place == 1.0:
        whole = whole[:-1]
    else:
        whole[int(len(whole) * place)] ^= 1
    path.write_bytes(whole)
    assert prove(path, registered_log) == 6


# The log


@attempt(
    Kind.LOG,
    Mode.LOCAL,
    "the database put back to what it was, so that a later failure is gone",
    stopped_by="the pin remembers a longer log, and a log that has begun needs its pin",
    cases=("with the pin of today", "with the pin deleted"),
)
@pytest.mark.parametrize("is_pin_deleted", [False, True])
def test_a_log_that_was_put_back(judged_case: Path, tmp_path: Path, is_pin_deleted: bool) -> None:
    home = tmp_path / "home"
    kept = tmp_path / "kept"
    kept.mkdir()
    for path in home.glob("ledger.db*"):
        shutil.copy2(path, kept)
    sign_for(judged_case, "fairness")
    for path in home.glob("ledger.db*"):
        path.unlink()
    for path in kept.iterdir():
        shutil.copy2(path, home)
    if is_pin_deleted:
        (home / "ledger.pin").unlink()
    assert kinds(judged_case) == [RefusalKind.LEDGER_UNREADABLE]


@attempt(
    Kind.LOG,
    Mode.LOCAL,
    "the database and the pin put back together",
    stopped_by="nothing on one's own machine: both are genuine; a mirror, a witness or a bundle "
    "that somebody kept tells, and what is in force can require one (in_force.anchor_missing)",
    is_stopped=False,
)
def test_a_log_and_its_pin_that_were_put_back(judged_case: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(home, tmp_path / "kept")
    sign_for(judged_case, "fairness")
    shutil.rmtree(home)
    shutil.copytree(tmp_path / "kept", home)
    assert kinds(judged_case) == []


@attempt(
    Kind.LOG,
    Mode.LOCAL,
    "the ledger deleted, pin and all, and begun anew",
    stopped_by="an empty ledger clears nothing, and a new one has signed for nothing",
)
def test_a_ledger_that_is_gone(judged_case: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "home").glob("ledger.*"):
        path.unlink()
    assert kinds(judged_case) == [RefusalKind.LEDGER_EMPTY]


# Input that nobody expected


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + level)}: &{chr(98 + level)} [{', '.join([f'*{chr(97 + level)}'] * 9)}]\n"
    for level in range(8)
)


@attempt(
    Kind.INPUT,
    Mode.LOCAL,
    "YAML that reads otherwise than it looks",
    stopped_by="aliases, keys that stand there twice and keys that are booleans are refused",
    cases=("a bomb of aliases", "a key twice", "a key that is a boolean", "a merge"),
)
@pytest.mark.parametrize(
    "text", [BOMB, "auc: 0.9\nauc: 0.1\n", "no: 1\n", "a: &a {auc: 1}\nb:\n  <<: *a\n"]
)
def test_yaml_that_is_a_trap(text: str) -> None:
    with pytest.raises((PortcullisError, ValueError)):
        parse_yaml(text, "case.yaml")


@attempt(
    Kind.INPUT,
    Mode.LOCAL,
    "JSON that two programs read differently",
    stopped_by="statements are read strictly",
    cases=("NaN", "infinity", "a lone surrogate", "a key twice", "nesting without end"),
)
@pytest.mark.parametrize(
    "text", ['{"a": NaN}', '{"a": 1e999}', '"\\ud800"', '{"a": 1, "a": 2}', "[" * 100_000]
)
def test_json_that_is_a_trap(text: str) -> None:
    with pytest.raises(JsonFaultError):
        parse_json(text)


@attempt(
    Kind.INPUT,
    Mode.LOCAL,
    "a use case that is named like a command, a path, a device or a shared folder",
    stopped_by="one rule for names holds at every door",
    cases=("a command", "a path", "an option", "a shared folder", "a device", "a boolean"),
)
@pytest.mark.parametrize(
    "name", ["x;touch pwned;true", "../loan", "--help", "policy", "nul", "true"]
)
def test_a_name_of_a_use_case(name: str) -> None:
    with pytest.raises(PortcullisError, match="a use case's name") as error:
        check_case_name(name, "use case")
    assert name not in str(error.value)


GROUPS = {
    "an element of HTML": "<img src=x onerror=alert(1)>",
    "a heading": "blue\n## REGISTERED",
    "a link": "[cleared](https://example.org)",
    "a cell of a table": "a | PASS |",
    "the end of a style": "[/b]",
}


@attempt(
    Kind.INPUT,
    Mode.LOCAL,
    "a group of the data whose name is written like a result",
    stopped_by="texts are shown as they stand: escaped in Markdown, one line on the terminal",
    cases=tuple(GROUPS),
)
@pytest.mark.parametrize("case", GROUPS)
def test_a_group_that_is_named_like_a_result(case: str) -> None:
    shown = as_markdown(GROUPS[case])
    assert "\n" not in shown
    assert "<" not in shown
    for character in "|[#":
        assert shown.count(character) == shown.count(f"\\{character}")


@attempt(
    Kind.INPUT,
    Mode.LOCAL,
    "a text that moves the cursor of a terminal, or turns the direction of writing",
    stopped_by="characters that are not shown are escaped",
    cases=("an escape sequence", "a carriage return", "a direction", "a new line"),
)
@pytest.mark.parametrize("text", ["a\x1b[2Jb", "FAILED\rPASSED", "a\u202eb", "a\nREGISTERED"])
def test_a_text_that_moves_the_cursor(text: str) -> None:
    assert one_line(text).isprintable()


@attempt(
    Kind.INPUT,
    Mode.LOCAL,
    "a delivery without its header line, whose first row would be quoted as columns",
    stopped_by="messages count what is not declared, and quote nothing of it",
)
def test_a_delivery_without_its_header() -> None:
    declared = frozenset({"email", "income"})
    delivery = ExpectedDelivery("s", declared, ("email", "income"), frozenset(), frozenset())
    with pytest.raises(SourceError, match="2 columns, none of them declared") as error:
        delivery.check_names(["person1@example.org", "51.2"])
    assert "person1" not in str(error.value)
