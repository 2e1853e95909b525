"""Clearance compares with what is in force: what was tried through the tree and the environment."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.attestation.artefacts import artefact
from tasks.attestation.dsse import sign
from tasks.attestation.keyring import add_key
from tasks.attestation.predicates.in_force import InForce, RequiredApprovals, Terms
from tasks.attestation.roles import ROOT
from tasks.clearance import policy
from tasks.clearance.attest_stage import attest
from tasks.clearance.check import Clearance, clear_model, clear_training
from tasks.clearance.configuration import POLICY
from tasks.clearance.proposing import ProposedChanges, draft_terms
from tasks.errors import RefusalKind, RefusedError
from tasks.formats.digests import sha256_of
from tasks.notary.notary import open_ledger, open_notary, trusted_root
from tasks.verifier.in_force.objections import LawReading, read_law
from tasks.verifier.lineage import examine, latest_decision
from tasks.verifier.log_reader import EVERYTHING, read_log
from tests.cases import change_case
from tests.installations import installation_at
from tests.tasks.judged import CASE, observed, present

NOW = "2026-01-01T00:00:06Z"
PERMISSIVE = """package portcullis.clearance

import rego.v1

decision := {"allow": true, "refusals": []}
"""


def model_of(root: Path) -> str:
    return sha256_of(root / "data" / CASE / "train" / "model")


def clear(root: Path, **options: Any) -> Clearance:
    return clear_model(CASE, model_of(root), installation_at(root), **options)


def kinds(root: Path, **options: Any) -> list[str]:
    return [refusal.kind for refusal in clear(root, **options).refusals]


def put_in_force(root: Path, terms: Terms) -> int:
    """Sign terms with the root key; return their entry."""
    with open_notary(installation_at(root)) as notary:
        statement = InForce(terms, "worker", "as decided", NOW).to_statement()
        return notary.append_signed([sign(statement.to_bytes(), notary.signer(ROOT))])[0].index


def drafted(root: Path, **changes: Any) -> Terms:
    terms = draft_terms(installation_at(root), None, ProposedChanges())
    return replace(terms, **changes)


@pytest.fixture
def governed(signed: Path) -> Path:
    """A cleared use case in whose ledger it says that what its checkout asks for is in force."""
    put_in_force(signed, drafted(signed))
    return signed


def test_without_an_entry_mode_local_clears_as_ever(signed: Path) -> None:
    clearance = clear(signed)
    assert clearance.refusals == ()
    assert clearance.law is None


def test_without_an_entry_mode_enforced_clears_nothing(signed: Path) -> None:
    assert RefusalKind.IN_FORCE_MISSING in kinds(signed, mode="enforced")


def test_without_an_entry_mode_enforced_trains_nothing(signed: Path) -> None:
    rows = sha256_of(signed / "data" / CASE / "redact" / "rows.parquet")
    clearance = clear_training(CASE, rows, installation_at(signed), mode="enforced")
    assert RefusalKind.IN_FORCE_MISSING in [refusal.kind for refusal in clearance.refusals]


def test_in_mode_enforced_whoever_made_a_local_run_has_to_be_known(governed: Path) -> None:
    assert RefusalKind.ACTOR_UNKNOWN not in kinds(governed)
    assert RefusalKind.ACTOR_UNKNOWN in kinds(governed, mode="enforced")


def test_what_the_checkout_asks_for_can_be_put_in_force(governed: Path) -> None:
    clearance = clear(governed)
    assert clearance.refusals == ()
    assert clearance.law is not None
    assert clearance.registry_name == CASE


def test_training_is_cleared_by_the_same_entry(governed: Path) -> None:
    rows = sha256_of(governed / "data" / CASE / "redact" / "rows.parquet")
    assert clear_training(CASE, rows, installation_at(governed)).refusals == ()


def test_approval_that_is_switched_off_while_register_runs_is_asked_all_the_same(
    signed: Path,
) -> None:
    change_case(signed, CASE, lambda values: values["register"].update(approval=True))
    put_in_force(signed, drafted(signed))
    change_case(signed, CASE, lambda values: values["register"].update(approval=False))
    assert kinds(signed) == [RefusalKind.IN_FORCE_APPROVAL_MISSING]


def test_a_permissive_policy_in_place_of_the_one_in_force_is_refused(governed: Path) -> None:
    (governed / POLICY / "clearance.rego").write_text(PERMISSIVE)
    # And it is not the one that was sealed with the plan.
    assert set(kinds(governed)) == {
        RefusalKind.IN_FORCE_POLICY_CHANGED,
        RefusalKind.PLAN_CHANGED,
    }


def test_a_permissive_policy_that_every_verdict_was_made_by_is_refused(governed: Path) -> None:
    """Its digest is in every verdict and agrees everywhere: but not with what is in force."""
    terms = drafted(governed, policy_sha256="a" * 64)
    put_in_force(governed, replace(terms, replaces=present(clear(governed).law).sha256))
    assert set(kinds(governed)) == {RefusalKind.IN_FORCE_POLICY_CHANGED}


@pytest.mark.parametrize("hiding", [".gitignore", ".dvcignore"])
def test_a_policy_that_ignore_files_hide_is_digested_with_the_others(
    governed: Path, hiding: str
) -> None:
    with (governed / hiding).open("a") as stream:
        stream.write("\nconfigs/policy/more.rego\n")
    (governed / POLICY / "more.rego").write_text("package portcullis.more\n")
    assert RefusalKind.IN_FORCE_POLICY_CHANGED in kinds(governed)


def test_every_file_that_the_policy_is_read_from_is_digested(signed: Path) -> None:
    """Else something could be evaluated that the digest, which is compared, does not cover."""
    before = artefact(signed, POLICY).sha256
    for number, (name, _) in enumerate(policy._modules(signed)):
        path = signed / POLICY / name
        text = path.read_text()
        path.write_text(f"{text}\n# {number}\n")
        assert artefact(signed, POLICY).sha256 != before
        path.write_text(text)


def test_an_anchor_that_the_environment_does_not_name_is_required_all_the_same(
    signed: Path,
) -> None:
    put_in_force(signed, drafted(signed, anchors={"witness": "w+1+x", "mirror": "s3://b/l"}))
    assert kinds(signed) == [RefusalKind.IN_FORCE_ANCHOR_MISSING] * 2


def test_the_registry_name_of_another_use_case_is_refused(signed: Path) -> None:
    put_in_force(signed, drafted(signed, registry_names={CASE: "other"}))
    assert kinds(signed) == [RefusalKind.IN_FORCE_REGISTRY_NAME_FOREIGN]


def test_a_check_of_a_gate_that_the_policy_here_no_longer_requires_is_required(
    signed: Path,
) -> None:
    terms = drafted(signed)
    gates = {**terms.gates, "explain": ("explain.more",)}
    put_in_force(signed, replace(terms, gates=gates))
    assert kinds(signed) == [RefusalKind.IN_FORCE_CHECK_MISSING]


def test_another_key_store_s_root_key_puts_nothing_in_force(signed: Path, tmp_path: Path) -> None:
    """An own home with own keys: the law of another ledger is no law of this one."""
    stranger = installation_at(signed)
    own = replace(stranger, home=tmp_path / "other-home")
    own.home.mkdir()
    terms = drafted(signed)
    with open_notary(own) as notary:
        notary.begin()
        foreign = sign(
            InForce(terms, "worker", "x", NOW).to_statement().to_bytes(), notary.signer(ROOT)
        )
        addition = sign(
            add_key(notary.signer(ROOT).public, ("compliance",), "x").to_bytes(),
            notary.signer(ROOT),
        )
    with open_notary(stranger) as notary:
        notary.append_signed([foreign])
    assert kinds(signed) == [RefusalKind.IN_FORCE_VOID]
    assert addition.keyid == foreign.keyid


# What the worker signs


def read(root: Path) -> LawReading:
    ledger = open_ledger(installation_at(root))
    try:
        log = read_log(ledger, trusted_root(installation_at(root)), EVERYTHING)
        return read_law(log, examine(log, CASE, model_of(root)))
    finally:
        ledger.close()


def attest_register(root: Path) -> None:
    (root / "data" / CASE / "register").mkdir(exist_ok=True)
    (root / "data" / CASE / "register" / "receipt.json").write_text("{}")
    attest(observed(root, "register"), {})


def test_the_decision_names_the_entry_that_it_was_taken_by(governed: Path) -> None:
    attest_register(governed)
    ledger = open_ledger(installation_at(governed))
    log = read_log(ledger, trusted_root(installation_at(governed)), EVERYTHING)
    ledger.close()
    decision = present(
        latest_decision(examine(log, CASE, model_of(governed)), "register")
    ).predicate
    law = present(clear(governed).law)
    assert decision.has_passed
    assert decision.registry_name == CASE
    assert set(law.inputs()) <= set(decision.inputs)


def test_an_outsider_comes_to_the_same_answer(governed: Path) -> None:
    attest_register(governed)
    assert read(governed).objections == ()


def test_what_the_law_holds_against_a_model_is_signed_as_a_refusal(signed: Path) -> None:
    put_in_force(signed, drafted(signed, approvals=RequiredApprovals(1, "approval", "")))
    with pytest.raises(RefusedError):
        attest_register(signed)
    assert [refusal.kind for refusal in read(signed).objections] == [
        RefusalKind.IN_FORCE_APPROVAL_MISSING
    ]


def test_a_policy_folder_that_is_gone_clears_nothing(governed: Path) -> None:
    shutil.rmtree(governed / POLICY)
    with pytest.raises(Exception, match="policy"):
        clear(governed)
