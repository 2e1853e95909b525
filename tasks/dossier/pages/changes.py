"""What changed since the model of this use case that was let in before: data, plan, figures."""

from tasks.attestation.predicates.erasure import ErasureReceipt
from tasks.dossier.answering import rows_name
from tasks.dossier.claims import Claim, Reference
from tasks.dossier.content import AnsweredRow, Chapter, DossierPage, DossierTable
from tasks.dossier.subject import DossierSubject
from tasks.notary.earlier_release import EarlierRelease, find_earlier_release
from tasks.release_page.changes import compare_checks
from tasks.verifier.lineage import Chain, examine

NAME = "changes"
HEAD = ("What", "Then and now")
OWNER = "model-owner"
MOST_SETTINGS = 40


def compose_changes(subject: DossierSubject) -> DossierPage:
    """Return the page; without an earlier model that was let in it says that there is none."""
    evidence = subject.evidence
    earlier = find_earlier_release(evidence.log, evidence.chain)
    lead = "Compared with the last other model of this use case that was let in."
    if earlier is None:
        return DossierPage(
            NAME,
            "What changed since the last approved release",
            f"{lead} The ledger has none: there is nothing to compare with.",
            (),
        )

    # The earlier model as it stood when it was decided on: later entries do not speak of then.
    then = examine(evidence.log.before(earlier.entry), subject.case, earlier.model_sha256)
    by_index = {entry.index: entry for entry in evidence.log.entries}
    decision = Reference(earlier.entry, by_index[earlier.entry].envelope_sha256)

    rows = (
        _model(subject, earlier, decision),
        _data(subject, then, decision),
        _plan(subject, then, decision),
        _erased(subject, earlier, decision),
        AnsweredRow(("Incidents",), subject.owed("no incident is recorded anywhere yet", OWNER)),
    )
    return DossierPage(
        name=NAME,
        title="What changed since the last approved release",
        lead=lead,
        chapters=(
            Chapter("At a glance", parts=(DossierTable(HEAD, rows),)),
            Chapter("Checks", parts=(_checks(subject, earlier, decision),)),
        ),
    )


def _model(subject: DossierSubject, earlier: EarlierRelease, decision: Reference) -> AnsweredRow:
    now = subject.evidence.chain.model_sha256
    text = f"sha256:{earlier.model_sha256[:12]}… → sha256:{now[:12]}…"
    training = subject.evidence.step("train")
    references = (decision, *((subject.evidence.refer(training.signed),) if training else ()))
    return AnsweredRow(("Model",), Claim(text, references))


def _data(subject: DossierSubject, then: Chain, decision: Reference) -> AnsweredRow:
    name = rows_name(subject.case)
    before = then.artefacts().get(name, "")
    now = subject.evidence.chain.artefacts().get(name, "")
    text = "the same rows" if before == now else f"{before[:12]}… → {now[:12]}…"
    return AnsweredRow(("Rows that it learnt from",), Claim(text, (decision, *_made(subject))))


def _plan(subject: DossierSubject, then: Chain, decision: Reference) -> AnsweredRow:
    label = ("Plan and limits: settings that differ",)
    before = then.plan
    now = subject.evidence.chain.plan
    # A model of before plans were sealed has nothing to compare: that is owed, and no "none".
    if before is None or now is None:
        return AnsweredRow(label, subject.owed("one of the two sealed no plan", OWNER))

    names = before.differences(now)
    # Names of settings and no values: that is all that a sealed plan holds.
    more = f" and {len(names) - MOST_SETTINGS} more" if len(names) > MOST_SETTINGS else ""
    text = ", ".join(names[:MOST_SETTINGS]) + more or "none"
    return AnsweredRow(label, Claim(text, (decision, *_made(subject))))


def _made(subject: DossierSubject) -> tuple[Reference, ...]:
    sealing = subject.evidence.chain.sealing
    return (subject.evidence.refer(sealing.signed),) if sealing else ()


def _erased(subject: DossierSubject, earlier: EarlierRelease, decision: Reference) -> AnsweredRow:
    since = [
        signed
        for signed in subject.evidence.log.statements(ErasureReceipt)
        if signed.index > earlier.entry
    ]
    references = (decision, *(subject.evidence.refer(signed) for signed in since[-1:]))
    return AnsweredRow(("Erasures since",), Claim(str(len(since)), references))


def _checks(subject: DossierSubject, earlier: EarlierRelease, decision: Reference) -> DossierTable:
    """Return the checks that differ: of another outcome first, then other limits and figures."""
    chain = subject.evidence.chain
    now = {
        check.key: (gate, check)
        for gate in chain.verdicts
        for check in subject.evidence.checks(gate)
    }

    changes = compare_checks(earlier.checks, [check for _, check in now.values()])
    rows = []
    for change in changes:
        # What was judged then and is not now has no entry of this release: by the decision before.
        if change.key in now:
            gate, check = now[change.key]
            claim = subject.evidence.claim_check(gate, check)
        else:
            claim = Claim("not judged in this release", (decision,), is_against=True)
        rows.append(AnsweredRow((change.measure(),), claim, change.texts()))
    return DossierTable(("Measure", "Then", "Now", "Moved by", "Outcome now"), tuple(rows))
