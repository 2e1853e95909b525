"""Evidence of a whole release, by DVC and by the flow: verified, bundled, proven, attacked."""

import json
import subprocess
import sys
import zipfile
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.flows.workspace import CASE, HERE, Workspace

pytestmark = pytest.mark.integration
REGISTER = f"register@{CASE}"


def portcullis(
    workspace: Workspace, *arguments: str, check: bool = True, **environment: str
) -> subprocess.CompletedProcess[str]:
    return workspace.run(sys.executable, "-m", "flows", *arguments, check=check, **environment)


def statements(path: Path) -> list[dict[str, Any]]:
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.startswith("statements/"))
        return [json.loads(b64decode(json.loads(archive.read(name))["payload"])) for name in names]


@pytest.fixture(scope="module")
def bundle(released: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the release. Never changed."""
    folder = tmp_path_factory.mktemp("bundled")
    path = folder / "bundle.zip"
    portcullis(released.copy(folder), "bundle", CASE, "--output", str(path))
    return path


def test_the_chain_is_printed_and_a_bundle_verifies_elsewhere(
    workspace: Workspace, bundle: Path, tmp_path: Path
) -> None:
    done = portcullis(workspace, "verify", CASE)
    assert "every link holds, and it was cleared for registration" in done.stdout
    for stage in ("train", "redact", "ingest", "admit"):
        assert f"made by {stage}" in done.stdout
    assert "today" not in done.stdout
    elsewhere = workspace.run(
        sys.executable,
        "-m",
        "tasks.verifier",
        str(bundle),
        "--unpinned",
        PORTCULLIS_HOME=str(tmp_path / "none"),
    )
    assert "every byte verifies" in elsewhere.stdout
    assert not (tmp_path / "none").exists()


def test_every_stage_was_signed_for_with_what_dvc_s_lock_says(
    workspace: Workspace, bundle: Path
) -> None:
    lock = yaml.safe_load((workspace.root / "dvc.lock").read_text())["stages"]
    seen = {}
    for statement in statements(bundle):
        if "slsa.dev/provenance" in statement["predicateType"]:
            said = statement["predicate"]
            seen[said["buildDefinition"]["externalParameters"]["stage"]] = statement
    assert set(seen) == {name.partition("@")[0] for name in lock}
    for stage, statement in seen.items():
        entry = lock[f"{stage}@{CASE}"]
        listed = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
        for kind, found in (("deps", listed), ("outs", statement["subject"])):
            ours = {each.get("name"): each["digest"].get("md5") for each in found}
            for theirs in entry[kind]:
                assert ours[theirs["path"].removeprefix("data/")] == theirs["md5"].removesuffix(
                    ".dir"
                ), theirs["path"]
    redact = seen["redact"]["predicate"]["runDetails"]["byproducts"]
    assert {each["name"]: each["annotations"]["count"] for each in redact} == {
        "rows unsealed": 900,
        "rows shredded": 0,
    }


def test_the_bundle_holds_nothing_about_a_person(workspace: Workspace, bundle: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        text = b"".join(archive.read(name) for name in archive.namelist())
    text += json.dumps(statements(bundle)).encode()
    assert b"person77@example.org" not in text
    assert b"@example.org" not in text
    subjects = workspace.run(
        sys.executable,
        "-c",
        f"{HERE} from tasks.stages.workspace import StageRun;"
        f"rows = StageRun('explain', '{CASE}', here).read_rows('redact');"
        "print(*rows['subject'][:50])",
    ).stdout.split()
    assert len(subjects) == 50
    assert not any(subject.encode() in text for subject in subjects)


def test_one_decision_is_proven_to_the_person_and_no_other_s_explanation_is_in_it(
    workspace: Workspace, tmp_path: Path
) -> None:
    script = (
        f"{HERE} from tasks.stages.workspace import StageRun;"
        f"reasons = StageRun('explain', '{CASE}', here).read_rows('explain', 'reasons');"
        "print(*reasons['row'])"
    )
    rows = workspace.run(sys.executable, "-c", script).stdout.split()
    path = tmp_path / "one.zip"
    portcullis(workspace, "prove", CASE, "--decision", rows[1], "--output", str(path))
    # One person's proof is a part of the log by its nature.
    done = portcullis(workspace, "verify", str(path), "--unpinned", "--allow-partial")
    assert f"decision about row {rows[1]}: declined" in done.stdout
    with zipfile.ZipFile(path) as archive:
        decision = json.loads(archive.read("decision.json"))
    assert decision["explanation"]["row"] == int(rows[1])
    assert set(decision) == {"entry", "explanation", "index", "path", "root", "salt", "size"}
    approved = next(row for row in range(900) if str(row) not in rows)
    other = tmp_path / "other.zip"
    done = portcullis(
        workspace, "prove", CASE, "--decision", str(approved), "--output", str(other), check=False
    )
    assert done.returncode == 2
    assert "It was approved, or its subject was erased" in done.stderr


def test_a_stage_that_was_run_past_the_worker_clears_nothing(workspace: Workspace) -> None:
    workspace.configure(train__rounds=23)
    done = workspace.run(sys.executable, "-m", "tasks.stages.process", "train", CASE, check=False)
    assert done.returncode == 0, done.stderr
    for stage in ("explain", "fairness", "subgroups", "alternatives", "packages", "decide"):
        assert workspace.stage(stage).returncode == 0
    done = workspace.stage("register")
    assert done.returncode == 3
    assert f"{CASE}/train/model: no signed statement that stage `train` made" in done.stderr
    assert workspace.versions() == ["1"]


def test_a_lost_ledger_blocks_and_running_again_makes_new_evidence(workspace: Workspace) -> None:
    for path in workspace.home.glob("ledger.*"):
        path.unlink()
    done = workspace.stage("register")
    assert done.returncode == 3
    assert "no stage was ever signed for here" in done.stderr

    # The key store remembers the log that recorded it: who deletes log and pin is told so.
    done = workspace.stage("ingest")
    assert done.returncode == 2
    assert "found one that has seen no key store" in done.stderr
    portcullis(workspace, "keys", "renew-store", "--reason", "the log was lost", "--keep")
    workspace.dvc("repro", "--force", REGISTER)
    assert "every link holds" in portcullis(workspace, "verify", CASE).stdout
    assert workspace.versions() == ["1"]


def test_a_second_person_is_needed_where_the_use_case_says_so(
    workspace: Workspace, tmp_path: Path
) -> None:
    workspace.configure(register__approval=True)
    done = workspace.dvc("repro", REGISTER, check=False, PORTCULLIS_ACTOR="dev-1")
    assert "approval: nobody has approved this model" in done.stderr
    key = tmp_path / "ann.pem"
    public = portcullis(workspace, "keys", "make", str(key)).stdout
    (tmp_path / "ann.pub").write_text(public)
    enrol = ("keys", "enrol", str(tmp_path / "ann.pub"), "--role", "approval", "--holder", "ann-7")
    portcullis(workspace, *enrol, "--login", "ann")
    model = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{HERE} from flows.steps.evidence import model_sha256_in_data as digest;"
            f"print(digest('{CASE}', Path()))",
        ],
        cwd=workspace.root,
        env=workspace.environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    portcullis(
        workspace,
        "approve",
        CASE,
        "--model",
        f"sha256:{model}",
        "--key",
        str(key),
        "--reason",
        "sound",
        "--expires",
        "2099-12-31",
    )
    workspace.dvc("repro", REGISTER)
    assert "decision register PASSED" in portcullis(workspace, "verify", CASE).stdout


def test_the_audit_log_tells_who_did_what_and_is_as_it_was_written(workspace: Workspace) -> None:
    done = portcullis(workspace, "audit")
    assert "are as they were written; 0 are not signed for yet" in done.stdout
    (path,) = (workspace.home / "audit").glob("events-*.jsonl")
    said = [json.loads(line) for line in path.read_text().splitlines()]
    assert {f"stage:{stage}" for stage in ("admit", "ingest", "train", "register")} <= {
        each.get("api", {}).get("operation") for each in said
    }
    assert any(each["class_uid"] == 6005 for each in said)
    assert "person77@example.org" not in path.read_text()
    path.write_text(path.read_text().replace("stage:train", "stage:brain", 1))
    done = portcullis(workspace, "audit", check=False)
    assert done.returncode == 2
    assert "Somebody changed the audit log" in done.stderr
