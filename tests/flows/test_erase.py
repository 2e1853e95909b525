"""The right to be forgotten on a released workspace.

What an erasure leaves, and what the next release makes of it.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.path import PATH
from tests.flows.workspace import CASE, HERE, Workspace

pytestmark = pytest.mark.integration
REGISTER = f"register@{CASE}"
GONE, STAYS = "person77@example.org", "person78@example.org"


def portcullis(
    workspace: Workspace, *arguments: str, check: bool = True, **environment: str
) -> subprocess.CompletedProcess[str]:
    return workspace.run(sys.executable, "-m", "flows", *arguments, check=check, **environment)


def subjects(
    workspace: Workspace, stage: str = "ingest", name: str = "rows"
) -> tuple[int, int, list[str]]:
    script = (
        f"{HERE} from tasks.sealed.reader import read_dataset;"
        f"o = read_dataset('{CASE}', '{stage}', '{name}', why='test', installation=here);"
        "print(o.unsealed, o.shredded, *o.frame.get('email', o.frame['subject']))"
    )
    unsealed, shredded, *people = workspace.run(sys.executable, "-c", script).stdout.split()
    return int(unsealed), int(shredded), people


def digests(workspace: Workspace) -> dict[Path, bytes]:
    kept = [path for path in (workspace.root / ".dvc" / "cache").rglob("*") if path.is_file()]
    kept += [
        workspace.root / "dvc.lock",
        workspace.path("ingest/rows.parquet"),
        workspace.path("redact/rows.parquet"),
    ]
    return {path: path.read_bytes() for path in kept}


def test_an_erased_person_is_unreadable_in_every_version_and_no_digest_changes(
    workspace: Workspace,
) -> None:
    before = digests(workspace)
    done = portcullis(workspace, "erase", CASE, "--subject", GONE.upper())
    assert ": erased" in done.stdout
    assert GONE not in done.stdout + done.stderr
    assert digests(workspace) == before
    unsealed, shredded, people = subjects(workspace)
    assert (unsealed, shredded) == (899, 1)
    assert GONE not in people
    assert STAYS in people
    status = workspace.dvc("status", "--json").stdout
    assert "changed outs" not in status


def test_the_next_release_trains_without_them_says_so_and_a_delivery_of_old_files_changes_nothing(
    workspace: Workspace,
) -> None:
    (workspace.root / "people.txt").write_text(
        "\n".join(f"person{i}@example.org" for i in range(70, 80))
    )
    portcullis(workspace, "erase", CASE, "--list", "people.txt")
    ran = workspace.dvc("repro", REGISTER)
    assert "10 rows left out: their subjects were erased" in ran.stderr
    assert "890 rows unsealed, 0 shredded" in ran.stderr
    assert subjects(workspace)[:2] == (890, 0)
    assert json.loads(workspace.path("ingest/report.json").read_text())["erased_rows"] == 10
    assert json.loads(workspace.path("train/report.json").read_text())["rows"]["unsealed"] == 890
    assert sorted(workspace.versions()) == ["1", "2"]
    source = workspace.root / "sources" / "applications.csv"
    source.write_text(source.read_text() + "\n")  # delivered again, with another digest
    workspace.dvc("repro", REGISTER)
    assert GONE not in subjects(workspace)[2]
    again = workspace.dvc("repro", REGISTER)
    started = [line for line in again.stdout.splitlines() if line.startswith("Running")]
    always = [stage.name for stage in PATH if stage.is_always_run]
    assert sorted(started) == sorted(f"Running stage '{stage}@{CASE}':" for stage in always)


def test_a_model_that_learnt_from_them_may_not_be_registered(workspace: Workspace) -> None:
    portcullis(workspace, "erase", CASE, "--subject", GONE)
    refused = workspace.stage("register")
    assert refused.returncode == 3
    assert "1 of the people whom this model learnt from were erased since" in refused.stderr
    workspace.configure(erasure__retrain_after={"people": 5, "days": 30})
    refused = workspace.stage("register")
    assert "whom this model learnt from" not in refused.stderr
    late = workspace.stage("register", PORTCULLIS_TODAY="2027-06-01")
    assert "whom this model learnt from" in late.stderr


def test_a_second_call_finds_nothing_to_do_and_of_a_stranger_nothing_is_held(
    workspace: Workspace,
) -> None:
    portcullis(workspace, "erase", CASE, "--subject", GONE)
    again = portcullis(workspace, "erase", CASE, "--subject", f" {GONE} ")
    assert "1 already erased, and nothing held since" in again.stdout
    assert "receipt" not in again.stdout

    asked = ("erase", CASE, "--subject", "nobody@example.org")
    stranger = portcullis(workspace, *asked, check=False)
    assert stranger.returncode == 2
    assert "Nothing is held under this identifier" in stranger.stdout
    searched = portcullis(workspace, *asked, "--search-anyway")
    assert ": nothing was held" in searched.stdout
    assert ": erased" not in searched.stdout


def test_the_identifier_comes_from_standard_input_or_a_list(workspace: Workspace) -> None:
    one = subprocess_with_input(workspace, f"{GONE}\n", "erase", CASE, "--subject", "-")
    assert ": erased" in one
    listed = workspace.root / "people.txt"
    listed.write_text("\n".join(f"person{i}@example.org" for i in range(100, 400)) + "\n\n")
    many = portcullis(workspace, "erase", CASE, "--list", str(listed))
    assert many.stdout.count(": erased") == 300
    assert subjects(workspace)[:2] == (599, 301)
    empty = subprocess_with_input(workspace, "\n", "erase", CASE, "--subject", "-", check=False)
    assert "expected an identifier" in empty


def test_only_the_person_can_show_that_a_receipt_is_theirs(workspace: Workspace) -> None:
    done = portcullis(workspace, "erase", CASE, "--subject", GONE)
    path = done.stdout.split("delete it): ")[1].split()[0]
    said = subprocess_with_input(workspace, f"{GONE}\n", "erase", "--check-receipt", path)
    assert "The receipt is this person's" in said
    other = subprocess_with_input(
        workspace, f"{STAYS}\n", "erase", "--check-receipt", path, check=False
    )
    assert "another's, or an altered one" in other


def subprocess_with_input(
    workspace: Workspace, given: str, *arguments: str, check: bool = True
) -> str:
    import subprocess

    done = subprocess.run(
        [sys.executable, "-m", "flows", *arguments], input=given, cwd=workspace.root,
        env=workspace.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode == 0) == check, done.stderr[-2000:]
    return done.stdout + done.stderr
