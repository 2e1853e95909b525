"""One person who acts as two: who runs a release and approves it all the same.

In these ledgers `worker-7` started every stage, and an address of the hash `aaa…` wrote the code.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.attestation.dsse import sign
from tasks.attestation.enrolment import Enrolment, check_enrolment
from tasks.attestation.identities import person_sha256
from tasks.attestation.keyring import add_key, revoke_key
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.roles import APPROVER, ROOT, VALIDATOR
from tasks.attestation.signing_keys import LocalSigner
from tasks.errors import ConfigError, EvidenceError, RefusalKind
from tasks.gates import Outcome
from tasks.notary.notary import open_notary
from tasks.verifier.approvals import Consents, acceptance, approval, check
from tasks.verifier.lineage import Chain, examine
from tasks.verifier.log_reader import Log
from tests.attacks.attempts import Kind, Mode, attempt
from tests.attacks.judging import kinds, model_of, put_in_force
from tests.cases import change_case
from tests.installations import installation_at
from tests.tasks.judged import CASE as JUDGED_CASE
from tests.tasks.judged import put_verdict, sign_for
from tests.tasks.predicate_samples import RUN
from tests.tasks.verifier.signed_log import CASE, SignedLog, digest, report_of

ENFORCED = "enforced"
GIVEN = "2020-01-01T00:00:00Z"
LATER = "2099-01-01T00:00:00Z"
STATED = {"role": "validator", "reason": "sound", "given": GIVEN, "expires": LATER}


def read(log: SignedLog) -> tuple[Log, Chain]:
    whole = log.read()
    return whole, examine(whole, CASE, digest("train/model"))


def enrol(
    log: SignedLog, name: str, holder: str, *, logins: tuple[str, ...] = (), email: str = ""
) -> LocalSigner:
    """Enrol a new key of somebody who may approve and accept."""
    signer = LocalSigner.make(log.folder / f"{name}.pem")
    hashes = [email] if email else []
    statement = add_key(
        signer.public, (APPROVER, VALIDATOR), holder, logins=logins, emails_sha256=hashes
    )
    log.append(statement, ROOT)
    return signer


def require_refused(log: SignedLog, signer: LocalSigner, words: str, **change: Any) -> None:
    """Hold that an approval is turned away, and counts for nothing where it got in."""
    statement = approval(CASE, **{"model_sha256": digest("train/model"), **STATED, **change})
    envelope = sign(statement.to_bytes(), signer)
    entries = log.size
    with pytest.raises(EvidenceError, match=words):
        check(envelope, *read(log))
    assert log.size == entries

    log.append_all([envelope])
    assert Consents.of(*read(log)).inputs() == ()


SPELLINGS = {
    "as it is": "worker-7",
    "in capitals": "WORKER-7",
    "in full-width letters": "\uff37\uff2f\uff32\uff2b\uff25\uff32-\uff17",
    "with a letter that nobody sees": "worker\u200b-7",
    "with a soft hyphen": "wor\u00adker-7",
    "with a space that does not break": "worker-7\u00a0",
    "with a variation selector": "worker\ufe0f-7",
    "with a filler of Hangul": "worker\u3164-7",
    "with a joiner of graphemes": "work\u034fer-7",
}


@attempt(
    Kind.PERSON,
    Mode.LOCAL,
    "who started a stage approves under the same name",
    stopped_by="names are folded before they are compared",
    cases=tuple(SPELLINGS),
)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_spelling_of_one_s_own_name(signed_log: SignedLog, spelling: str) -> None:
    holder = SPELLINGS[spelling]
    require_refused(signed_log, enrol(signed_log, "x", holder), "a second person", person=holder)


@attempt(
    Kind.PERSON,
    Mode.LOCAL,
    "who started a stage is enrolled under a name of letters that look alike",
    stopped_by="`keys enrol` takes ASCII names alone; the root key enrols, and a person looks",
)
def test_a_name_of_letters_that_look_alike(signed_log: SignedLog) -> None:
    key = LocalSigner.make(signed_log.folder / "x.pem").public
    cyrillic = "w\u043erker-7"
    with pytest.raises(ConfigError, match="letters and digits of ASCII"):
        check_enrolment(Enrolment(key, (APPROVER,), cyrillic, ("x",)), signed_log.read().keys)


@attempt(
    Kind.PERSON,
    Mode.LOCAL,
    "who wrote the code approves under another name",
    stopped_by="the addresses of commits and keys are compared, without their tags",
    cases=("the same address", "an address with a tag", "an address as the name"),
)
@pytest.mark.parametrize("way", ["address", "tag", "name"])
def test_the_author_of_the_commit(signed_log: SignedLog, way: str) -> None:
    author = "ann@example.org"
    run = {"commit_author_sha256": person_sha256(author)}
    say_run_of_a_gate(signed_log, **run)
    holder = "Ann+x@example.org" if way == "name" else "somebody-else"
    email = {"address": author, "tag": "ann+approver@EXAMPLE.org", "name": ""}[way]
    key = enrol(signed_log, "x", holder, email=person_sha256(email))
    require_refused(signed_log, key, "a second person", person=holder)


def say_run_of_a_gate(log: SignedLog, **changes: Any) -> None:
    """Append that the gate `explain` was run, with changes to how it was."""
    log.say(Provenance(replace(RUN, stage="explain", **changes), ()), report_of("explain"))


@attempt(
    Kind.PERSON,
    Mode.LOCAL,
    "a second key of who made the run approves",
    stopped_by="keys of one name, login or address are of one person, transitively",
    cases=("enrolled with the login", "by a third key", "after the first was given up"),
)
@pytest.mark.parametrize("way", ["login", "third key", "revoked"])
def test_another_key_of_the_same_person(signed_log: SignedLog, way: str) -> None:
    if way == "login":
        key = enrol(signed_log, "x", "somebody-else", logins=("Worker-7",))
    elif way == "third key":
        enrol(signed_log, "first", "first", logins=("worker-7", "shared"))
        key = enrol(signed_log, "x", "somebody-else", logins=("shared",))
    else:
        first = enrol(signed_log, "first", "somebody-else", logins=("worker-7",))
        signed_log.append(revoke_key(first.public.keyid, signed_log.size, "given up"), ROOT)
        key = enrol(signed_log, "x", "somebody-else", logins=("somebody",))
    require_refused(signed_log, key, "a second person", person="somebody-else")


@attempt(
    Kind.PERSON,
    Mode.ENFORCED,
    "a release as an account that is nobody's, so that anybody may approve",
    stopped_by="whoever made the run has to be enrolled (actor.unknown)",
    cases=("root", "a number", "Prefect's account", "no name at all"),
)
@pytest.mark.parametrize("account", ["root", "uid 0", "prefect", ""])
def test_a_run_by_an_account_of_nobody(signed_log: SignedLog, account: str) -> None:
    say_run_of_a_gate(signed_log, mode=ENFORCED, started_by=account)
    key = enrol(signed_log, "x", "ann-7", logins=("ann",))
    require_refused_unless_enrolled(signed_log, key)


def require_refused_unless_enrolled(log: SignedLog, key: LocalSigner) -> None:
    """Hold that no approval is taken while nobody knows who made the run."""
    statement = approval(CASE, digest("train/model"), person="ann-7", **STATED)
    with pytest.raises(EvidenceError, match="a run by people who are enrolled"):
        check(sign(statement.to_bytes(), key), *read(log))
    assert Consents.of(*read(log)).unknown_actors


@attempt(
    Kind.PERSON,
    Mode.ENFORCED,
    "an approval by a key that nothing but a name is known of",
    stopped_by="an approver's logins have to be enrolled (approval.unidentified)",
)
def test_an_approver_without_a_login(signed_log: SignedLog) -> None:
    say_run_of_a_gate(signed_log, mode=ENFORCED)
    key = enrol(signed_log, "x", "ann-7")
    require_refused(signed_log, key, "a person whose logins are enrolled", person="ann-7")


@attempt(
    Kind.PERSON,
    Mode.LOCAL,
    "an approval that somebody gives in another's name, or of something else",
    stopped_by="a key speaks for its holder, and about a model that this log knows",
    cases=("in another's name", "of an unknown digest", "expired", "without a reason"),
)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"person": "bob-8"}, "a date of expiry to come"),
        ({"model_sha256": "0" * 64}, "an approval of model"),
        ({"expires": GIVEN}, "a date of expiry to come"),
        ({"reason": " "}, "a reason"),
    ],
)
def test_an_approval_of_something_else(
    signed_log: SignedLog, change: dict[str, str], words: str
) -> None:
    key = enrol(signed_log, "x", "ann-7", logins=("ann",))
    statement = approval(
        CASE, **{"model_sha256": digest("train/model"), "person": "ann-7", **STATED, **change}
    )
    with pytest.raises(EvidenceError, match=words):
        check(sign(statement.to_bytes(), key), *read(signed_log))


@attempt(
    Kind.PERSON,
    Mode.LOCAL,
    "an approval of a digest that no stage of this log made",
    stopped_by="the log has to say who made the model (`require_made`)",
)
def test_a_digest_that_nobody_made(signed_log: SignedLog) -> None:
    key = enrol(signed_log, "x", "ann-7", logins=("ann",))
    statement = approval(CASE, "0" * 64, person="ann-7", **STATED)
    log = signed_log.read()
    with pytest.raises(EvidenceError, match="a model of tiny that stage `train` made"):
        check(sign(statement.to_bytes(), key), log, examine(log, CASE, "0" * 64))


@attempt(
    Kind.PERSON,
    Mode.LOCAL,
    "one accepted check for another that is undecided, or has failed",
    stopped_by="an acceptance is of named checks of one verdict's bytes, and of no failed one",
    cases=("another check", "another gate's verdict", "an earlier verdict", "a failed check"),
)
@pytest.mark.parametrize("way", ["check", "gate", "verdict", "failed"])
def test_an_acceptance_for_something_else(signed_log: SignedLog, way: str) -> None:
    outcome = Outcome.FAIL if way == "failed" else Outcome.UNDECIDED
    signed_log.say_judged("explain", outcome)
    gate = "train" if way == "gate" else "explain"
    verdict = "0" * 64 if way == "verdict" else report_of(gate).sha256
    tests = ("explain.other",) if way == "check" else ("explain.measure",)
    key = enrol(signed_log, "x", "ann-7", logins=("ann",))
    statement = acceptance(
        CASE, gate, verdict_sha256=verdict, tests=tests, person="ann-7", **STATED
    )
    envelope = sign(statement.to_bytes(), key)
    with pytest.raises(EvidenceError, match="approval: expected"):
        check(envelope, *read(signed_log))

    signed_log.append_all([envelope])
    log, chain = read(signed_log)
    assert not Consents.of(log, chain).accepts(chain.verdicts["explain"])


@attempt(
    Kind.PERSON,
    Mode.LOCAL,
    "a key that was revoked is enrolled again",
    stopped_by="a key that was once revoked stays so: the log takes no second entry of it",
)
def test_a_revoked_key_enrolled_again(signed_log: SignedLog) -> None:
    key = enrol(signed_log, "x", "ann-7", logins=("ann",))
    signed_log.append(revoke_key(key.public.keyid, signed_log.size, "stolen"), ROOT)
    signed_log.append(add_key(key.public, (APPROVER,), "ann-7", logins=("ann",)), ROOT)
    statement = approval(CASE, digest("train/model"), person="ann-7", **STATED)
    with pytest.raises(EvidenceError, match="void: revoked"):
        check(sign(statement.to_bytes(), key), *read(signed_log))


@attempt(
    Kind.PERSON,
    Mode.LOCAL,
    "the worker's own key, or a stranger's, signs an approval",
    stopped_by="a key needs the role `approval`, which the root key gives to a person",
    cases=("the gate's key", "an unknown key"),
)
@pytest.mark.parametrize("way", ["gate", "unknown"])
def test_a_key_of_nobody(signed_log: SignedLog, way: str) -> None:
    key = signed_log.signers["gate"] if way == "gate" else LocalSigner.make(signed_log.folder / "u")
    require_refused(signed_log, key, "a key with role `approval`", person="ann-7")


@attempt(
    Kind.LAW,
    Mode.LOCAL,
    "`register.approval: false` where what is in force asks for an approval",
    stopped_by="what is in force asks by itself (in_force.approval_missing)",
)
def test_an_approval_that_the_use_case_no_longer_asks_for(judged_case: Path) -> None:
    def ask_for(is_asked: bool) -> None:
        change_case(
            judged_case, JUDGED_CASE, lambda values: values["register"].update(approval=is_asked)
        )

    ask_for(True)
    put_in_force(judged_case)
    ask_for(False)
    assert kinds(judged_case) == [RefusalKind.IN_FORCE_APPROVAL_MISSING]


@attempt(
    Kind.PERSON,
    Mode.LOCAL,
    "an approval of a model that is then trained again",
    stopped_by="an approval is of one digest",
)
def test_an_approval_of_the_model_before(judged_case: Path) -> None:
    here = installation_at(judged_case)
    before = model_of(judged_case)
    key = LocalSigner.make(judged_case.parent / "x.pem")
    addition = add_key(key.public, (APPROVER,), "ann-7", logins=("ann",))
    statement = approval(JUDGED_CASE, before, person="ann-7", **STATED)
    with open_notary(here) as notary:
        notary.append_signed([sign(addition.to_bytes(), notary.signer(ROOT))])
        notary.append_signed([sign(statement.to_bytes(), key)])
    change_case(judged_case, JUDGED_CASE, lambda values: values["register"].update(approval=True))
    assert kinds(judged_case) == []

    scorer = judged_case / "data" / JUDGED_CASE / "train" / "model" / "scorer.json"
    scorer.write_text(scorer.read_text().replace("0.5", "0.4"))
    for gate in ("train", "explain"):
        put_verdict(judged_case, gate)
        sign_for(judged_case, gate)
    assert RefusalKind.APPROVAL_MISSING in kinds(judged_case)
