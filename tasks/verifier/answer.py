"""The four answers to "may this evidence be relied on?", each with its exit code and its sentence.

Two questions are kept apart. Does the chain hold: is there, for every link from the model to its
sources and for every gate, a signed statement that counts? And was the model cleared: does the
latest of what the log says about it speak for it? A chain of which every link holds may well end
in a failed verdict, and what was decided may be against what was in force.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum

from tasks.attestation.predicates.circumstances import effective_mode
from tasks.attestation.predicates.signed_verdict import SignedVerdict
from tasks.attestation.predicates.verification_summary import VerificationSummary
from tasks.errors import EvidenceError, Refusal, RefusalKind
from tasks.gates import Outcome
from tasks.ledger.checkpoint import Checkpoint
from tasks.path import SUBJECTS
from tasks.verifier.approvals import Consents, mode_of
from tasks.verifier.expiry import epoch
from tasks.verifier.in_force.objections import read_law
from tasks.verifier.lineage import MODEL, Chain, GateVerdict, examine, latest_decision, short
from tasks.verifier.log_reader import Log
from tasks.verifier.statement_index import Signed, Void

FORMAT_NAME = "portcullis-verification/v1"


class Answer(IntEnum):
    """What `verify` answers; the value is the exit code.

    | answer | exit | when | sentence |
    |---|---|---|---|
    | CLEARED | 0 | complete, pinned, every link holds, nothing later against it | "… cleared" |
    | REFUSED | 3 | a link does not hold | "DOES NOT VERIFY: …" |
    | REFUSED | 3 | the model is not cleared, or not any more | "every link holds; NOT CLEARED: …" |
    | NOT_ESTABLISHED | 5 | nothing against it; not all could be asked | "NOT ESTABLISHED (…)" |
    | BROKEN | 6 | it does not derive, was altered, is another log | "DOES NOT VERIFY: …" |

    What could not be asked is a `Gap`: `unpinned`, `partial`, `unwitnessed`. Exit codes of
    `tasks.errors` stay what they are: 2 is a question that cannot be answered (an empty `--root`,
    no such file), 4 a service that does not answer.
    """

    CLEARED = 0
    REFUSED = 3
    NOT_ESTABLISHED = 5
    BROKEN = 6


class Gap(StrEnum):
    """What may not be established though nothing is wrong."""

    UNPINNED = "unpinned"  # whose log it is, or that it is not an old copy of it
    PARTIAL = "partial"  # that no later verdict and no revocation was left out
    UNWITNESSED = "unwitnessed"  # that the witness whose key was given has cosigned it


class Holding(StrEnum):
    """How one of the two questions was answered."""

    YES = "holds"
    NO = "does not hold"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Reason:
    """Why the answer is not a plain yes: `kind` is what programs match, `text` what people read."""

    kind: str
    text: str


@dataclass(frozen=True)
class Verification:
    """An answer, and all that it rests on.

    Attributes:
        answer: One of the four.
        chain: Whether every link holds.
        clearance: Whether the model was cleared, and nothing later speaks against it.
        reasons: What speaks against it, then what was not established, also where that was asked
            for: an allowed gap changes the exit code and stays a gap.
        case: The use case; empty where nothing could be read.
        model_sha256: The model; empty where nothing could be read.
        head: The log's head; None where nothing could be read.
        modes: The modes that the steps say they were made in; empty where nothing could be read.
    """

    answer: Answer
    chain: Holding
    clearance: Holding
    reasons: tuple[Reason, ...]
    case: str = ""
    model_sha256: str = ""
    head: Checkpoint | None = None
    modes: tuple[str, ...] = ()

    def lacks(self, gap: Gap) -> bool:
        """Return whether this was not established."""
        return any(reason.kind == gap for reason in self.reasons)

    def about(self, model_sha256: str) -> "Verification":
        """Return the answer about a model: a bundle about another one clears nothing here."""
        if model_sha256 == self.model_sha256:
            return self
        text = (
            f"model {short(model_sha256)} was asked about, and it says {short(self.model_sha256)}"
        )
        reason = Reason(str(RefusalKind.SUBJECT_CHANGED), text)
        return replace(
            self, answer=Answer.REFUSED, clearance=Holding.NO, reasons=(reason, *self.reasons)
        )

    def to_json(self) -> str:
        """Return it as one JSON object on one line: keys sorted, no spaces, ASCII alone.

        ASCII, because names in evidence come from anybody, and the line goes to terminals.
        """
        head = self.head
        is_read = head is not None
        values = {
            "format": FORMAT_NAME,
            "answer": self.answer.name.lower(),
            "exitCode": int(self.answer),
            "chain": self.chain.value,
            "clearance": self.clearance.value,
            "pinned": is_read and not self.lacks(Gap.UNPINNED),
            "complete": is_read and not self.lacks(Gap.PARTIAL),
            "reasons": [{"kind": reason.kind, "text": reason.text} for reason in self.reasons],
            "model": {"useCase": self.case, "sha256": self.model_sha256} if is_read else None,
            "log": None
            if head is None
            else {"origin": head.origin, "size": head.size, "root": head.root_hash.hex()},
            "modes": list(self.modes),
        }
        return json.dumps(values, sort_keys=True, separators=(",", ":"))

    def sentence(self, subject: str) -> str:
        """Return the answer in one sentence.

        Args:
            subject: What was looked at and what was cleared, as a sentence begins:
                `every byte verifies, and the model`.
        """
        # Kinds of refusals hold a dot and gaps do not (`tasks.errors.REFUSAL_KIND`), so that
        # neither can be taken for the other.
        gaps = [reason for reason in self.reasons if reason.kind in set(Gap)]
        against_it = [reason for reason in self.reasons if reason not in gaps]
        names = ", ".join(reason.kind for reason in gaps)

        match self.answer:
            # A chain that holds and clears nothing is no altered file: who has to do something
            # about it is another person, and each of the reasons is theirs to read.
            case Answer.REFUSED if self.chain is Holding.YES:
                refused = "; ".join(reason.text for reason in against_it)
                return f"every link holds; NOT CLEARED: {refused}"
            case Answer.BROKEN | Answer.REFUSED:
                more = f" (and {len(against_it) - 1} more)" if len(against_it) > 1 else ""
                return f"DOES NOT VERIFY: {against_it[0].text}{more}"
            case Answer.NOT_ESTABLISHED:
                return f"NOT ESTABLISHED ({names}); nothing in what was read speaks against it"

        cleared = f"{subject} was cleared for registration"
        return f"{cleared}; NOT ESTABLISHED, as was asked for: {names}" if names else cleared


def judge(
    log: Log, chain: Chain, gaps: tuple[Reason, ...] = (), allowed: frozenset[Gap] = frozenset()
) -> Verification:
    """Answer for a chain.

    Args:
        log: The log that the chain was found in.
        chain: The chain.
        gaps: What is not established; the kind of each is a `Gap`.
        allowed: The gaps that the caller has asked to overlook.
    """
    # What a link that does not hold says of it, it says once.
    unlawful = (item for item in read_law(log, chain).objections if item not in chain.broken)
    refusals = tuple(dict.fromkeys((*clearance_refusals(log, chain), *unlawful)))
    # What speaks against it comes before what could not be asked: no `--allow-partial` turns a
    # refusal into a yes.
    if chain.broken or refusals:
        answer = Answer.REFUSED
    elif any(gap.kind not in allowed for gap in gaps):
        answer = Answer.NOT_ESTABLISHED
    else:
        answer = Answer.CLEARED

    against_it = (Reason(str(refusal.kind), refusal.text) for refusal in (*chain.broken, *refusals))
    modes = {effective_mode(step.signed.predicate.run.mode) for step in chain.steps}

    return Verification(
        answer,
        chain=Holding.NO if chain.broken else Holding.YES,
        clearance=Holding.NO if chain.broken or refusals else Holding.YES,
        reasons=(*against_it, *gaps),
        case=chain.case,
        model_sha256=chain.model_sha256,
        head=log.head,
        modes=tuple(sorted(modes)),
    )


def broken(error: EvidenceError) -> Verification:
    """Answer for evidence that could not be read."""
    reason = Reason("broken", str(error))
    return Verification(Answer.BROKEN, Holding.UNKNOWN, Holding.UNKNOWN, (reason,))


def clearance_refusals(log: Log, chain: Chain) -> tuple[Refusal, ...]:
    """Return why the model does not count as cleared, whatever was decided once.

    The latest counts, by index: of decisions whoever decided last, of each gate its last verdict.
    """
    registered = latest_decision(chain, "register")
    return (
        *_decision_refusals(log, chain, registered),
        *_drill_refusals(log, chain, registered),
        *(
            refusal
            for verdict in chain.verdicts.values()
            for refusal in _verdict_refusals(log, chain, verdict, registered)
        ),
    )


def find_lapsed_consents(log: Log, chain: Chain) -> tuple[str, ...]:
    """Return what people have signed that the registration rests on, and that is not in force now.

    `judge` asks whether it was when the model was registered; whoever lets it decide about people
    asks for today.
    """
    decision = latest_decision(chain, "register")
    if decision is None:
        return ()

    consents = Consents.of(log, chain, mode_of(log, chain))
    lapsed = []
    rests_on_approval = any(name.startswith("approval:") for name, _ in decision.predicate.inputs)
    if rests_on_approval and not any(map(consents.counts, consents.approvals)):
        lapsed.append("approval: none of those that it rests on is in force today")

    for gate, verdict in chain.verdicts.items():
        if verdict.content.warned and not consents.accepts(verdict):
            lapsed.append(f"{gate}: an acceptance that it rests on is not in force today")

    return tuple(lapsed)


def _decision_refusals(
    log: Log, chain: Chain, registered: Signed[VerificationSummary] | None
) -> Iterator[Refusal]:
    if registered is None:
        text = "register: no signed decision about this model"
        yield Refusal(RefusalKind.DECISION_MISSING, text)
        return

    # Two decisions count: the last of `register`, which alone lets a model in, and the last of
    # anybody, which may take back what it let in. They are often one.
    for decision in dict.fromkeys((registered, chain.decisions[-1])):
        if not decision.predicate.has_passed:
            text = f"decision {decision.predicate.result}, entry {decision.index}"
            yield Refusal(RefusalKind.DECISION_AGAINST, text + _place(decision.index, registered))

    # A decision that counts for nothing, because its key was revoked, may have been against it:
    # whoever revokes a key must not bring an earlier pass back to life by it.
    model = f"{chain.case}/{MODEL}"
    for void in log.void_statements(VerificationSummary, model, chain.model_sha256):
        if void.index > registered.index:
            yield _void_refusal("decision", void)


def _drill_refusals(
    log: Log, chain: Chain, registered: Signed[VerificationSummary] | None
) -> Iterator[Refusal]:
    """Yield what the registration rests on and ran under another day's date.

    The policy refuses it too, but the policy lies in the tree of who is judged. A drill of today
    takes nothing away from what was registered yesterday.
    """
    if registered is None:
        return

    # As the log was when it was registered: the chain of today may go through a later drill, and
    # then the drill would void what it did not touch.
    then = examine(log.before(registered.index), chain.case, chain.model_sha256)
    decided = latest_decision(then, "decide")
    drills = [
        *((step.stage, step.signed.index, step.signed.predicate.run.drill) for step in then.steps),
        *((gate, item.signed.index, item.content.drill) for gate, item in then.verdicts.items()),
        *((("decide", decided.index, decided.predicate.drill),) if decided else ()),
        ("register", registered.index, registered.predicate.drill),
    ]
    for stage, index, drill in drills:
        if drill:
            text = f"{stage}: entry {index} ran under PORTCULLIS_TODAY={drill}"
            yield Refusal(RefusalKind.DRILL_CLOCK, f"{text}; drills clear nothing")


def _verdict_refusals(
    log: Log,
    chain: Chain,
    verdict: GateVerdict,
    registered: Signed[VerificationSummary] | None,
) -> Iterator[Refusal]:
    content = verdict.content
    place = f"entry {verdict.signed.index}{_place(verdict.signed.index, registered)}"

    # Either says it: of a verdict that contradicts itself the worse half counts.
    if content.failed or verdict.outcome == Outcome.FAIL:
        names = ", ".join(content.failed) or "no check is named"
        text = f"{verdict.gate}: FAILED ({names}), {place}"
        yield Refusal(RefusalKind.VERDICT_NOT_PASSED, text)
    # Whatever is not plainly a pass needs each of its checks accepted; where it names none, there
    # is nothing that could be.
    elif not _is_plain_pass(content):
        waiting = _unaccepted(log, chain, verdict, registered)
        if waiting or not content.warned:
            names = ", ".join(waiting) or "no check is named"
            text = f"{verdict.gate}: undecided ({names}), {place}"
            yield Refusal(RefusalKind.CHECK_UNDECIDED, text)

    # A void verdict that names no gate may be of this one: it is counted against each whose subject
    # it has, as nobody can say any more what it said.
    primary = f"{chain.case}/{SUBJECTS[verdict.gate][-1]}"
    digest = verdict.signed.digest_of(primary)
    for void in log.void_statements(SignedVerdict, primary, digest):
        if void.index > verdict.signed.index and _gate_of(void) in ("", verdict.gate):
            yield _void_refusal(f"{verdict.gate}: verdict", void)


def _is_plain_pass(content: SignedVerdict) -> bool:
    # Every word of it has to say so. What is missing reads as nothing, and no check is no pass.
    is_said = (content.result, content.outcome) == ("PASSED", Outcome.PASS)
    return is_said and bool(content.passed) and not content.warned


def _unaccepted(
    log: Log,
    chain: Chain,
    verdict: GateVerdict,
    registered: Signed[VerificationSummary] | None,
) -> tuple[str, ...]:
    """Return the undecided checks that nobody had accepted when the model was registered.

    By then, and not by now: a model that was cleared stays cleared when an acceptance expires,
    years later. Whether it would be cleared again today is another question.
    """
    accepted: set[str] = set()
    if registered is not None:
        # As `now_after`: a clock that was set back when it was decided, or a decision that says no
        # time, revives nothing.
        decided_on = max(
            epoch(registered.predicate.signed_on), log.before(registered.index).latest_time
        )
        for consent in Consents.of(log, chain).acceptances:
            is_about_it = (consent.gate, consent.verdict) == (verdict.gate, verdict.report_sha256)
            is_in_force = consent.index < registered.index and consent.expires > decided_on
            is_second_person = not consent.by_author and not consent.unidentified
            if is_about_it and is_in_force and is_second_person:
                accepted.update(consent.tests)

    return tuple(name for name in verdict.content.warned if name not in accepted)


def _gate_of(void: Void) -> str:
    """Return the gate that a void verdict says it is of; empty where it says none."""
    context = void.statement.predicate.get("portcullis_context")
    return str(context.get("gate", "")) if isinstance(context, dict) else ""


def _void_refusal(subject: str, void: Void) -> Refusal:
    text = f"{subject} of entry {void.index} is later and counts for nothing: {void.reason}"
    return Refusal(RefusalKind.KEY_REVOKED, text)


def _place(index: int, registered: Signed[VerificationSummary] | None) -> str:
    if registered is None or index <= registered.index:
        return ""
    return f", after `register` decided at entry {registered.index}"
