"""Promotion and going back: what moves the alias, what is refused, and what the log says of it."""

import json
import shutil
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows.cli.proof import approve, keys
from tasks.attestation.dsse import sign
from tasks.attestation.predicates.serving.promotion import (
    AliasMove,
    PromotionApproval,
    PromotionDecision,
)
from tasks.attestation.predicates.verification_summary import VerificationSummary
from tasks.attestation.signing_keys import LocalSigner
from tasks.attestation.statement import Artefact
from tasks.clearance.bundle_writer import choose, files_of, scan
from tasks.errors import ConfigError, EvidenceError, PortcullisError, RefusedError
from tasks.formats.archives import archive
from tasks.notary.notary import open_ledger, open_notary, trusted_root
from tasks.promotion import moving
from tasks.promotion.approving import rule_of
from tasks.promotion.moving import TakenStep, promote, roll_back
from tasks.registry.aliases import find_aliased, move_alias
from tasks.registry_database import AliasApproval
from tasks.registry_store import verifying
from tasks.registry_store.configuring import StoreConfig
from tasks.registry_store.verifying import verify_clearance
from tasks.serving import load_model, verify_model
from tasks.stages.fairness.checks import FairnessCheck
from tasks.verifier.bundle import verify_bundle
from tasks.verifier.lineage import MODEL, examine
from tasks.verifier.log_reader import EVERYTHING, Log, read_log
from tasks.verifier.served.timeline import ServedTimeline, read_timeline
from tasks.verifier.text_report import lines_of
from tests.cases import change_case
from tests.flows.cli.running import run
from tests.installations import installation_at
from tests.tasks.judged import CASE, check, put_verdict, sign_for
from tests.tasks.promotion.conftest import RULE, checks_with
from tests.tasks.registering import enrol, model_here, register, train_another

pytestmark = [
    # MLflow 3.17 leaves SQLite connections to the collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ALIAS = "champion"


def approve_by(
    root: Path, key: Path, model: str, *, expires: str = "2099-12-31", alias: str = ALIAS
) -> None:
    code = run(
        approve, installation_at(root), CASE, "--model", f"sha256:{model}", "--to", alias,
        "--reason", "as good", "--expires", expires, "--key", key,
    )  # fmt: skip
    assert code == 0


def promoted(root: Path, version: str = "") -> TakenStep:
    return promote(CASE, ALIAS, installation_at(root), version=version)


def back(root: Path, version: str = "") -> TakenStep:
    return roll_back(CASE, ALIAS, installation_at(root), version=version)


def reasons_against(step: Callable[[], object]) -> str:
    with pytest.raises(RefusedError) as refused:
        step()
    return "; ".join(refused.value.lines)


def serving(root: Path) -> str:
    return find_aliased(CASE, ALIAS, installation_at(root))


def read(root: Path) -> Log:
    ledger = open_ledger(installation_at(root))
    try:
        return read_log(ledger, trusted_root(installation_at(root)), EVERYTHING)
    finally:
        ledger.close()


def timeline(root: Path) -> ServedTimeline:
    return read_timeline(read(root), CASE)


def model_of_version(root: Path, version: int) -> str:
    return verify_model(f"models:/{CASE}/{version}", installation_at(root)).model_sha256


@pytest.fixture
def ann(promotable: Path) -> Path:
    return enrol(promotable, "ann")


@pytest.fixture
def second_serves(promotable: Path, ann: Path) -> Path:
    """Version 1 was promoted first, and version 2 after it."""
    first = model_of_version(promotable, 1)
    approve_by(promotable, ann, first)
    promoted(promotable, "1")
    approve_by(promotable, ann, model_here(promotable))
    promoted(promotable)
    return promotable


# What may be


def test_a_cleared_and_approved_model_serves(promotable: Path, ann: Path) -> None:
    approve_by(promotable, ann, model_here(promotable))
    step = promoted(promotable)
    assert (step.is_new, step.period.version, step.period.approved_by) == (True, 2, "ann")
    assert (step.period.requested_by, serving(promotable)) == ("the-suite", "2")

    again = promoted(promotable)
    assert (again.is_new, again.period) == (False, step.period)
    assert len(read(promotable).statements(AliasMove)) == 1
    loaded = load_model(f"models:/{CASE}@{ALIAS}", installation_at(promotable))
    assert loaded.model_sha256 == model_here(promotable)


def test_who_served_when_is_in_the_log_alone(second_serves: Path) -> None:
    back(second_serves)
    assert serving(second_serves) == "1"
    first, second, third = timeline(second_serves).periods
    assert [period.version for period in (first, second, third)] == [1, 2, 1]
    assert (first.until, second.until, third.until) == (second.since, third.since, "")
    assert (third.step, third.approval) == ("roll_back", first.approval)
    shutil.rmtree(installation_at(second_serves).home / "mlartifacts")
    (installation_at(second_serves).home / "mlflow.db").unlink()
    assert len(timeline(second_serves).periods) == 3


def test_a_model_that_is_not_in_the_checkout_goes_back_by_what_was_published(
    second_serves: Path,
) -> None:
    """Its report came with it, and its rows are the present ones."""
    assert back(second_serves).period.version == 1
    loaded = load_model(f"models:/{CASE}@{ALIAS}", installation_at(second_serves))
    assert loaded.version == "1"


# A second person


def test_without_a_second_person_nothing_serves(promotable: Path) -> None:
    assert "no second person" in reasons_against(lambda: promoted(promotable))
    assert serving(promotable) == ""
    (decision,) = read(promotable).statements(PromotionDecision)
    assert not decision.predicate.has_passed
    assert any("no second person" in line for line in decision.predicate.refusals)
    assert timeline(promotable).periods == ()


def test_who_asks_for_it_is_no_second_person(
    promotable: Path, ann: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve_by(promotable, ann, model_here(promotable))
    monkeypatch.setenv("PORTCULLIS_ACTOR", "Ann")
    assert "who asked for this step" in reasons_against(lambda: promoted(promotable))


def test_nor_under_a_login_that_is_enrolled_for_them(
    promotable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = enrol(promotable, "ben", logins=("b-7",))
    approve_by(promotable, key, model_here(promotable))
    monkeypatch.setenv("PORTCULLIS_ACTOR", "b-7")
    assert "who asked for this step" in reasons_against(lambda: promoted(promotable))


def test_who_made_the_model_approves_no_promotion(promotable: Path) -> None:
    key = enrol(promotable, "the-suite")
    with pytest.raises(EvidenceError, match="who made this model"):
        approve_by(promotable, key, model_here(promotable))
    # Nor by an approval that was put into the log past the command.
    put_approval(promotable, LocalSigner.load(key), "the-suite")
    assert "who made the model" in reasons_against(lambda: promoted(promotable))


@pytest.mark.parametrize("role", ["validation", "compliance", "developer"])
def test_a_key_of_another_role_approves_nothing(promotable: Path, role: str) -> None:
    key = enrol(promotable, "carl", role)
    with pytest.raises(EvidenceError):
        approve_by(promotable, key, model_here(promotable))
    put_approval(promotable, LocalSigner.load(key), "carl")
    assert "no second person" in reasons_against(lambda: promoted(promotable))


def put_approval(root: Path, signer: Any, person: str, **changes: Any) -> None:
    """Append an approval as somebody would who has the log's key, and not an approver's."""
    values: dict[str, Any] = {
        "case": CASE, "person": person, "capacity": "", "reason": "mine",
        "given_on": "2026-01-01T00:00:00Z", "expires": "2099-12-31T23:59:59Z",
        "registry_name": CASE, "alias": ALIAS, "replaces_sha256": "",
        "rule_sha256": rule_of(CASE, ALIAS, installation_at(root)).sha256,
    }  # fmt: skip
    approval = PromotionApproval(**(values | changes))
    model = Artefact(f"{CASE}/{MODEL}", model_here(root))
    with open_notary(installation_at(root)) as notary:
        notary.append_signed([sign(approval.about(model).to_bytes(), signer)])


def test_a_forged_approval_counts_for_nothing(promotable: Path, ann: Path) -> None:
    installation = installation_at(promotable)
    with open_notary(installation) as notary:
        decision_key = notary.signer("decision")
    put_approval(promotable, decision_key, "ann")
    put_approval(promotable, LocalSigner.make(promotable.parent / "own.pem"), "ann")
    other = LocalSigner.load(enrol(promotable, "dora"))
    put_approval(promotable, other, "ann")  # in another's name
    assert "no second person" in reasons_against(lambda: promoted(promotable))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"alias": "other"}, "for another name or alias"),
        ({"registry_name": "other"}, "for another name or alias"),
        ({"replaces_sha256": "0" * 64}, "is to replace"),
        ({"rule_sha256": "0" * 64}, "by another rule"),
        ({"expires": "2026-01-02T00:00:00Z"}, "has expired"),
    ],
)
def test_an_approval_of_something_else_is_none(
    promotable: Path, ann: Path, changes: dict[str, str], reason: str
) -> None:
    put_approval(promotable, LocalSigner.load(ann), "ann", **changes)
    assert reason in reasons_against(lambda: promoted(promotable))


def test_an_approval_of_one_version_is_none_of_another(promotable: Path, ann: Path) -> None:
    approve_by(promotable, ann, model_here(promotable))
    assert "no second person" in reasons_against(lambda: promoted(promotable, "1"))


def test_an_approval_is_good_for_one_promotion(second_serves: Path) -> None:
    back(second_serves)
    reasons = reasons_against(lambda: promoted(second_serves, "2"))
    assert "was used up by an earlier promotion" in reasons
    assert serving(second_serves) == "1"


def test_a_rule_that_was_changed_since_voids_the_approval(promotable: Path, ann: Path) -> None:
    approve_by(promotable, ann, model_here(promotable))
    lax = RULE | {"tolerance": 0.9}
    change_case(promotable, CASE, lambda values: values.update(promote=lax))
    assert "is by another rule" in reasons_against(lambda: promoted(promotable))


def test_a_key_that_was_revoked_approves_nothing(promotable: Path, ann: Path) -> None:
    approve_by(promotable, ann, model_here(promotable))
    keyid = LocalSigner.load(ann).public.keyid
    run(
        keys, installation_at(promotable), "revoke", keyid, "--reason", "stolen",
        "--valid-to", "1",
    )  # fmt: skip
    assert "no second person" in reasons_against(lambda: promoted(promotable))


# The rule


@pytest.mark.parametrize(
    ("checks", "reason"),
    [
        ({"train": checks_with("train", AUC_LOWER_END=0.9)}, "train.auc_lower_end"),
        (
            {"fairness": checks_with("fairness", DISPARATE_IMPACT_RATIO=0.9)},
            "fairness.disparate_impact_ratio",
        ),
    ],
)
def test_a_worse_model_is_refused(
    promotable: Path, ann: Path, checks: dict[str, Any], reason: str
) -> None:
    approve_by(promotable, ann, model_here(promotable))
    promoted(promotable)
    worse = train_another(promotable, **checks)
    register(promotable)
    approve_by(promotable, ann, worse)
    reasons = reasons_against(lambda: promoted(promotable))
    assert f"rule: {reason}: 0.9, serving 1: worse by 0.1" in reasons
    assert serving(promotable) == "2"
    (refused,) = [
        signed.predicate
        for signed in read(promotable).statements(PromotionDecision)
        if not signed.predicate.has_passed
    ]
    assert refused.comparisons


def test_a_model_that_is_worse_within_the_tolerance_equals(promotable: Path, ann: Path) -> None:
    approve_by(promotable, ann, model_here(promotable))
    promoted(promotable)
    checks = checks_with("train", AUC_LOWER_END=0.995)
    approve_by(promotable, ann, train_another(promotable, train=checks))
    register(promotable)
    assert "worse by 0.005, allowed 0.01" in promoted(promotable).comparisons[0]


def test_a_rule_can_let_no_first_model_in(promotable: Path, ann: Path) -> None:
    strict = RULE | {"without_champion": "refused"}
    change_case(promotable, CASE, lambda values: values.update(promote=strict))
    approve_by(promotable, ann, model_here(promotable))
    assert "lets no first one in" in reasons_against(lambda: promoted(promotable))


def test_without_a_rule_nothing_is_promoted(promotable: Path) -> None:
    change_case(promotable, CASE, lambda values: values.pop("promote"))
    with pytest.raises(ConfigError, match="a section `promote`"):
        promoted(promotable)


def test_an_alias_without_a_rule_is_refused(promotable: Path) -> None:
    with pytest.raises(ConfigError, match="declares a rule"):
        promote(CASE, "production", installation_at(promotable))


# Clearance, asked again


def fail_fairness(root: Path) -> None:
    put_verdict(root, "fairness", checks=(check(FairnessCheck.DISPARATE_IMPACT_RATIO, 0.1),))
    sign_for(root, "fairness")


def erased_since(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "tasks.serving.judging.find_outdated_reasons", lambda *_: ("1 of the people was erased",)
    )


def test_a_verdict_that_failed_since_keeps_it_from_serving(promotable: Path, ann: Path) -> None:
    approve_by(promotable, ann, model_here(promotable))
    fail_fairness(promotable)
    assert "fairness: FAILED" in reasons_against(lambda: promoted(promotable))


def test_after_an_erasure_nothing_is_promoted_nor_gone_back_to(
    second_serves: Path, ann: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    erased_since(monkeypatch)
    assert "was erased" in reasons_against(lambda: back(second_serves))
    assert "was erased" in reasons_against(lambda: promoted(second_serves, "1"))
    assert serving(second_serves) == "2"


def test_other_bytes_than_were_let_in_do_not_serve(promotable: Path, ann: Path) -> None:
    approve_by(promotable, ann, model_here(promotable))
    for path in installation_at(promotable).home.glob("mlartifacts/**/scorer.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"cutoff": 0.1}))
    assert "no signed" in reasons_against(lambda: promoted(promotable))


# Going back


def test_back_goes_to_nothing_that_never_served(promotable: Path, ann: Path) -> None:
    with pytest.raises(EvidenceError, match="none but the present one"):
        back(promotable)
    approve_by(promotable, ann, model_here(promotable))
    promoted(promotable)
    for version in ("", "1", "9"):
        with pytest.raises(EvidenceError, match="served under this alias"):
            back(promotable, version)
    assert serving(promotable) == "2"


def test_back_goes_to_no_version_that_is_not_cleared_any_more(second_serves: Path) -> None:
    with open_notary(installation_at(second_serves)) as notary:
        (first, *_) = read_timeline(read(second_serves), CASE).periods
        decision = next(
            signed.predicate
            for signed in read(second_serves).statements(VerificationSummary)
            if signed.digest_of(f"{CASE}/{MODEL}") == first.model_sha256
            and signed.predicate.has_passed
        )
        against = replace(decision, result="FAILED", levels=())
        notary.record(against.about(Artefact(f"{CASE}/{MODEL}", first.model_sha256)))
    assert "decision FAILED" in reasons_against(lambda: back(second_serves))
    assert serving(second_serves) == "2"


# Races, crashes, and an alias that somebody else moves


def test_of_two_that_are_decided_at_once_one_counts(
    promotable: Path, ann: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As two installations would, which share a log and not a lock."""
    first = model_of_version(promotable, 1)
    approve_by(promotable, ann, first)
    approve_by(promotable, ann, model_here(promotable))
    monkeypatch.setattr(moving, "_one_at_a_time", lambda _: nullcontext())
    meeting = threading.Barrier(2, timeout=60)
    real = moving._record

    def record(*arguments: Any) -> Any:
        meeting.wait()
        return real(*arguments)

    monkeypatch.setattr(moving, "_record", record)
    outcomes: list[object] = []

    def attempt(version: str) -> None:
        try:
            outcomes.append(promoted(promotable, version))
        except PortcullisError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=attempt, args=(number,)) for number in ("1", "2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (step,) = [item for item in outcomes if isinstance(item, TakenStep)]
    (error,) = [item for item in outcomes if isinstance(item, PortcullisError)]
    assert "another that came first" in str(error)
    assert serving(promotable) == str(step.period.version)
    assert [period.version for period in timeline(promotable).periods] == [step.period.version]
    assert [reason for _, reason in timeline(promotable).ignored] == ["another decision came first"]


@pytest.mark.parametrize("moment", ["move_alias", "AliasMove"])
def test_a_call_that_was_killed_is_finished_by_the_next(
    promotable: Path, ann: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    approve_by(promotable, ann, model_here(promotable))

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(moving, moment, die)
        with pytest.raises(KeyboardInterrupt):
            promoted(promotable)
    (period,) = timeline(promotable).periods
    assert period.since == ""
    step = promoted(promotable)
    assert not step.is_new
    assert step.period.since
    assert serving(promotable) == "2"
    assert len(read(promotable).statements(PromotionDecision)) == 1


def test_a_step_that_was_decided_before_an_erasure_is_not_finished(
    promotable: Path, ann: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve_by(promotable, ann, model_here(promotable))

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(moving, "move_alias", die)
        with pytest.raises(KeyboardInterrupt):
            promoted(promotable)
    erased_since(monkeypatch)
    assert "was erased" in reasons_against(lambda: promoted(promotable))
    assert serving(promotable) == ""


def test_an_alias_that_was_moved_past_the_log_loads_nothing(promotable: Path, ann: Path) -> None:
    installation = installation_at(promotable)
    for alias in (ALIAS, "production"):
        move_alias(CASE, alias, "1", installation)
        with pytest.raises(RefusedError) as refused:
            load_model(f"models:/{CASE}@{alias}", installation)
        assert refused.value.lines == ("alias: by the log, no model was ever promoted to it",)

    approve_by(promotable, ann, model_here(promotable))
    promoted(promotable)
    move_alias(CASE, ALIAS, "1", installation)
    model = verify_model(f"models:/{CASE}@{ALIAS}", installation)
    assert [item.id for item in model.checks if item.refusals] == ["serving.alias"]
    assert load_model(f"models:/{CASE}/1", installation).version == "1"

    promoted(promotable)  # puts it back where the log says
    assert serving(promotable) == "2"


def test_a_decision_of_whoever_has_the_workers_key_alone_counts_for_nothing(
    promotable: Path,
) -> None:
    decision = PromotionDecision(
        case=CASE, step="promote", registry_name=CASE, alias=ALIAS, version=2, follows=0,
        replaces_sha256="", approval_sha256="0" * 64, result="PASSED", rule="", rule_sha256="",
        comparisons=(), refusals=(), requested_by="ann", decided_on="2026-01-01T00:00:00Z",
        mode="local",
    )  # fmt: skip
    with open_notary(installation_at(promotable)) as notary:
        notary.record(decision.about(Artefact(f"{CASE}/{MODEL}", model_here(promotable))))
    move_alias(CASE, ALIAS, "2", installation_at(promotable))
    assert timeline(promotable).periods == ()
    with pytest.raises(RefusedError):
        load_model(f"models:/{CASE}@{ALIAS}", installation_at(promotable))


def test_the_registrys_database_is_told_who_approved_before_the_alias_is_moved(
    promotable: Path, ann: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its trigger lets an alias that serves be moved by such a row alone."""
    approve_by(promotable, ann, model_here(promotable))
    monkeypatch.setenv("PORTCULLIS_REGISTRY_EVIDENCE_URL", "postgresql://gatekeeper@db/mlflow")
    given: list[AliasApproval] = []

    def approve_alias(url: str, approval: AliasApproval) -> int:
        assert url == "postgresql://gatekeeper@db/mlflow"
        assert serving(promotable) == ""
        given.append(approval)
        return 1

    monkeypatch.setattr(moving, "approve_alias", approve_alias)
    step = promoted(promotable)
    assert given == [
        AliasApproval(
            name=CASE,
            version=2,
            alias=ALIAS,
            requested_by="the-suite",
            approved_by="ann",
            log_entry=step.period.decision,
        )
    ]


@pytest.mark.parametrize("is_complete", [True, False])
def test_a_bundle_shows_offline_what_served_when(
    second_serves: Path, tmp_path: Path, is_complete: bool
) -> None:
    back(second_serves)
    ledger = open_ledger(installation_at(second_serves))
    try:
        log = read(second_serves)
        chain = examine(log, CASE, model_here(second_serves))
        contents = choose(log, chain, may_be_complete=is_complete)
        files = files_of(contents, ledger)
        scan(contents, files)
    finally:
        ledger.close()
    path = tmp_path / "bundle.zip"
    path.write_bytes(archive(files))

    verified = verify_bundle(path, trusted_root(installation_at(second_serves)))
    assert verified.is_complete is is_complete
    assert read_timeline(verified.log, CASE) == timeline(second_serves)
    lines = "\n".join(lines_of(verified.log, verified.chain))
    assert f"served  {CASE}@{ALIAS} from " in lines
    assert "approved by ann" in lines
    served = json.loads(files["report.json"])["served"]
    assert [period["version"] for period in served["periods"]] == [1, 2, 1]


# The registry's store, on the server


@pytest.fixture
def pinned(second_serves: Path, monkeypatch: pytest.MonkeyPatch) -> StoreConfig:
    """What a server is told of this log; its policy is asked in the tests of that room."""
    monkeypatch.setattr(verifying, "ask_policy", lambda *_: None)
    log = read(second_serves)
    decision = log.statements(VerificationSummary)[-1]
    (root_key,) = (item.public.keyid for item in log.keys.holders("root", 0))
    return StoreConfig.model_validate(
        {
            "logs": [
                {
                    "origin": log.head.origin,
                    "root_key": root_key,
                    "decision_keys": [decision.key.public.keyid],
                    "names": {CASE: CASE},
                }
            ],
            "policies": [decision.predicate.policy_sha256],
            "policy_workspace": str(second_serves),
            "least_mode": "local",
            "artifact_roots": ["mlflow-artifacts:/"],
            "decision_seconds": 3600,
            "clock_skew_seconds": 5,
            "serving_aliases": [ALIAS],
            "most_model_bytes": 1 << 20,
        }
    )


def archive_of(root: Path, decision: int) -> Path:
    (path,) = installation_at(root).home.glob(f"mlartifacts/**/promotion-{decision}.zip")
    return path


def test_the_server_lets_a_promoted_model_serve(second_serves: Path, pinned: StoreConfig) -> None:
    present = timeline(second_serves).periods[-1]
    cleared = verify_clearance(
        archive_of(second_serves, present.decision), present.decision, CASE, pinned,
        model_sha256=present.model_sha256, is_new=False, serving_alias=ALIAS,
    )  # fmt: skip
    assert cleared.chain.model_sha256 == present.model_sha256


def test_the_server_takes_no_archive_for_another_promotion(
    second_serves: Path, pinned: StoreConfig
) -> None:
    first, second = timeline(second_serves).periods
    cases = [
        (first.decision, second.decision, ALIAS, "the latest"),
        (second.decision, first.decision, ALIAS, "the latest"),
        (second.decision, second.decision, "other", "none that counts"),
    ]
    for of_archive, entry, alias, reason in cases:
        with pytest.raises(EvidenceError, match=reason):
            verify_clearance(
                archive_of(second_serves, of_archive), entry, CASE, pinned,
                is_new=False, serving_alias=alias,
            )  # fmt: skip


def test_the_archive_of_a_registration_lets_nothing_serve(
    second_serves: Path, pinned: StoreConfig
) -> None:
    paths = list(installation_at(second_serves).home.glob("mlartifacts/**/clearance-*.zip"))
    assert len(paths) == 2
    for path in paths:
        with pytest.raises(EvidenceError, match="promotion"):
            verify_clearance(path, 1, CASE, pinned, is_new=False, serving_alias=ALIAS)
