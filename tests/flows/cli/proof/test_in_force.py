"""`in-force`: what is shown, what is proposed, and what may be signed by whom."""

import json
import shutil
from pathlib import Path

import pytest

from flows.cli.proof import in_force
from tasks.attestation.dsse import sign
from tasks.attestation.identities import addresses_sha256
from tasks.attestation.keyring import add_key
from tasks.attestation.signing_keys import LocalSigner
from tasks.clearance.configuration import POLICY
from tasks.clearance.plans import plan_now
from tasks.errors import ConfigError, EvidenceError
from tasks.notary.notary import open_ledger, open_notary, trusted_root
from tasks.system.installation import Installation
from tasks.verifier.in_force.law import LawHistory, law_of, read_history
from tasks.verifier.log_reader import SAYING_IN_FORCE, Log, read_log
from tests.flows.cli import running
from tests.installations import installation_at
from tests.tasks.judged import CASE, CHECKOUT, judged, present


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A checkout with a use case and the policy as shipped, and a ledger that has begun."""
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    root = judged(tmp_path / "checkout")
    shutil.copytree(CHECKOUT / POLICY, root / POLICY)
    with open_notary(installation_at(root)) as notary:
        notary.begin()
    return installation_at(root)


def run(installation: Installation, *arguments: str) -> int:
    return running.run(in_force, installation, *arguments)


def enrol(installation: Installation, name: str, role: str = "compliance", email: str = "") -> str:
    """Return the file of a new key, enrolled in a role under a name."""
    path = installation.workspace.parent / f"{name}-{role}.pem"
    public = LocalSigner.make(path).public
    statement = add_key(public, (role,), name, emails_sha256=addresses_sha256(email))
    with open_notary(installation) as notary:
        notary.append_signed([sign(statement.to_bytes(), notary.signer("root"))])
    return str(path)


def propose(installation: Installation, *options: str) -> str:
    file = installation.workspace.parent / "law.json"
    file.unlink(missing_ok=True)  # an earlier proposal, which is never written over
    path = str(file)
    assert run(installation, "propose", path, *options) == 0
    return path


def test_the_plan_that_lies_here_and_a_number_of_attempts_can_be_put_in_force(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy2(CHECKOUT / "dvc.yaml", installation.workspace)
    propose(installation, "--plan", CASE, "--attempts", "3")
    printed = capsys.readouterr().out
    plan = plan_now(CASE, installation.workspace).sha256
    assert f"+ plan           use case {CASE}: sha256:{plan}" in printed
    assert "+ attempts       at most 3 on one version of the data" in printed


def sign_it(installation: Installation, what: str, *options: str) -> int:
    return run(installation, "sign", what, "--reason", "as the board decided", *options)


def read(installation: Installation) -> Log:
    ledger = open_ledger(installation)
    try:
        return read_log(ledger, trusted_root(installation), SAYING_IN_FORCE)
    finally:
        ledger.close()


def history_of(installation: Installation) -> LawHistory:
    return read_history(read(installation))


def test_nothing_is_in_force_at_first(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(installation, "show") == 0
    assert capsys.readouterr().out == "in force: no entry of the ledger says what is\n"


def test_a_proposal_shows_everything_that_it_would_put_in_force(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    path = propose(installation)
    lines = capsys.readouterr().out.splitlines()
    assert "+ registry name  tiny: use case tiny" in lines
    assert not [line for line in lines if line.startswith("- ")]
    assert json.loads(Path(path).read_text())["terms"]["leastMode"] == "local"


def test_a_proposal_that_somebody_may_have_changed_is_not_written_over(
    installation: Installation,
) -> None:
    path = Path(propose(installation))
    path.write_text("changed by hand")
    with pytest.raises(ConfigError, match="nothing is written over"):
        run(installation, "propose", str(path))
    assert path.read_text() == "changed by hand"


def test_a_proposal_puts_nothing_in_force(installation: Installation) -> None:
    size = read(installation).head.size
    propose(installation)
    assert read(installation).head.size == size


def test_what_a_person_of_compliance_signs_is_in_force_and_shown(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    key = enrol(installation, "carla")
    sign_it(installation, propose(installation), "--key", key)
    law = present(law_of(read(installation)))
    capsys.readouterr()

    run(installation, "show")
    shown = capsys.readouterr().out
    assert f"in force: no. 1, since entry {law.index}, sha256:{law.sha256}" in shown
    assert f"signed by carla: as the board decided  entry {law.index}" in shown
    assert "  least mode     local" in shown


def test_what_is_in_force_is_shown_to_programs_as_json(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    sign_it(installation, propose(installation), "--root")
    law = present(law_of(read(installation)))
    capsys.readouterr()

    run(installation, "show", "--json")
    shown = json.loads(capsys.readouterr().out)
    assert shown["inForce"] == law.to_dict()
    assert (shown["proposals"], shown["ignored"], shown["void"]) == ([], [], [])


def test_the_key_in_the_environment_signs_where_none_is_named(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = propose(installation)
    monkeypatch.setenv("PORTCULLIS_APPROVER_KEY", enrol(installation, "carla"))
    sign_it(installation_at(installation.workspace), path)
    assert law_of(read(installation)) is not None


def test_a_later_proposal_shows_what_it_changes_alone(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    sign_it(installation, propose(installation), "--root")
    capsys.readouterr()
    propose(installation, "--least-mode", "enforced", "--ref", "refs/heads/main")
    changes = [line for line in capsys.readouterr().out.splitlines() if line[:2] in ("- ", "+ ")]
    assert changes == [
        "- releasable     any commit, and what is in none",
        "+ releasable     ref refs/heads/main",
        "- least mode     local",
        "+ least mode     enforced",
    ]


def test_a_list_is_emptied_by_none(installation: Installation) -> None:
    sign_it(installation, propose(installation, "--ref", "refs/heads/main"), "--root")
    terms = json.loads(Path(propose(installation, "--ref", "none")).read_text())["terms"]
    assert terms["refs"] == []


# Who may sign


@pytest.mark.parametrize("role", ["approval", "validation"])
def test_a_key_of_another_role_signs_nothing(installation: Installation, role: str) -> None:
    key = enrol(installation, "ann", role)
    path = propose(installation)
    size = read(installation).head.size
    with pytest.raises(EvidenceError, match="`compliance` or `root`"):
        sign_it(installation, path, "--key", key)
    assert read(installation).head.size == size


def test_a_key_that_nobody_enrolled_signs_nothing(
    installation: Installation, tmp_path: Path
) -> None:
    LocalSigner.make(tmp_path / "own.pem")
    with pytest.raises(EvidenceError, match="unknown"):
        sign_it(installation, propose(installation), "--key", str(tmp_path / "own.pem"))
    assert law_of(read(installation)) is None


def test_a_signature_needs_a_key(installation: Installation) -> None:
    with pytest.raises(ConfigError, match="--root for the root key"):
        sign_it(installation, propose(installation))


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_signature_needs_a_reason(installation: Installation, reason: str) -> None:
    with pytest.raises(EvidenceError, match="expected a reason"):
        run(installation, "sign", propose(installation), "--root", "--reason", reason)


def test_a_proposal_that_was_drafted_before_the_last_change_is_refused(
    installation: Installation,
) -> None:
    path = propose(installation)
    sign_it(installation, path, "--root")
    size = read(installation).head.size
    with pytest.raises(EvidenceError, match="found one that replaces nothing"):
        sign_it(installation, path, "--root")
    assert read(installation).head.size == size


def test_an_own_ledger_can_begin_with_what_is_in_force(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = propose(installation)
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "new-home"))
    new = installation_at(installation.workspace)
    with pytest.raises(EvidenceError, match="sign with --root"):
        sign_it(new, path, "--key", "absent.pem")
    sign_it(new, path, "--root")
    assert present(law_of(read(new))).index == 2


# Two people


@pytest.fixture
def guarded(installation: Installation) -> Installation:
    """An installation in which two people have to sign what changes."""
    sign_it(installation, propose(installation, "--people", "2"), "--root")
    path = str(installation.workspace.parent / "law.json")
    sign_it(installation, path, "--key", enrol(installation, "carla"))
    return installation


def test_a_first_signature_is_on_record_and_not_in_force(
    guarded: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    before = present(law_of(read(guarded))).sha256
    path = propose(guarded, "--people", "1")
    capsys.readouterr()
    sign_it(guarded, path, "--key", enrol(guarded, "dora"))
    assert "not in force yet: signed by 1 of 2" in capsys.readouterr().out
    assert present(law_of(read(guarded))).sha256 == before
    run(guarded, "show")
    assert "proposed, not in force: sha256:" in capsys.readouterr().out


def test_a_second_person_signs_what_is_in_the_ledger_by_its_digest(
    guarded: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    sign_it(guarded, propose(guarded, "--people", "1"), "--key", enrol(guarded, "dora"))
    (proposal,) = history_of(guarded).proposals
    capsys.readouterr()
    sign_it(guarded, f"sha256:{proposal.terms.sha256}", "--root")
    output = capsys.readouterr().out
    assert "+ changed by     1 person" in output
    assert "it is in force: no. 2" in output
    law = present(law_of(read(guarded)))
    assert law.sha256 == proposal.terms.sha256
    assert [signature.person for signature in law.signatures] == ["dora", "worker"]


def test_a_second_person_signs_the_same_file(guarded: Installation) -> None:
    path = propose(guarded, "--people", "1")
    sign_it(guarded, path, "--key", enrol(guarded, "dora"))
    sign_it(guarded, path, "--key", enrol(guarded, "emil"))
    assert present(law_of(read(guarded))).terms.people == 1


def test_a_file_that_was_changed_between_two_signatures_is_another_proposal(
    guarded: Installation,
) -> None:
    path = propose(guarded, "--people", "1")
    sign_it(guarded, path, "--key", enrol(guarded, "dora"))
    propose(guarded, "--people", "1", "--approvals", "7")
    sign_it(guarded, path, "--key", enrol(guarded, "emil"))
    assert present(law_of(read(guarded))).terms.people == 2
    assert len(history_of(guarded).proposals) == 2


def test_one_person_does_not_sign_twice(guarded: Installation) -> None:
    path = propose(guarded, "--people", "1")
    sign_it(guarded, path, "--key", enrol(guarded, "dora", email="dora@bank.example"))
    other = enrol(guarded, "dora-2", email="Dora@bank.example")
    with pytest.raises(EvidenceError, match="a second person"):
        sign_it(guarded, path, "--key", other)
    assert present(law_of(read(guarded))).terms.people == 2


def test_a_digest_of_nothing_is_refused(guarded: Installation) -> None:
    with pytest.raises(EvidenceError, match="none of that digest"):
        sign_it(guarded, f"sha256:{'0' * 64}", "--root")
