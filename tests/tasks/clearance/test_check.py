"""Clearance: each attack on its own, on a use case that is cleared without it."""

import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.attestation.dsse import IN_TOTO, Envelope, sign
from tasks.attestation.keyring import revoke_key
from tasks.attestation.roles import GATE
from tasks.attestation.signing_keys import LocalSigner
from tasks.attestation.statement import Statement
from tasks.clearance import policy
from tasks.clearance.attest_stage import statements_of
from tasks.clearance.check import clear_model, clear_training, facts_of
from tasks.clearance.configuration import configuration_now
from tasks.code_identity.environment import Environment
from tasks.errors import ConfigError, EvidenceError, Refusal, RefusalKind
from tasks.formats.digests import sha256_of
from tasks.ledger.sqlite_store import SqliteStore
from tasks.notary.notary import open_ledger, open_notary, trusted_root
from tasks.stages.explain.checks import ExplainCheck
from tasks.stages.fairness.checks import FairnessCheck
from tasks.stages.redact.checks import RedactCheck
from tasks.verifier.lineage import examine
from tasks.verifier.log_reader import Selection, read_log
from tests.cases import change_case, sync_cases
from tests.installations import installation_at
from tests.tasks.judged import CASE, LIMITS, check, observed, put_verdict, sign_for
from tests.tasks.predicate_samples import MODEL, SAMPLES

IMPACT = FairnessCheck.DISPARATE_IMPACT_RATIO


def model_of(root: Path) -> str:
    return sha256_of(root / "data" / CASE / "train" / "model")


def key_of(root: Path, role: str) -> LocalSigner:
    return LocalSigner.load(root.parent / "home" / "signing" / f"{role}.pem")


def refusals(root: Path) -> tuple[str, ...]:
    return tuple(
        line.text for line in clear_model(CASE, model_of(root), installation_at(root)).refusals
    )


def refused(root: Path, *words: str) -> None:
    lines = refusals(root)
    assert any(all(word in line for word in words) for line in lines), lines


def verdict_statement(root: Path, gate: str) -> Statement:
    return statements_of(observed(root, gate), {})[1]


def append(root: Path, *envelopes: Envelope) -> int:
    with open_notary(installation_at(root)) as notary:
        return notary.append_signed(envelopes)[0].index


def write(root: Path, name: str, text: str) -> None:
    (root / "data" / CASE / name).write_text(text)


def other_model(root: Path) -> None:
    write(root, "train/model/scorer.json", "another model")
    put_verdict(root, "train")
    sign_for(root, "train")


def test_a_whole_chain_is_cleared(signed: Path) -> None:
    assert refusals(signed) == ()
    rows = sha256_of(signed / "data" / CASE / "redact" / "rows.parquet")
    assert clear_training(CASE, rows, installation_at(signed)).refusals == ()


def test_1_a_verdict_replayed_for_another_model(signed: Path) -> None:
    other_model(signed)
    refused(
        signed, "explain: no signed verdict on tiny/train/model", "the latest of 1 is about another"
    )


def test_2_an_old_gate_with_new_provenance(signed: Path) -> None:
    write(signed, "redact/rows.parquet", "other rows")
    put_verdict(signed, "redact")
    for stage in ("redact", "train"):
        put_verdict(signed, stage)
        sign_for(signed, stage)
    refused(signed, "validate: no signed verdict on tiny/redact/rows.parquet")


def test_3_other_training_data(signed: Path) -> None:
    write(signed, "redact/rows.parquet", "other rows")
    put_verdict(signed, "train")
    sign_for(signed, "train")
    refused(signed, "tiny/redact/rows.parquet: no signed statement that stage `redact` made")


def test_4_raw_data_named_redacted(signed: Path) -> None:
    shutil.copy2(
        signed / "data" / CASE / "ingest/rows.parquet",
        signed / "data" / CASE / "redact/rows.parquet",
    )
    put_verdict(signed, "train")
    sign_for(signed, "train")
    refused(
        signed,
        "no signed statement that stage `redact` made",
        "it is known as tiny/ingest/rows.parquet",
    )


def test_5_a_statement_that_is_not_in_the_log(signed: Path) -> None:
    other_model(signed)
    put_verdict(signed, "explain")
    sign(verdict_statement(signed, "explain").to_bytes(), key_of(signed, GATE))  # and that is all
    refused(signed, "explain: no signed verdict")


def test_6_a_wrong_key(signed: Path, tmp_path: Path) -> None:
    other_model(signed)
    put_verdict(signed, "explain")
    index = append(
        signed,
        sign(verdict_statement(signed, "explain").to_bytes(), LocalSigner.make(tmp_path / "x.pem")),
    )
    refused(signed, f"entry {index} says so and counts for nothing", "unknown")


def test_7_a_right_key_in_the_wrong_role(signed: Path) -> None:
    other_model(signed)
    put_verdict(signed, "explain")
    index = append(
        signed, sign(verdict_statement(signed, "explain").to_bytes(), key_of(signed, "model"))
    )
    refused(signed, f"entry {index} says so and counts for nothing", "a key with role `gate`")


def test_8_pass_then_fail_and_a_new_pass_counts_again(signed: Path) -> None:
    put_verdict(signed, "fairness", checks=(check(IMPACT, 0.4),))
    sign_for(signed, "fairness")
    refused(signed, f"fairness: the measure of {IMPACT}: failed")
    put_verdict(signed, "fairness")
    sign_for(signed, "fairness")
    assert refusals(signed) == ()


def test_9_an_outdated_suite(signed: Path) -> None:
    (signed / "configs" / CASE / "suite.yaml").write_text("expectations: []")
    suite = f"configs/{CASE}/suite.yaml"
    refused(signed, "validate: entry", f"another {suite} than the one in force")
    sync_cases(signed)
    refused(signed, "validate: entry", "another params:validate than the one in force")


def test_10_a_skipped_test(signed: Path) -> None:
    others = [name for name in FairnessCheck if name is not IMPACT]
    put_verdict(signed, "fairness", checks=tuple(check(name) for name in others))
    sign_for(signed, "fairness")
    refused(signed, f"fairness: check `{IMPACT}` was not made")


def test_11_an_edited_payload(signed: Path) -> None:
    put_verdict(signed, "fairness", checks=(check(IMPACT, 0.4),))
    sign_for(signed, "fairness")
    with sqlite3.connect(signed.parent / "home" / "ledger.db") as db:
        rows = db.execute("SELECT digest, body FROM bodies").fetchall()
        digest, body = next(row for row in reversed(rows) if b"signatures" in row[1])
        envelope = json.loads(body)
        envelope["payload"] = envelope["payload"][:-4] + "AAAA"
        db.execute(
            "UPDATE bodies SET body = ? WHERE digest = ?", (json.dumps(envelope).encode(), digest)
        )
    db.close()
    refused(signed, "ledger entry", "expected the envelope")


def test_12_a_payload_of_another_type(signed: Path) -> None:
    other_model(signed)
    put_verdict(signed, "explain")
    append(
        signed,
        sign(
            verdict_statement(signed, "explain").to_bytes(),
            key_of(signed, GATE),
            "application/json",
        ),
    )
    refused(signed, "counts for nothing", f"payload type {IN_TOTO}")


def test_a_key_that_was_revoked_before_it_signed(signed: Path) -> None:
    gate = key_of(signed, GATE)
    append(
        signed, sign(revoke_key(gate.public.keyid, 2, "stolen").to_bytes(), key_of(signed, "root"))
    )
    refused(signed, "redact: no signed verdict", "void: revoked")


def test_a_failed_verdict_whose_envelope_was_deleted(signed: Path) -> None:
    put_verdict(signed, "fairness", checks=(check(IMPACT, 0.4),))
    sign_for(signed, "fairness")
    with open_notary(installation_at(signed)) as notary:
        head = notary.ledger.head()
        assert head is not None
        size = head.size
        digest = notary.ledger.tiles.record(size - 1).envelope_sha256
    with sqlite3.connect(signed.parent / "home" / "ledger.db") as db:
        db.execute("DELETE FROM bodies WHERE digest = ?", (digest,))
    db.close()
    refused(signed, f"ledger entry {size - 1}: expected its envelope")


def test_a_verdict_about_another_use_case(signed: Path) -> None:
    statement = verdict_statement(signed, "explain")
    other_model(signed)
    said = statement.predicate | {
        "portcullis_context": statement.predicate["portcullis_context"] | {"useCase": "other"}
    }
    put_verdict(signed, "explain")
    subjects = verdict_statement(signed, "explain").subjects
    append(
        signed,
        sign(
            replace(statement, subjects=subjects, predicate=said).to_bytes(), key_of(signed, GATE)
        ),
    )
    refused(signed, "explain: no signed verdict")


def test_limits_that_were_loosened_afterwards(signed: Path) -> None:
    change_case(signed, CASE, lambda values: values["limits"].update(fairness={"m": 0.1}))
    refused(signed, "fairness: entry", "another gate:fairness than the one in force")


def test_a_policy_that_was_loosened_afterwards(signed: Path) -> None:
    path = signed / "configs" / "policy" / "clearance.rego"
    path.write_text(path.read_text() + "\n# more\n")
    refused(signed, "redact: entry", "another policy than the one in force")


def test_no_decision_and_a_decision_against_it(signed: Path) -> None:
    other_model(signed)
    for gate in ("explain",):
        put_verdict(signed, gate)
        sign_for(signed, gate)
    refused(signed, "decide: no signed decision about this model")
    low = Refusal(RefusalKind.CHECK_FAILED, "fairness: too low")
    write(
        signed,
        "decide/decision.json",
        json.dumps({"outcome": "fail", "refusals": [low.to_dict()]}),
    )
    sign_for(signed, "decide")
    refused(signed, "decided against this model: fairness: too low")


def test_a_decision_that_lies_is_not_signed_as_passed(signed: Path) -> None:
    put_verdict(signed, "fairness", checks=(check(IMPACT, 0.4),))
    sign_for(signed, "fairness")
    write(signed, "decide/decision.json", json.dumps({"outcome": "pass", "refusals": []}))
    sign_for(signed, "decide")
    refused(signed, "decided against this model: fairness: fail")


def test_an_attribute_without_a_test(signed: Path) -> None:
    """The role of its column asks for it, whatever the gate was told to judge."""
    columns = {"race": {"role": "protected", "source": "applications", "kind": "category"}}
    change_case(signed, CASE, lambda values: values.update(columns=columns))
    refused(signed, "fairness: `race` was not judged by every check of a group")


def test_a_declared_combination_without_a_test(signed: Path) -> None:
    fairness = {"intersections": [["race", "sex"]]}
    change_case(signed, CASE, lambda values: values.update(fairness=fairness))
    refused(signed, "fairness: `race and sex` was not judged by every check of a group")


def test_an_empty_ledger_and_an_unknown_model(
    signed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert (
        "no signed statement that stage `train` made"
        in clear_model(CASE, "0" * 64, installation_at(signed)).refusals[0].text
    )
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "empty"))
    refused(signed, "ledger: it is empty")


def test_a_rolled_back_ledger(signed: Path) -> None:
    path = signed.parent / "home" / "ledger.db"
    with open_notary(installation_at(signed)) as notary:
        assert isinstance(notary.ledger.store, SqliteStore)
        notary.ledger.store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    copy = path.read_bytes()
    put_verdict(signed, "fairness", checks=(check(IMPACT, 0.4),))
    sign_for(signed, "fairness")
    path.write_bytes(copy)
    for name in ("ledger.db-wal", "ledger.db-shm"):
        (path.parent / name).unlink(missing_ok=True)
    refused(signed, "which were seen before")


def test_a_statement_with_a_key_given_twice_counts_for_nothing(signed: Path) -> None:
    other_model(signed)
    put_verdict(signed, "explain", checks=(check(ExplainCheck.ADDITIVITY_ERROR, 0.1),))
    payload = verdict_statement(signed, "explain").to_bytes()
    doubled = payload.replace(
        b'"portcullis_outcome":"fail"', b'"portcullis_outcome":"fail","portcullis_outcome":"pass"'
    )
    assert doubled != payload
    append(signed, sign(doubled, key_of(signed, GATE)))
    refused(signed, "explain: no signed verdict")


def test_training_behind_a_gate_that_failed_in_the_log(signed: Path) -> None:
    put_verdict(signed, "redact", checks=(check(RedactCheck.OWN_LEAK_RATIO, 0.4),))
    sign_for(signed, "redact")
    rows = sha256_of(signed / "data" / CASE / "redact" / "rows.parquet")
    lines = [
        refusal.text for refusal in clear_training(CASE, rows, installation_at(signed)).refusals
    ]
    assert any(
        f"redact: the measure of {RedactCheck.OWN_LEAK_RATIO}: failed" in line for line in lines
    )
    assert not any("fairness" in line or "decide" in line for line in lines)


def test_what_a_verdict_has_to_be_made_by(signed: Path) -> None:
    from tasks.gates import digest_of

    now = configuration_now("train", CASE, signed)
    assert now["gate:train"] == digest_of(LIMITS["train"])
    assert {"policy", "params:limits", "params:train"} <= set(now)


def test_the_kinds_that_a_stage_s_key_may_not_sign(signed: Path) -> None:
    with open_notary(installation_at(signed)) as notary:
        for kind in ("gate result", "decision for"):
            with pytest.raises(EvidenceError, match="role `data`"):
                notary.record(SAMPLES[kind].about(MODEL), "data")


def code_in(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def test_a_gate_that_judged_by_tampered_code_which_was_restored(signed: Path) -> None:
    code_in(signed, "tasks/stages/fairness/judging.py", "tampered")
    sign_for(signed, "fairness")
    code_in(signed, "tasks/stages/fairness/judging.py", "honest")
    refused(signed, "fairness: entry", "by another tasks/stages/fairness than lies here")
    sign_for(signed, "fairness")
    assert refusals(signed) == ()


def test_a_step_made_by_tampered_code_which_was_restored(signed: Path) -> None:
    code_in(signed, "tasks/stages/ingest/stage.py", "tampered")
    sign_for(signed, "ingest")
    shutil.rmtree(signed / "tasks")
    refused(signed, "ingest: entry", "by another tasks/stages/ingest than lies here")


def test_code_that_no_stage_of_the_chain_reads_may_change(signed: Path) -> None:
    code_in(signed, "tasks/reports_of_tomorrow.py", "new")
    assert refusals(signed) == ()


def in_environment(
    monkeypatch: pytest.MonkeyPatch, sha256: str, foreign: tuple[str, ...] = ()
) -> None:
    def known(*_: object, **_options: object) -> Environment:
        return Environment(sha256, "another", foreign)

    monkeypatch.setattr("tasks.code_identity.environment.measure_environment", known)


def test_a_gate_that_ran_in_another_environment(
    signed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        in_environment(patch, "f" * 64)
        sign_for(signed, "explain")
    refused(signed, "explain: entry", "another interpreter or other libraries than are here")


def test_a_step_made_where_more_could_be_imported(
    signed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        in_environment(patch, "e" * 64, ("planted.py",))
        sign_for(signed, "train")
    refused(signed, "train: entry", "`planted.py` could be imported, which no lock names")


def test_what_was_installed_since(signed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_environment(monkeypatch, "e" * 64, ("planted==1.0",))
    refused(signed, "code: `planted==1.0` can be imported here")


def test_a_gate_of_a_time_before_code_was_measured(
    signed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("tasks.clearance.attest_stage.identity", lambda *_, **__: None)
        sign_for(signed, "explain")
    refused(signed, "explain: entry", "does not say by which code it was made")


def test_a_verdict_whose_file_nobody_signed_to_have_made(signed: Path) -> None:
    put_verdict(signed, "explain", checks=(check(ExplainCheck.PROXY),))
    append(signed, sign(verdict_statement(signed, "explain").to_bytes(), key_of(signed, GATE)))
    refused(signed, "explain: entry", "does not say by which code it was made")


@pytest.mark.parametrize(
    ("stage", "line"),
    [
        ("train", "train: entry"),
        ("fairness", "fairness: entry"),
        ("decide", "decide: entry"),
    ],
)
def test_what_ran_under_a_drill_s_clock_clears_nothing(
    signed: Path, monkeypatch: pytest.MonkeyPatch, stage: str, line: str
) -> None:
    monkeypatch.setenv("PORTCULLIS_TODAY", "2026-01-01")
    sign_for(signed, stage)
    monkeypatch.delenv("PORTCULLIS_TODAY")
    refused(signed, line, "ran under PORTCULLIS_TODAY=2026-01-01; drills clear nothing")
    sign_for(signed, stage)
    assert refusals(signed) == ()


def test_a_model_that_is_asked_about_in_a_drill_is_not_cleared(
    signed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTCULLIS_TODAY", "2026-01-01")
    (line,) = refusals(signed)
    assert line == "register: asked under PORTCULLIS_TODAY=2026-01-01; drills clear nothing"


def test_a_clock_that_is_no_date_is_signed_for_by_nobody(
    signed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTCULLIS_TODAY", "tomorrow")
    with pytest.raises(ConfigError, match="PORTCULLIS_TODAY"):
        sign_for(signed, "train")


def test_enforced_a_model_that_somebody_unknown_made_is_not_cleared(signed: Path) -> None:
    ledger = open_ledger(installation_at(signed))
    try:
        log = read_log(ledger, trusted_root(installation_at(signed)), Selection.of_case(CASE))
    finally:
        ledger.close()
    chain = examine(log, CASE, model_of(signed))
    facts = facts_of("register", log, chain, installation_at(signed), mode="enforced")
    kinds = [refusal.kind for refusal in policy.refusals(facts, installation_at(signed))]
    assert set(kinds) == {RefusalKind.ACTOR_UNKNOWN}
