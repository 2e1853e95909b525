"""The four answers: what is cleared, what is refused, what is not established, what is broken."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.attestation.predicates.verification_summary import VerificationSummary
from tasks.attestation.signing_keys import LocalSigner
from tasks.clearance.bundle_writer import choose, files_of
from tasks.errors import Refusal, RefusalKind
from tasks.formats.archives import archive
from tasks.gates import Outcome
from tasks.ledger.checkpoint import (
    COSIGNATURE,
    Checkpoint,
    cosigned_bytes,
    key_hash,
    read_checkpoint,
)
from tasks.path import SUBJECTS
from tasks.verifier.__main__ import main
from tasks.verifier.answer import Answer, Gap, Holding, Verification, judge
from tasks.verifier.approvals import acceptance
from tasks.verifier.in_force.law import law_of
from tasks.verifier.lineage import MODEL, examine
from tests.tasks.predicate_samples import POLICY, RUN
from tests.tasks.verifier import signed_log
from tests.tasks.verifier.in_force.laws import LAX, Lawgivers, terms_of
from tests.tasks.verifier.signed_log import (
    CASE,
    SignedLog,
    artefact_of,
    digest,
    report_of,
    verdict_of,
)

MODEL_SHA256 = digest(MODEL)
REFUSED = (Refusal(RefusalKind.CHECK_FAILED, "train: too little"),)
CONSENT = {
    "person": "ann",
    "role": "validator",
    "reason": "sound",
    "given": "2020-01-01T00:00:00Z",
    "expires": "2099-01-01T00:00:00Z",
}


@pytest.fixture
def registered(cleared: SignedLog) -> SignedLog:
    """A ledger of a model that was cleared for registration."""
    cleared.say_decided("register")
    return cleared


def answer_of(log: SignedLog) -> Verification:
    read = log.read()
    return judge(read, examine(read, CASE, MODEL_SHA256))


def kinds(answer: Verification) -> list[str]:
    return [reason.kind for reason in answer.reasons]


def accept(log: SignedLog, **change: str) -> int:
    statement = acceptance(
        CASE,
        "explain",
        verdict_sha256=report_of("explain").sha256,
        tests=("explain.measure",),
        **(CONSENT | change),
    )
    return log.append(statement, "validation")


def test_a_model_that_nothing_speaks_against_is_cleared(registered: SignedLog) -> None:
    answer = answer_of(registered)
    assert answer.answer is Answer.CLEARED
    assert answer.reasons == ()
    assert (answer.chain, answer.clearance) == (Holding.YES, Holding.YES)


def test_the_four_answers_have_four_exit_codes_apart_from_those_of_errors() -> None:
    assert sorted(Answer) == [0, 3, 5, 6]


def test_a_model_that_was_never_registered_is_not_cleared(cleared: SignedLog) -> None:
    answer = answer_of(cleared)
    assert answer.answer is Answer.REFUSED
    assert kinds(answer) == [RefusalKind.DECISION_MISSING]
    assert answer.chain is Holding.YES
    assert answer.sentence("").startswith("every link holds; NOT CLEARED: register: no signed")


def test_a_decision_that_failed_is_named(cleared: SignedLog) -> None:
    index = cleared.say_decided("register", REFUSED)
    answer = answer_of(cleared)
    assert kinds(answer) == [RefusalKind.DECISION_AGAINST]
    assert f"decision FAILED, entry {index}" in answer.sentence("")


@pytest.mark.parametrize("stage", ["decide", "register"])
def test_a_later_decision_counts_whoever_took_it(registered: SignedLog, stage: str) -> None:
    registered.say_decided(stage, REFUSED)
    answer = answer_of(registered)
    assert answer.answer is Answer.REFUSED
    assert kinds(answer) == [RefusalKind.DECISION_AGAINST]


def test_a_decision_that_was_taken_again_and_passed_clears(registered: SignedLog) -> None:
    registered.say_decided("register", REFUSED)
    registered.say_decided("register")
    assert answer_of(registered).answer is Answer.CLEARED


def test_a_later_failed_verdict_is_refused_though_it_was_cleared(registered: SignedLog) -> None:
    index = registered.say_judged("train", Outcome.FAIL)
    answer = answer_of(registered)
    assert answer.answer is Answer.REFUSED
    assert kinds(answer) == [RefusalKind.VERDICT_NOT_PASSED]
    sentence = answer.sentence("every link holds, and it")
    assert f"train: FAILED (train.measure), entry {index}, after `register` decided" in sentence
    assert "was cleared" not in sentence


@pytest.mark.parametrize(
    "change", [{"outcome": ""}, {"outcome": "undecided"}, {"passed": ()}, {"result": "WARNED"}]
)
def test_a_later_verdict_that_is_no_plain_pass_is_refused(
    registered: SignedLog, change: dict[str, Any]
) -> None:
    verdict = replace(verdict_of("train", Outcome.PASS), **change)
    registered.say(verdict, *(artefact_of(name) for name in SUBJECTS["train"]))
    answer = answer_of(registered)
    assert kinds(answer) == [RefusalKind.CHECK_UNDECIDED]
    assert "train: undecided (no check is named)" in answer.sentence("")


def test_a_later_undecided_verdict_is_refused(registered: SignedLog) -> None:
    registered.say_judged("explain", Outcome.UNDECIDED)
    assert kinds(answer_of(registered)) == [RefusalKind.CHECK_UNDECIDED]


def test_an_undecided_check_that_was_accepted_before_is_cleared(cleared: SignedLog) -> None:
    cleared.say_judged("explain", Outcome.UNDECIDED)
    accept(cleared)
    cleared.say_decided("register")
    assert answer_of(cleared).answer is Answer.CLEARED


@pytest.mark.parametrize("change", [{"expires": "2020-01-01T00:00:00Z"}, {"person": "bob"}])
def test_an_acceptance_that_was_not_in_force_counts_for_nothing(
    cleared: SignedLog, change: dict[str, str]
) -> None:
    cleared.say_judged("explain", Outcome.UNDECIDED)
    accept(cleared, **change)
    cleared.say_decided("register")
    assert kinds(answer_of(cleared)) == [RefusalKind.CHECK_UNDECIDED]


@pytest.mark.parametrize("finished", ["2026-01-01T00:00:02Z", "some day", ""])
def test_a_clock_that_was_set_back_when_it_was_decided_revives_no_acceptance(
    cleared: SignedLog, finished: str
) -> None:
    cleared.say_judged("explain", Outcome.UNDECIDED)
    accept(cleared, expires="2026-06-01T00:00:00Z")
    later = replace(verdict_of("train", Outcome.PASS), finished="2026-07-01T00:00:00Z")
    cleared.say(later, *(artefact_of(name) for name in SUBJECTS["train"]))

    model = artefact_of(MODEL)
    run = replace(RUN, stage="register", finished=finished)
    cleared.say(VerificationSummary.of(run, model, POLICY, (), ()), model)
    assert kinds(answer_of(cleared)) == [RefusalKind.CHECK_UNDECIDED]


def test_an_acceptance_after_the_decision_does_not_mend_it(cleared: SignedLog) -> None:
    cleared.say_judged("explain", Outcome.UNDECIDED)
    cleared.say_decided("register")
    accept(cleared)
    assert kinds(answer_of(cleared)) == [RefusalKind.CHECK_UNDECIDED]


def test_a_key_that_was_revoked_before_it_signed_breaks_the_chain(registered: SignedLog) -> None:
    registered.revoke("gate", 0)
    answer = answer_of(registered)
    assert answer.answer is Answer.REFUSED
    assert answer.chain is Holding.NO
    assert answer.sentence("").startswith("DOES NOT VERIFY: ")


def test_a_key_that_was_revoked_afterwards_takes_nothing_away(registered: SignedLog) -> None:
    registered.revoke("gate", registered.size)
    assert answer_of(registered).answer is Answer.CLEARED


def test_revoking_a_key_does_not_bring_an_earlier_pass_back(registered: SignedLog) -> None:
    index = registered.say_judged("train", Outcome.FAIL)
    registered.revoke("gate", index)
    answer = answer_of(registered)
    assert answer.answer is Answer.REFUSED
    assert kinds(answer) == [RefusalKind.KEY_REVOKED]


def test_revoking_a_key_does_not_bring_an_earlier_decision_back(registered: SignedLog) -> None:
    index = registered.say_decided("register", REFUSED)
    registered.revoke("decision", index)
    assert kinds(answer_of(registered)) == [RefusalKind.KEY_REVOKED]


def test_the_mode_of_the_evidence_is_said(registered: SignedLog) -> None:
    assert answer_of(registered).modes == ("local",)


@pytest.mark.parametrize("stage", ["train", "fairness", "decide", "register"])
def test_what_ran_under_a_drill_s_date_is_not_cleared(
    cleared: SignedLog, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(signed_log, "RUN", replace(RUN, drill="2031-01-01"))
        match stage:
            case "train":
                cleared.say_made(MODEL)
            case "fairness":
                cleared.say_judged(stage)
            case _:
                cleared.say_decided(stage)
    if stage != "register":
        cleared.say_decided("register")
    answer = answer_of(cleared)
    assert answer.answer is Answer.REFUSED
    assert [reason.kind for reason in answer.reasons] == [RefusalKind.DRILL_CLOCK]


def test_a_drill_after_the_registration_takes_nothing_away(
    registered: SignedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signed_log, "RUN", replace(RUN, drill="2031-01-01"))
    registered.say_made(MODEL)
    assert answer_of(registered).answer is Answer.CLEARED


# The verifier for outsiders: the same answers about a bundle.


# What is in force


def decide_by_law(log: SignedLog, **changes: Any) -> None:
    """Append a decision of `register` that names what is in force."""
    law = law_of(log.read())
    run = replace(RUN, stage="register")
    inputs = law.inputs() if law else ()
    model = artefact_of(MODEL)
    summary = VerificationSummary.of(run, model, POLICY, inputs, (), registry_name=CASE)
    log.say(replace(summary, **changes), model)


@pytest.fixture
def lawgivers(cleared: SignedLog, tmp_path: Path) -> Lawgivers:
    return Lawgivers(cleared, tmp_path)


def test_a_decision_by_what_is_in_force_is_cleared(lawgivers: Lawgivers) -> None:
    lawgivers.say(LAX)
    decide_by_law(lawgivers.log)
    assert answer_of(lawgivers.log).answer is Answer.CLEARED


def test_everything_against_what_was_in_force_is_refused_and_named(lawgivers: Lawgivers) -> None:
    lawgivers.say(LAX)
    decide_by_law(lawgivers.log, policy_sha256="a" * 64, registry_name="loan")
    answer = answer_of(lawgivers.log)
    assert answer.answer is Answer.REFUSED
    assert (answer.chain, answer.clearance) == (Holding.YES, Holding.NO)
    assert kinds(answer) == [
        RefusalKind.IN_FORCE_POLICY_CHANGED,
        RefusalKind.IN_FORCE_REGISTRY_NAME_FOREIGN,
    ]


def test_what_came_into_force_later_is_a_remark_and_takes_nothing_away(
    lawgivers: Lawgivers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    decide_by_law(lawgivers.log)
    lawgivers.say(terms_of(policy_sha256="a" * 64))
    assert main([str(bundle_of(lawgivers.log, tmp_path)), "--root", lawgivers.log.trusted]) == 0
    assert "  today   against what is in force now: " in capsys.readouterr().out


def test_a_bundle_of_a_decision_against_what_is_in_force_exits_with_3(
    lawgivers: Lawgivers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lawgivers.say(LAX)
    decide_by_law(lawgivers.log, inputs=())
    assert main([str(bundle_of(lawgivers.log, tmp_path)), "--root", lawgivers.log.trusted]) == 3
    output = capsys.readouterr().out
    assert "every link holds; NOT CLEARED: register: entry" in output
    assert output.count("AGAINST WHAT IS IN FORCE") == 1


def test_a_bundle_of_a_log_with_nothing_in_force_says_so(
    bundle: Path, registered: SignedLog, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(bundle), "--root", registered.trusted]) == 0
    assert "  in force no in-force entry: " in capsys.readouterr().out


def test_anchors_that_a_bundle_cannot_show_are_a_note(
    lawgivers: Lawgivers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lawgivers.say(terms_of(anchors={"mirror": "s3://bank/log"}))
    decide_by_law(lawgivers.log)
    assert main([str(bundle_of(lawgivers.log, tmp_path)), "--root", lawgivers.log.trusted]) == 0
    assert "  anchors required: mirror; not established" in capsys.readouterr().out


# Bundles


def bundle_of(log: SignedLog, folder: Path, *, complete: bool = True, note: str = "") -> Path:
    read = log.read()
    chain = examine(read, CASE, MODEL_SHA256)
    path = folder / "bundle.zip"
    contents = choose(read, chain, may_be_complete=complete)
    if note:
        contents = replace(contents, log=replace(contents.log, note=note))
    path.write_bytes(archive(files_of(contents, log.ledger)))
    return path


@pytest.fixture
def bundle(registered: SignedLog, tmp_path: Path) -> Path:
    return bundle_of(registered, tmp_path)


def test_a_pinned_complete_bundle_exits_with_0(
    bundle: Path, registered: SignedLog, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(bundle), "--root", registered.trusted]) == 0
    *_, sentence = capsys.readouterr().out.splitlines()
    assert sentence == (
        "bundle.zip: every byte verifies, and the model was cleared for registration"
    )


def test_without_a_root_key_nothing_is_established(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(bundle)]) == 5
    output = capsys.readouterr().out
    assert "bundle.zip: NOT ESTABLISHED (unpinned)" in output
    assert "was cleared" not in output


def test_unpinned_has_to_be_asked_for_and_is_still_said(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(bundle), "--unpinned"]) == 0
    assert "NOT ESTABLISHED, as was asked for: unpinned" in capsys.readouterr().out


def test_allowing_a_partial_bundle_does_not_allow_an_unpinned_one(bundle: Path) -> None:
    assert main([str(bundle), "--allow-partial"]) == 5


@pytest.mark.parametrize("keyid", ["", " ", "0" * 31, "x" * 64])
def test_an_empty_root_is_a_mistake_and_no_wish(
    bundle: Path, keyid: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(bundle), "--root", keyid, "--unpinned"]) == 2
    assert "root key: expected its id" in capsys.readouterr().err


def test_another_root_key_breaks_it(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(bundle), "--root", "0" * 64, "--unpinned"]) == 6
    assert "DOES NOT VERIFY: ledger entry 0" in capsys.readouterr().err


def test_a_bundle_cut_to_its_chain_is_partial(
    registered: SignedLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registered.say_judged("train", Outcome.FAIL, case="other")
    path = bundle_of(registered, tmp_path, complete=False)
    arguments = [str(path), "--root", registered.trusted]
    assert main(arguments) == 5
    assert "NOT ESTABLISHED (partial)" in capsys.readouterr().out
    assert main([*arguments, "--allow-partial"]) == 0
    assert "as was asked for: partial" in capsys.readouterr().out


def test_a_failed_verdict_exits_with_3_whatever_is_allowed(
    registered: SignedLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registered.say_judged("train", Outcome.FAIL)
    path = bundle_of(registered, tmp_path)
    assert main([str(path), "--unpinned", "--allow-partial"]) == 3
    output = capsys.readouterr().out
    assert "every link holds; NOT CLEARED: train: FAILED" in output
    assert "was cleared" not in output


def test_a_broken_bundle_exits_with_6(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle.write_bytes(bundle.read_bytes()[:-1])
    assert main([str(bundle), "--unpinned"]) == 6
    captured = capsys.readouterr()
    assert "DOES NOT VERIFY" in captured.err
    assert captured.out == ""


@pytest.mark.parametrize("size", ["0", "-1"])
def test_a_size_that_is_none(bundle: Path, size: str) -> None:
    assert main([str(bundle), "--unpinned", "--max-mib", size]) == 2


def json_of(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    (line,) = capsys.readouterr().out.splitlines()
    values: dict[str, Any] = json.loads(line)
    assert line == json.dumps(values, sort_keys=True, separators=(",", ":"))
    assert line.isascii()
    return values


def test_the_answer_as_json(
    bundle: Path, registered: SignedLog, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(bundle), "--root", registered.trusted, "--json"]) == 0
    head = registered.ledger.head()
    assert head is not None
    assert json_of(capsys) == {
        "format": "portcullis-verification/v1",
        "answer": "cleared",
        "exitCode": 0,
        "chain": "holds",
        "clearance": "holds",
        "pinned": True,
        "complete": True,
        "reasons": [],
        "model": {"useCase": CASE, "sha256": MODEL_SHA256},
        "log": {"origin": head.origin, "size": head.size, "root": head.root_hash.hex()},
        "modes": ["local"],
    }


def test_json_names_what_was_not_established_though_it_was_asked_for(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(bundle), "--unpinned", "--json"]) == 0
    values = json_of(capsys)
    assert (values["answer"], values["pinned"]) == ("cleared", False)
    assert [reason["kind"] for reason in values["reasons"]] == ["unpinned"]


def test_json_of_a_broken_bundle_says_nothing_about_a_model(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle.write_bytes(bundle.read_bytes()[:-1])
    assert main([str(bundle), "--unpinned", "--json"]) == 6
    values = json_of(capsys)
    assert (values["answer"], values["model"], values["log"]) == ("broken", None, None)
    assert (values["pinned"], values["complete"], values["chain"]) == (False, False, "unknown")


@pytest.mark.parametrize("prefix", ["", "sha256:"])
def test_the_model_that_is_asked_about_is_the_bundle_s(
    bundle: Path, registered: SignedLog, prefix: str
) -> None:
    arguments = [str(bundle), "--root", registered.trusted, "--model"]
    assert main([*arguments, prefix + MODEL_SHA256.upper()]) == 0


@pytest.mark.parametrize("digest", ["", "sha256:", "the latest"])
def test_a_model_that_is_no_digest_is_a_mistake(bundle: Path, digest: str) -> None:
    assert main([str(bundle), "--unpinned", "--model", digest]) == 2


def test_a_name_that_no_file_can_have_is_a_mistake() -> None:
    assert main(["a" * 5000 + ".zip"]) == 2


def test_a_bundle_about_another_model_clears_nothing(
    bundle: Path, registered: SignedLog, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(bundle), "--root", registered.trusted, "--model", "0" * 64]
    assert main(arguments) == 3
    assert "NOT CLEARED: model 000000000000… was asked about" in capsys.readouterr().out


# Signatures under the checkpoint: the log's, and those of witnesses whose keys were given.


class Cosigning:
    """Signs checkpoints as a witness does (tlog-cosignature)."""

    def __init__(self, folder: Path, name: str = "w.example") -> None:
        self.name = name
        self.signer = LocalSigner.make(folder / f"{name}.pem")

    @property
    def key(self) -> str:
        """Its key, as it publishes it."""
        raw = self.signer.public.raw
        hint = key_hash(self.name, raw, COSIGNATURE).hex()
        return f"{self.name}+{hint}+{base64.b64encode(COSIGNATURE + raw).decode()}"

    def line(self, head: Checkpoint, over: Checkpoint | None = None) -> str:
        signature = self.signer.sign(cosigned_bytes(over or head, 1_800_000_000))
        hint = key_hash(self.name, self.signer.public.raw, COSIGNATURE)
        body = hint + (1_800_000_000).to_bytes(8) + signature
        return f"— {self.name} {base64.b64encode(body).decode()}\n"


@pytest.fixture
def witness(tmp_path: Path) -> Cosigning:
    return Cosigning(tmp_path)


def note_of(log: SignedLog) -> str:
    note = log.ledger.store.head()
    assert note is not None
    return note


def test_a_line_of_an_unknown_key_is_refused(
    registered: SignedLog,
    tmp_path: Path,
    witness: Cosigning,
    capsys: pytest.CaptureFixture[str],
) -> None:
    note = note_of(registered)
    path = bundle_of(registered, tmp_path, note=note + witness.line(read_checkpoint(note)[0]))
    assert main([str(path), "--root", registered.trusted]) == 6
    assert "a line of 'w.example' that none of these keys has made" in capsys.readouterr().err


def test_a_witness_whose_key_is_given_is_named(
    registered: SignedLog,
    tmp_path: Path,
    witness: Cosigning,
    capsys: pytest.CaptureFixture[str],
) -> None:
    note = note_of(registered)
    path = bundle_of(registered, tmp_path, note=note + witness.line(read_checkpoint(note)[0]))
    assert main([str(path), "--root", registered.trusted, "--witness-key", witness.key]) == 0
    assert "cosigned by w.example" in capsys.readouterr().out


def test_every_witness_s_key_has_to_be_given(
    registered: SignedLog, tmp_path: Path, witness: Cosigning
) -> None:
    other = Cosigning(tmp_path, "v.example")
    note = note_of(registered)
    head = read_checkpoint(note)[0]
    path = bundle_of(registered, tmp_path, note=note + witness.line(head) + other.line(head))
    arguments = [str(path), "--root", registered.trusted, "--witness-key", witness.key]
    assert main(arguments) == 6
    assert main([*arguments, "--witness-key", other.key]) == 0


def test_a_witness_s_line_over_another_head_is_refused(
    registered: SignedLog, tmp_path: Path, witness: Cosigning
) -> None:
    note = note_of(registered)
    head = read_checkpoint(note)[0]
    other = replace(head, size=head.size - 1)
    path = bundle_of(registered, tmp_path, note=note + witness.line(head, over=other))
    assert main([str(path), "--root", registered.trusted, "--witness-key", witness.key]) == 6


def test_a_line_that_is_there_twice_is_refused(
    registered: SignedLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note = note_of(registered)
    path = bundle_of(registered, tmp_path, note=note + note.partition("\n\n")[2])
    assert main([str(path), "--root", registered.trusted]) == 6
    assert "each signature once" in capsys.readouterr().err


def test_a_witness_that_has_not_cosigned_is_missed(
    bundle: Path,
    registered: SignedLog,
    witness: Cosigning,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = [str(bundle), "--root", registered.trusted, "--witness-key", witness.key]
    assert main([*arguments, "--unpinned", "--allow-partial"]) == 5
    assert "NOT ESTABLISHED (unwitnessed)" in capsys.readouterr().out


def test_a_witness_s_key_that_is_none_is_a_mistake(bundle: Path) -> None:
    assert main([str(bundle), "--unpinned", "--witness-key", "w.example+00+AA=="]) == 2


def test_names_from_a_bundle_do_not_move_the_cursor(
    registered: SignedLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registered.say_judged("explain", Outcome.UNDECIDED)
    accept(registered, reason="fine\x1b[2J\x9b1A")
    main([str(bundle_of(registered, tmp_path)), "--unpinned"])
    output = capsys.readouterr().out
    assert "fine\ufffd[2J\ufffd1A" in output
    assert output.replace("\n", "").isprintable()


def test_a_gap_is_no_kind_of_refusal() -> None:
    assert not {str(gap) for gap in Gap} & {str(kind) for kind in RefusalKind}
