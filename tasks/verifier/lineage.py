"""The chain of a model: from its bytes back to its sources, and every verdict on the way. Pure.

Evidence is matched by digest, never by name alone, by run or by time. Where several statements fit,
the latest in log order counts, so that a failed verdict cannot be hidden behind an earlier pass.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

from tasks.attestation.plan import Plan
from tasks.attestation.predicates.predicate import Predicate
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.predicates.signed_verdict import EarlierCheck, SignedVerdict
from tasks.attestation.predicates.verification_summary import VerificationSummary, verifier_of
from tasks.errors import EvidenceError, Refusal, RefusalKind
from tasks.gates import Check
from tasks.path import PATH, SEALING, SUBJECTS
from tasks.verifier.log_reader import Log
from tasks.verifier.statement_index import Signed

MODEL = "train/model"

# The gates that there were before training sealed a plan, and all that a model of then needs: else
# no bundle would verify any more once a gate is added. A gate that is added to the table needs no
# line here, for the plan of each model that is trained afterwards names it.
GATES_BEFORE_PLANS = frozenset({"redact", "validate", "train", "explain", "fairness"})

# Of the void statements that would have filled a gap, so many are named: the latest tell why.
MOST_VOID = 2

# Who made what out of what: artefact -> (stage, the material that the chain goes on with).
MADE: dict[str, tuple[str, str]] = {
    stage.product: (stage.name, stage.made_from) for stage in PATH if stage.product
}


@dataclass(frozen=True)
class Step:
    """One link: a stage made an artefact."""

    stage: str
    name: str
    sha256: str
    signed: Signed[Provenance] = field(repr=False)

    @property
    def commit(self) -> str:
        """The commit it was made at; empty outside git."""
        return self.signed.predicate.run.commit

    @property
    def dirty(self) -> tuple[str, ...]:
        """What differed from the commit."""
        return self.signed.predicate.run.dirty

    def materials(self) -> dict[str, str]:
        """Return name -> sha256 of everything that went in."""
        return self.signed.predicate.material_digests()

    def artefacts(self) -> dict[str, str]:
        """Return name -> sha256 of everything that went in or came out."""
        products = {subject.name: subject.sha256 for subject in self.signed.subjects}
        return self.materials() | products


@dataclass(frozen=True)
class GateVerdict:
    """The verdict that counts for one gate."""

    gate: str
    signed: Signed[SignedVerdict] = field(repr=False)

    @property
    def content(self) -> SignedVerdict:
        """What it says."""
        return self.signed.predicate

    @property
    def outcome(self) -> str:
        """What the gate came to."""
        return self.content.outcome

    @property
    def report_sha256(self) -> str:
        """The digest of the verdict's file, by which an acceptance names it."""
        return self.content.report_sha256

    def checks(self) -> tuple[Check, ...]:
        """Return its checks, without their reasons.

        Raises:
            EvidenceError: It was signed before checks had ids, and says by text which they are.
        """
        checks = tuple(
            check for check in self.content.checks if not isinstance(check, EarlierCheck)
        )
        if not checks or len(checks) < len(self.content.checks):
            raise EvidenceError(
                f"{self.gate}: ledger entry {self.signed.index}",
                expected="a verdict, each of its checks with an id",
                found="none with an id" if not checks else "one without",
                remedy="Run the release again, which judges anew.",
            )

        return checks

    def configuration(self) -> dict[str, str]:
        """Return name -> sha256 of what it was judged by."""
        return {artefact.name: artefact.sha256 for artefact in self.content.configuration}


@dataclass(frozen=True)
class Chain:
    """What the ledger says about one model.

    `broken` names every link that does not hold; empty means a whole chain.
    """

    case: str
    model_sha256: str
    steps: tuple[Step, ...]
    verdicts: dict[str, GateVerdict]
    decisions: tuple[Signed[VerificationSummary], ...]  # about this model, in log order
    broken: tuple[Refusal, ...]

    @property
    def sealing(self) -> Step | None:
        """The step whose record seals the plan; None where the chain does not go through it."""
        return next((step for step in self.steps if step.stage == SEALING.name), None)

    @property
    def plan(self) -> Plan | None:
        """The plan that was sealed before the model was trained; None where none was."""
        return self.sealing.signed.predicate.plan if self.sealing else None

    def artefacts(self) -> dict[str, str]:
        """Return name -> sha256 of everything in the chain."""
        artefacts: dict[str, str] = {}
        for step in self.steps:
            artefacts |= step.artefacts()
        return artefacts

    def inputs(self) -> tuple[tuple[str, str], ...]:
        """Return what a decision about this model rests on: (what, sha256 of the envelope)."""
        steps = ((f"stage:{step.stage}", step.signed.envelope_sha256) for step in self.steps)
        gates = (
            (f"gate:{gate}", verdict.signed.envelope_sha256)
            for gate, verdict in self.verdicts.items()
        )
        return (*steps, *gates)


def examine(
    log: Log,
    case: str,
    sha256: str,
    *,
    target: str = MODEL,
    gates: tuple[str, ...] | None = None,
) -> Chain:
    """Walk from an artefact to its sources, and find the verdicts that count.

    Args:
        log: With at least the entries about the use case.
        case: The use case.
        sha256: Of the artefact's bytes.
        target: The artefact; by default the model.
        gates: Whose verdicts are needed; no others are looked for. With None, verdicts of the gates
            that there were when the model was trained are needed, and those of later gates count
            where there are any.
    """
    # An index over the use case's entries alone: in a log of many use cases every lookup by type
    # would read all of theirs as JSON.
    own = log.about_case(case)
    broken: list[Refusal] = []

    # 1. From the bytes back: each step's material is what the step before has to have made.
    steps = _walk(own, case, target, sha256, broken)
    lineage = Chain(case, sha256, tuple(steps), {}, (), ())
    artefacts = lineage.artefacts()

    # 2. Of each gate, the latest verdict on exactly those bytes.
    needed = _gates_of(lineage.plan) if gates is None else gates
    verdicts = {}
    for gate in SUBJECTS if gates is None else gates:
        verdict = _find_verdict(own, case, gate, artefacts, broken, is_needed=gate in needed)
        if verdict is not None:
            verdicts[gate] = verdict

    # 3. What was decided about the model, whoever decided.
    decisions = own.statements(VerificationSummary, f"{case}/{MODEL}", sha256)
    chain = Chain(case, sha256, tuple(steps), verdicts, decisions, ())

    # 4. Each verdict has to be by the plan that was sealed: a gate that judges again by other
    # settings, once the figures are known, judges another attempt.
    broken += _outside_plan(chain)
    return replace(chain, broken=tuple(broken))


def latest_decision(chain: Chain, stage: str) -> Signed[VerificationSummary] | None:
    """Return the last decision that `stage` took about the model."""
    verifier = verifier_of(stage)
    decisions = [
        decision for decision in chain.decisions if decision.predicate.verifier == verifier
    ]
    return decisions[-1] if decisions else None


def short(digest: str | None) -> str:
    """Return a digest as people compare it."""
    return f"{digest[:12]}…" if digest else "nothing"


def _walk(log: Log, case: str, target: str, sha256: str, broken: list[Refusal]) -> list[Step]:
    """Return the steps from `target` to its sources, up to the first link that does not hold."""
    steps: list[Step] = []
    name = target
    digest = sha256

    while name:
        stage, material = MADE[name]
        subject = f"{case}/{name}"
        made = [
            signed
            for signed in log.statements(Provenance, subject, digest)
            # A model key signs for several stages: `explain` could sign that it made a model.
            if (signed.predicate.run.stage, signed.predicate.run.case) == (stage, case)
        ]
        if not made:
            text = f"{subject}: no signed statement that stage `{stage}` made {short(digest)}"
            hints = _known_as(log, digest, subject) + _void_hint(log, Provenance, subject, digest)
            broken.append(Refusal(RefusalKind.LINEAGE_UNSIGNED, text + hints))
            break

        # The same bytes may have been made several times; any of them is how they can be made.
        step = Step(stage, subject, digest, made[-1])
        steps.append(step)
        if material:
            read_sha256 = step.materials().get(f"{case}/{material}")
            if read_sha256 is None:
                text = f"{subject}: stage `{stage}` read no {material}, says entry {made[-1].index}"
                broken.append(Refusal(RefusalKind.LINEAGE_INCOMPLETE, text))
                break
            # What it read by the signed statement, and not what lies under that name: there may be
            # newer rows in `data/`, which this model never saw.
            digest = read_sha256
        name = material

    return steps


def _gates_of(plan: Plan | None) -> Collection[str]:
    """Return the gates that there were when a model was trained.

    Those of before plans are needed whatever the plan names: a tree that has dropped one of them
    seals a plan without it.
    """
    return tuple(
        gate for gate in SUBJECTS if gate in GATES_BEFORE_PLANS or (plan and plan.has_gate(gate))
    )


def _find_verdict(
    log: Log,
    case: str,
    gate: str,
    artefacts: dict[str, str],
    broken: list[Refusal],
    *,
    is_needed: bool,
) -> GateVerdict | None:
    """Return the latest verdict of a gate on exactly what lies in the chain."""
    primary = f"{case}/{SUBJECTS[gate][-1]}"
    digest = artefacts.get(primary)
    verdicts = [
        signed
        for signed in log.statements(SignedVerdict)
        # All verdicts of the gate, to say in a refusal that there are some, of other bytes.
        if (signed.predicate.gate, signed.predicate.case) == (gate, case)
    ]
    # The last of a gate's subjects is what it is looked up by. Without `digest and`, a chain that
    # has no such artefact would fit every verdict that has none either.
    fitting = [signed for signed in verdicts if digest and signed.digest_of(primary) == digest]

    if not fitting and not is_needed:
        return None
    if not fitting:
        text = f"{gate}: no signed verdict on {primary} {short(digest)}"
        if verdicts:
            text += f"; the latest of {len(verdicts)} is about another"
        text += _void_hint(log, SignedVerdict, primary, digest)
        broken.append(Refusal(RefusalKind.VERDICT_UNSIGNED, text))
        return None

    # All that the gate has to judge, and not its primary subject alone, must be in the chain.
    latest = fitting[-1]
    for name in (f"{case}/{subject}" for subject in SUBJECTS[gate]):
        judged = latest.digest_of(name)
        if judged != artefacts.get(name):
            held = short(artefacts.get(name))
            text = (
                f"{gate}: entry {latest.index} judged {name} {short(judged)}, the chain has {held}"
            )
            broken.append(Refusal(RefusalKind.SUBJECT_CHANGED, text))

    return GateVerdict(gate, latest)


def _outside_plan(chain: Chain) -> Iterator[Refusal]:
    """Yield a refusal for each verdict that was judged by something else than the sealed plan."""
    sealing = chain.sealing
    if sealing is None or chain.plan is None:
        return

    for gate, verdict in chain.verdicts.items():
        configuration = verdict.configuration()
        # Only what the verdict names is compared: the plan has the parts of all gates.
        differing = chain.plan.differing_parts(configuration)
        # A verdict that says nothing of its limits was judged by nothing that could be compared.
        if f"gate:{gate}" not in configuration:
            differing = (f"gate:{gate}", *differing)
        if differing:
            text = (
                f"{gate}: entry {verdict.signed.index} was judged outside the plan "
                f"{short(chain.plan.sha256)}, which {sealing.stage} sealed at entry "
                f"{sealing.signed.index}: by another {', '.join(differing)}. "
                "Another plan is another attempt: train anew"
            )
            yield Refusal(RefusalKind.PLAN_CHANGED, text)


def _void_hint(log: Log, kind: type[Predicate], name: str, sha256: str | None) -> str:
    """Say which void statements would have said what is missing."""
    return "".join(
        f"; entry {void.index} says so and counts for nothing: {void.reason}"
        for void in log.void_statements(kind, name, sha256)[-MOST_VOID:]
    )


def _known_as(log: Log, sha256: str, except_name: str) -> str:
    """Say under which other names these bytes are known: files are often in each other's place."""
    names = {
        subject.name
        for signed in log.statements_with(sha256)
        for subject in signed.subjects
        if subject.sha256 == sha256
    } - {except_name}
    return f" (it is known as {', '.join(sorted(names))})" if names else ""
