"""Approval and acceptance: by a second person's own key, of exactly one thing, until a date."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.attestation.dsse import sign
from tasks.attestation.identities import person_sha256
from tasks.attestation.keyring import add_key
from tasks.attestation.roles import APPROVER, VALIDATOR
from tasks.attestation.run_context import started_by
from tasks.attestation.signing_keys import LocalSigner
from tasks.attestation.statement import Statement
from tasks.clearance.check import accepted_checks, clear_model
from tasks.code_identity.commits import find_commit
from tasks.code_identity.tree import read_tree
from tasks.errors import EvidenceError, Refusal, RefusalKind, RefusedError
from tasks.formats.digests import sha256_of
from tasks.notary.notary import open_ledger, open_notary, trusted_root
from tasks.stages.fairness.checks import FairnessCheck
from tasks.stages.register import stage as register
from tasks.stages.workspace import CLEARANCE, StageRun
from tasks.verifier.approvals import acceptance, approval, check
from tasks.verifier.expiry import epoch, now_after
from tasks.verifier.lineage import Chain, examine, latest_decision
from tasks.verifier.log_reader import EVERYTHING, Log, read_log
from tasks.verifier.text_report import lines_of
from tests.cases import change_case
from tests.installations import installation_at, settings_now
from tests.tasks.judged import CASE, present, put_verdict, sign_for
from tests.tasks.judged import check as checked

LATER = "2099-01-01T00:00:00Z"
EARLIER = "2020-01-01T00:00:00Z"
IMPACT = FairnessCheck.DISPARATE_IMPACT_RATIO


def model_of(root: Path) -> str:
    return sha256_of(root / "data" / CASE / "train" / "model")


def lines_against(root: Path) -> list[str]:
    return [
        refusal.text
        for refusal in clear_model(CASE, model_of(root), installation_at(root)).refusals
    ]


def read(root: Path, model: str | None = None) -> tuple[Log, Chain]:
    ledger = open_ledger(installation_at(root))
    try:
        log = read_log(ledger, trusted_root(installation_at(root)), EVERYTHING)
        return log, examine(log, CASE, model or model_of(root))
    finally:
        ledger.close()


def enrol(
    root: Path, name: str, roles: tuple[str, ...], holder: str, email: str = ""
) -> LocalSigner:
    person = LocalSigner.make(root.parent / f"{name}.pem")
    with open_notary(installation_at(root)) as notary:
        statement = add_key(
            person.public, roles, holder, emails_sha256=filter(None, [person_sha256(email)])
        )
        notary.append_signed([sign(statement.to_bytes(), notary.signer("root"))])
    return person


@pytest.fixture
def needing(signed: Path) -> Path:
    """A use case that asks for an approval."""
    change_case(signed, CASE, lambda values: values["register"].update(approval=True))
    return signed


@pytest.fixture
def ann(signed: Path) -> LocalSigner:
    return enrol(signed, "ann", (APPROVER, VALIDATOR), "ann")


def approving(root: Path, **change: Any) -> Statement:
    said = {
        "person": "ann",
        "role": "validator",
        "reason": "sound",
        "given": EARLIER,
        "expires": LATER,
    }
    return approval(CASE, change.pop("model", None) or model_of(root), **(said | change))


def give(root: Path, statement: Statement, person: LocalSigner) -> None:
    log, chain = read(root)
    envelope = sign(statement.to_bytes(), person)
    check(envelope, log, chain)
    with open_notary(installation_at(root)) as notary:
        notary.append_signed([envelope])


def force(root: Path, statement: Statement, person: LocalSigner) -> None:
    """Append without asking, as somebody who holds the log's key could."""
    with open_notary(installation_at(root)) as notary:
        notary.append_signed([sign(statement.to_bytes(), person)])


def test_a_use_case_that_asks_for_approval_is_refused_without_and_cleared_with(
    needing: Path, ann: LocalSigner
) -> None:
    assert clear_model(CASE, model_of(needing), installation_at(needing)).refusals == (
        Refusal(
            RefusalKind.APPROVAL_MISSING,
            "approval: nobody has approved this model; `./portcullis approve` says how",
        ),
    )
    give(needing, approving(needing), ann)
    assert clear_model(CASE, model_of(needing), installation_at(needing)).refusals == ()


BAD = {
    "another model": ({"model": "0" * 64}, "an approval of model", "nobody has approved"),
    "expired": ({"expires": EARLIER}, "date of expiry", "has expired"),
    "no expiry": ({"expires": ""}, "date of expiry", "has expired"),
    "a time in no zone": ({"expires": "2099-01-01T00:00:00"}, "date of expiry", "has expired"),
    "another person's name": ({"person": "bob"}, "date of expiry", "has expired"),
}


@pytest.mark.parametrize("fault", BAD)
def test_what_does_not_count_is_refused_when_given_and_when_it_got_in_all_the_same(
    needing: Path, ann: LocalSigner, fault: str
) -> None:
    change, at_the_door, in_the_log = BAD[fault]
    with pytest.raises(EvidenceError, match=at_the_door):
        give(needing, approving(needing, **change), ann)
    force(needing, approving(needing, **change), ann)
    assert any(in_the_log in line for line in lines_against(needing))


def test_no_reason(needing: Path, ann: LocalSigner) -> None:
    with pytest.raises(EvidenceError, match="expected a reason"):
        give(needing, approving(needing, reason=" "), ann)


def test_who_made_the_run_may_not_approve_it(needing: Path) -> None:
    author = enrol(needing, "author", (APPROVER,), started_by(settings_now()))
    with pytest.raises(EvidenceError, match="a second person"):
        give(needing, approving(needing, person=started_by(settings_now())), author)
    force(needing, approving(needing, person=started_by(settings_now())), author)
    assert any("who made this run" in line for line in lines_against(needing))


def test_who_committed_the_code_may_not_approve_it(needing: Path) -> None:
    for command in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=t", "-c", "user.email=dev@bank", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", "-C", needing, *command], check=True, capture_output=True)
    assert find_commit(needing, read_tree(needing)).author_sha256
    sign_for(needing, "train")
    author = enrol(needing, "dev", (APPROVER,), "dev-17", "Dev@bank")
    with pytest.raises(EvidenceError, match="a second person; found dev-17"):
        give(needing, approving(needing, person="dev-17"), author)


def test_a_worker_s_key_and_a_stranger_s_are_no_approver_s(needing: Path, ann: LocalSigner) -> None:
    for key in (
        LocalSigner.load(needing.parent / "home/signing/gate.pem"),
        LocalSigner.make(needing.parent / "x.pem"),
    ):
        with pytest.raises(EvidenceError, match="a key with role `approval`"):
            give(needing, approving(needing), key)
        force(needing, approving(needing), key)
    assert clear_model(CASE, model_of(needing), installation_at(needing)).refusals


def test_a_changed_model_needs_a_new_approval(needing: Path, ann: LocalSigner) -> None:
    give(needing, approving(needing), ann)
    (needing / "data" / CASE / "train/model/scorer.json").write_text("another")
    for gate in ("train", "explain"):
        put_verdict(needing, gate)
        sign_for(needing, gate)
    sign_for(needing, "decide")
    assert any("nobody has approved this model" in line for line in lines_against(needing))


def test_a_clock_that_was_set_back_revives_nothing(
    needing: Path, ann: LocalSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    force(
        needing,
        approving(needing, given="2050-01-01T00:00:00Z", expires="2049-01-01T00:00:00Z"),
        ann,
    )
    monkeypatch.setattr("time.time", lambda: epoch("2010-01-01T00:00:00Z"))
    log, _ = read(needing)
    assert now_after(log.latest_time) == epoch("2050-01-01T00:00:00Z")
    assert any("has expired" in line for line in lines_against(needing))


@pytest.fixture
def undecided(signed: Path) -> Path:
    checks = tuple(checked(name, None if name is IMPACT else 1.0) for name in FairnessCheck)
    put_verdict(signed, "fairness", checks=checks)
    sign_for(signed, "fairness")
    decide_again(signed)
    return signed


def decide_again(root: Path) -> None:
    from tasks.stages.decide.stage import run
    from tasks.stages.workspace import StageRun

    run(StageRun("decide", CASE, installation_at(root)))
    sign_for(root, "decide")


def accepting(root: Path, tests: tuple[str, ...] = (str(IMPACT),), **change: str) -> Statement:
    said = {
        "person": "ann",
        "role": "validator",
        "reason": "few rows",
        "given": EARLIER,
        "expires": LATER,
    } | change
    verdict = sha256_of(root / "data" / CASE / "fairness" / "verdict.json")
    return acceptance(CASE, "fairness", verdict_sha256=verdict, tests=tests, **said)


def test_a_validator_accepts_an_undecided_check_by_name_and_it_stays_visible(
    undecided: Path, ann: LocalSigner
) -> None:
    assert any(f"nobody accepted `{IMPACT}`" in line for line in lines_against(undecided))
    give(undecided, accepting(undecided), ann)
    assert clear_model(CASE, model_of(undecided), installation_at(undecided)).refusals == ()
    _, chain = read(undecided)
    assert chain.verdicts["fairness"].outcome == "undecided"
    shown = "\n".join(lines_of(*read(undecided)))
    assert f"accepted fairness: {IMPACT} by ann until 2099-01-01: few rows" in shown
    assert present(latest_decision(chain, "decide")).predicate.result == "FAILED"


def test_who_accepted_which_check_until_when_is_told(undecided: Path, ann: LocalSigner) -> None:
    give(undecided, accepting(undecided), ann)
    (accepted,) = accepted_checks(*read(undecided))
    assert (accepted.gate, accepted.key, accepted.person) == ("fairness", IMPACT, "ann")
    assert accepted.expires.isoformat() == "2099-01-01"


def test_of_several_acceptances_of_a_check_the_latest_is_told(
    undecided: Path, ann: LocalSigner
) -> None:
    give(undecided, accepting(undecided), ann)
    give(undecided, accepting(undecided, expires="2098-01-01T00:00:00Z"), ann)
    (accepted,) = accepted_checks(*read(undecided))
    assert accepted.expires.isoformat() == "2098-01-01"


@pytest.mark.parametrize(
    "change", [{"tests": ("fairness.theil_index",)}, {"person": "bob"}], ids=["passed", "name"]
)
def test_what_was_never_accepted_is_not_told(
    undecided: Path, ann: LocalSigner, change: dict[str, Any]
) -> None:
    force(undecided, accepting(undecided, **change), ann)
    assert accepted_checks(*read(undecided)) == ()


@pytest.mark.parametrize(
    "change",
    [{"tests": ("fairness.theil_index",)}, {"expires": EARLIER}, {"person": "bob"}],
    ids=["another", "expired", "name"],
)
def test_an_acceptance_that_does_not_count(
    undecided: Path, ann: LocalSigner, change: dict[str, Any]
) -> None:
    force(undecided, accepting(undecided, **change), ann)
    assert any(f"nobody accepted `{IMPACT}`" in line for line in lines_against(undecided))


def test_another_reason_of_the_decision_stands_beside_an_accepted_check(
    undecided: Path, ann: LocalSigner
) -> None:
    """One accepted check once waived every reason of `decide`."""
    path = undecided / "data" / CASE / "decide" / "decision.json"
    decision = json.loads(path.read_text())
    changed = Refusal(RefusalKind.LIMITS_CHANGED_AFTER_TRAINING, "limits: they changed")
    decision["refusals"].append(changed.to_dict())
    path.write_text(json.dumps(decision))
    sign_for(undecided, "decide")
    give(undecided, accepting(undecided), ann)
    assert [line.partition(" decided ")[2] for line in lines_against(undecided)] == [
        "against this model: limits: they changed"
    ]


def test_each_reason_of_the_decision_is_answered_by_the_acceptance_of_its_own_check(
    undecided: Path, ann: LocalSigner
) -> None:
    theil = FairnessCheck.THEIL_INDEX
    values = {IMPACT: None, theil: None}
    checks = tuple(checked(name, values.get(name, 1.0)) for name in FairnessCheck)
    put_verdict(undecided, "fairness", checks=checks)
    sign_for(undecided, "fairness")
    decide_again(undecided)
    give(undecided, accepting(undecided), ann)
    against = [line for line in lines_against(undecided) if "decided against" in line]
    assert len(against) == 1
    assert str(theil) in against[0]
    give(undecided, accepting(undecided, (str(theil),)), ann)
    assert lines_against(undecided) == []


def test_an_acceptance_answers_no_decision_about_an_earlier_verdict(
    undecided: Path, ann: LocalSigner
) -> None:
    checks = tuple(checked(name, None if name is IMPACT else 0.9) for name in FairnessCheck)
    put_verdict(undecided, "fairness", checks=checks)
    sign_for(undecided, "fairness")
    give(undecided, accepting(undecided), ann)
    assert all("decided against this model" in line for line in lines_against(undecided))
    assert lines_against(undecided)
    decide_again(undecided)
    assert lines_against(undecided) == []


def test_a_verdict_that_was_signed_again_with_the_same_bytes_needs_no_new_decision(
    undecided: Path, ann: LocalSigner
) -> None:
    give(undecided, accepting(undecided), ann)
    sign_for(undecided, "fairness")
    assert lines_against(undecided) == []


def test_a_decision_of_before_refusals_named_their_checks_is_answered_by_nothing(
    undecided: Path, ann: LocalSigner
) -> None:
    _, chain = read(undecided)
    signed = present(latest_decision(chain, "decide"))
    refusals = tuple(
        Refusal(item.kind, item.text)
        for item in signed.predicate.refusals
        if isinstance(item, Refusal)
    )
    early = replace(signed.predicate, refusals=refusals)
    with open_notary(installation_at(undecided)) as notary:
        notary.record(early.about(*signed.subjects))
    give(undecided, accepting(undecided), ann)
    assert any("decided against this model" in line for line in lines_against(undecided))


def test_the_signed_decision_names_gate_and_check(undecided: Path) -> None:
    _, chain = read(undecided)
    (refusal,) = present(latest_decision(chain, "decide")).predicate.refusals
    assert isinstance(refusal, Refusal)
    assert (refusal.kind, refusal.gate, refusal.check) == ("check.undecided", "fairness", IMPACT)


def test_a_decision_file_without_a_word_is_signed_with_the_worker_s_own(undecided: Path) -> None:
    path = undecided / "data" / CASE / "decide" / "decision.json"
    path.write_text(json.dumps({"outcome": "pass", "refusals": []}))
    sign_for(undecided, "decide")
    _, chain = read(undecided)
    (refusal,) = present(latest_decision(chain, "decide")).predicate.refusals
    assert isinstance(refusal, Refusal)
    assert (refusal.kind, refusal.gate, refusal.check) == ("check.undecided", "fairness", IMPACT)


def test_a_failed_check_can_not_be_accepted(undecided: Path, ann: LocalSigner) -> None:
    put_verdict(undecided, "fairness", checks=(checked(IMPACT, 0.1),))
    sign_for(undecided, "fairness")
    force(undecided, accepting(undecided), ann)
    assert any(f"{IMPACT}: failed" in line for line in lines_against(undecided))


def run_register(root: Path) -> None:
    """Run the stage as the worker does: told what speaks against the model."""
    refusals = clear_model(CASE, model_of(root), installation_at(root)).refusals
    (root / CLEARANCE).write_text(json.dumps([refusal.to_dict() for refusal in refusals]))
    register.run(StageRun("register", CASE, installation_at(root)))


def test_register_lets_an_accepted_undecided_through_and_signs_for_what_it_rests_on(
    undecided: Path, ann: LocalSigner
) -> None:
    with pytest.raises(RefusedError):
        run_register(undecided)
    give(undecided, accepting(undecided), ann)
    run_register(undecided)
    (undecided / "data" / CASE / "register").mkdir()
    (undecided / "data" / CASE / "register" / "receipt.json").write_text("{}")
    sign_for(undecided, "register")
    _, chain = read(undecided)
    decision = present(latest_decision(chain, "register")).predicate
    assert decision.has_passed
    assert "acceptance:fairness" in dict(decision.inputs)


def approve(root: Path, key: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "flows",
        "approve",
        CASE,
        "--key",
        str(key),
        "--reason",
        "sound",
        *arguments,
    ]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def test_the_command_records_prints_and_refuses(
    needing: Path, ann: LocalSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = Path(__file__).parents[3]
    monkeypatch.setenv("PYTHONPATH", str(checkout))
    key, model = needing.parent / "ann.pem", f"sha256:{model_of(needing)}"
    done = approve(needing, key, "--model", model, "--expires", "2020-01-01")
    assert done.returncode == 2
    assert "date of expiry" in done.stderr
    printed = approve(needing, key, "--model", model, "--expires", "2099-01-01", "--print")
    assert printed.stdout.startswith('{"payload":')
    assert clear_model(CASE, model_of(needing), installation_at(needing)).refusals
    done = approve(needing, key, "--model", model, "--expires", "2099-01-01")
    assert "recorded as entry" in done.stdout, done.stderr
    assert clear_model(CASE, model_of(needing), installation_at(needing)).refusals == ()
    done = approve(needing, key, "--model", "sha256:" + "0" * 64, "--expires", "2099-01-01")
    assert done.returncode == 2
    assert "expected a model of tiny that stage `train` made" in done.stderr
    done = approve(
        needing, key, "--model", model, "--expires", "2099-01-01", "--undecided", "fairness"
    )
    assert "Only what is undecided can be accepted" in done.stderr


def test_the_command_lists_the_ids_that_there_are(
    undecided: Path, ann: LocalSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    model = f"sha256:{model_of(undecided)}"
    key = undecided.parent / "ann.pem"
    asked = ("--model", model, "--expires", "2099-01-01", "--undecided", "fairness", "--check")
    refused = approve(undecided, key, *asked, "the measure of it")
    assert refused.returncode == 2
    assert "expected an undecided check `the measure of it`" in refused.stderr
    assert f"undecided: {IMPACT}" in refused.stderr
    recorded = approve(undecided, key, *asked, str(IMPACT))
    assert "recorded as entry" in recorded.stdout, recorded.stderr
    assert clear_model(CASE, model_of(undecided), installation_at(undecided)).refusals == ()
