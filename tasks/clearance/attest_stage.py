"""Attest one run of a stage, from outside it.

What lay there before, what lies there after, and what the gate said. The worker uses this while and
after the stage's own code runs in another process. It believes bytes, digested here: of code and
configuration those of the snapshot that the stage was given, of data those that lie there. Of what
the stage says about itself it takes two counts and where it computed, and marks them as claimed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from tasks.attestation.agreement_review import PASSED, AgreementReview
from tasks.attestation.artefacts import DATA, Declared, artefact, named
from tasks.attestation.plan import Plan
from tasks.attestation.predicates.circumstances import Circumstances, effective_mode
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.predicates.signed_verdict import SignedVerdict
from tasks.attestation.predicates.verification_summary import VerificationSummary
from tasks.attestation.run_context import started_by, timestamp, tools_of
from tasks.attestation.statement import Artefact, Statement
from tasks.audit_log.events import auditing
from tasks.audit_log.run_events import events_of
from tasks.clearance.agreements import review_agreements
from tasks.clearance.configuration import (
    POLICY,
    is_anchored,
    is_own_file,
    is_shipped,
    judged_params,
    limits_sha256,
)
from tasks.clearance.own_limits import require_limits_in_force
from tasks.clearance.plans import plan_now, plan_refusals
from tasks.code_identity.commits import find_commit
from tasks.code_identity.environment import identity
from tasks.code_identity.tree import read_tree
from tasks.errors import (
    ConfigError,
    EvidenceError,
    PortcullisError,
    Refusal,
    RefusalKind,
    RefusedError,
)
from tasks.formats.regular_file import (
    MOST_FILE_BYTES,
    describe_unreadable,
    read_regular_file,
)
from tasks.formats.strict_json import parse_json
from tasks.gates import Outcome, Verdict
from tasks.notary.notary import Notary, Recorded, open_notary, trusted_root
from tasks.path import PATH, SEALING, SUBJECTS, SigningRole
from tasks.settings import Settings
from tasks.system.installation import Installation
from tasks.verifier.approvals import Consents
from tasks.verifier.explanation_commitments import ROOT_NAME, TREE, commitments_of, head_of
from tasks.verifier.in_force.law import law_of
from tasks.verifier.lineage import MODEL, Chain, GateVerdict, examine
from tasks.verifier.log_reader import Log, Selection, read_log

DECIDING = tuple(stage.name for stage in PATH if stage.signer is SigningRole.DECISION)
REFUSED = RefusedError.exit_code
ADMITTING = PATH[0]  # the stage behind which data may be read


# What the worker does between a signed decision PASSED and the rest of the evidence: it is told
# where that decision stands, and which model it is about.
Publisher = Callable[[Recorded, Artefact], object]


@dataclass(frozen=True)
class Before:
    """A run that is about to begin.

    Attributes:
        declared: What the stage declares.
        configuration: The folder that its code and configuration are read from.
        data: The folder below which its `data/` lies.
        started: When it began.
        installation: Whose evidence this is.
    """

    declared: Declared
    configuration: Path
    data: Path
    started: str
    installation: Installation

    def folder_of(self, name: str) -> Path:
        """Return the folder below which an input or output lies."""
        return self.data if name.startswith(DATA) else self.configuration


@dataclass(frozen=True)
class Observed:
    """A run whose inputs are digested: what is still to come is its end.

    `plan` is there where the stage's record seals it. It is that of the snapshot which the stage
    was given, and so is from before the stage's code had run.
    """

    before: Before
    materials: tuple[Artefact, ...]
    policy: Artefact
    limits_sha256: str
    run: Circumstances
    plan: Plan | None = None

    def under(
        self,
        *,
        mode: str,
        actor: str,
        ref: str,
        signer: str,
        isolation: Mapping[str, str],
        engine: Mapping[str, str],
    ) -> "Observed":
        """Return it with whose release it was part of, and how its code was kept apart.

        `engine` is where it computed, as the stage itself says.
        """
        run = replace(
            self.run,
            mode=mode,
            started_by=actor,
            ref=ref,
            signer=signer,
            isolation=dict(isolation),
            engine=dict(engine),
        )
        return replace(self, run=run)


def look(
    declared: Declared, installation: Installation, *, configuration: Path, data: Path
) -> Before:
    """Note when a run begins, and where what it reads and writes lies."""
    return Before(declared, configuration, data, timestamp(), installation)


def observe(before: Before, invocation: str) -> Observed:
    """Digest the inputs and find the circumstances: while the stage's code runs."""
    declaration = before.declared
    workspace = before.installation.workspace
    # What the stage was given, which nobody writes to, and not what lies in the checkout by now.
    tree = read_tree(before.configuration)
    # The commit is looked for in the repository and compared with the snapshot's bytes: `git
    # status` believes index flags and ignore files of who is judged (docs/adr/0041).
    commit = find_commit(workspace, tree)
    settings = before.installation.settings
    lock = workspace / "dvc.lock"

    run = Circumstances(
        stage=declaration.stage,
        case=declaration.case,
        invocation=invocation,
        started=before.started,
        finished="",
        started_by=started_by(settings),
        commit=commit.sha,
        commit_author_sha256=commit.author_sha256,
        dirty=commit.dirty,
        params_sha256=declaration.params_sha256,
        lock_sha256=sha256(lock.read_bytes()).hexdigest() if lock.is_file() else "",
        tools=tools_of(declaration.stage),
        # What clears a model looks anew (`CodeFacts.now`), and compares every stage's with that.
        code=identity(before.installation, tree, may_recall=True),
        drill=_drill(settings),
    )

    # Of code and configuration, the very bytes that were compared with the commit.
    materials = tuple(
        tree.artefact(name) if tree.has(name) else artefact(before.folder_of(name), name)
        for name in declaration.inputs
        if (before.folder_of(name) / name).exists()
    )
    policy = artefact(before.configuration, POLICY)
    limits = limits_sha256(declaration.stage, declaration.case, before.configuration)
    plan = None
    if declaration.stage == SEALING.name:
        # While the stage runs, from its snapshot: a plan that is taken afterwards could be fitted
        # to the figures.
        plan = plan_now(declaration.case, before.configuration)
    return Observed(before, materials, policy, limits, run, plan)


def _drill(settings: Settings) -> str:
    """Return the date that stands in for today's; empty where none does."""
    if not settings.today:
        return ""
    from tasks.config.sources import today  # late: it brings pydantic, and drills are rare

    return today(settings).isoformat()


def statements_of(observed: Observed, claimed: dict[str, int]) -> list[Statement]:
    """Return what is to be signed about a run that ended well, by the bytes that lie there now.

    Raises:
        EvidenceError: An output is missing, or a verdict is about something else.
    """
    declaration = observed.before.declared
    workspace = observed.before.data
    case = declaration.case

    # 1. The products, and of explanations the head of their tree besides the tree's own digest.
    # Every declared output, and no other file: what DVC versions and what is signed are one list.
    products = tuple(artefact(workspace, name) for name in declaration.outputs)
    tree = f"data/{case}/{TREE}"
    if tree in declaration.outputs:
        data = _read_digested(workspace / tree, products[declaration.outputs.index(tree)])
        head = head_of(commitments_of(data))
        products += (Artefact(f"{case}/{ROOT_NAME}", head),)

    # 2. How they were made; of a gate, also what it said.
    run = replace(observed.run, finished=timestamp(), claimed=claimed)
    statements = [Provenance(run, observed.materials, observed.plan).about(*products)]
    verdict = f"data/{case}/{declaration.stage}/verdict.json"
    if verdict in declaration.outputs:
        statements.append(_verdict(observed, run, workspace / verdict, products))
    return statements


def decision_of(
    observed: Observed,
    inputs: tuple[tuple[str, str], ...],
    refusals: tuple[Refusal, ...],
    registry_name: str = "",
) -> Statement:
    """Return the decision about the model that lies here, by what the ledger says."""
    model = _model_of(observed)
    run = replace(observed.run, finished=timestamp())
    policy = observed.policy
    summary = VerificationSummary.of(run, model, policy, inputs, refusals, registry_name)
    return summary.about(model)


def attest(
    observed: Observed, claimed: dict[str, int], code: int = 0, publish: Publisher | None = None
) -> tuple[str, ...]:
    """Sign and append everything about a run: provenance, verdict, decision, audit events.

    Args:
        observed: The run.
        claimed: The counts that the stage gave.
        code: The exit code of the stage. Of a refused registration the decision is signed; of any
            other run that did not end well, the audit event alone.
        publish: What to do with a model between its decision PASSED, whose place in the ledger it
            is told, and the run's other statements. It makes an output that these are about.

    Returns:
        One line for each receiver of the audit log that did not take it.

    Raises:
        RefusedError: `register` let a model through that the worker finds is not cleared. That,
            too, is signed.
        PortcullisError: Publishing failed. The audit log says that the run did not end well.
    """
    installation = observed.before.installation
    run = observed.run
    failure: PortcullisError | None = None
    review: AgreementReview | None = None
    if run.stage == ADMITTING.name:
        review, failure = _review(observed, is_ended_well=code == 0)
        code = failure.exit_code if failure else code

    with open_notary(installation) as notary:
        decision: Statement | None = None
        refusals: tuple[Refusal, ...] = ()
        # Of a refused registration, too: a refusal that left no statement could be tried again
        # until it is none.
        if run.stage in DECIDING and code in (0, REFUSED):
            decision, refusals = _decision(notary, observed, is_refused=code == REFUSED)
        is_let_through = run.stage == "register" and code == 0
        if is_let_through and refusals:
            code = REFUSED

        # The decision comes first and by itself: what is published can name its place.
        if is_let_through and not refusals and decision is not None and publish is not None:
            # By itself and before anything is published: a registry that holds a model without a
            # signed decision is what must never be. The reverse is mended by a further run.
            decided = notary.record(decision)
            decision = None
            try:
                publish(decided, _model_of(observed))
            except PortcullisError as error:
                # Kept until the end: that publishing failed is recorded before anybody is told.
                failure = error
                code = error.exit_code

        _record_rest(notary, observed, decision, claimed, code, review)
        # After the append, while the notary is held: the head that is published is that of these
        # entries. Other stages wait for the next decision, since each anchor is a service
        # elsewhere.
        if run.stage in DECIDING and is_anchored(installation.settings):
            from tasks.anchoring.publishing import publish as publish_head

            publish_head(notary.ledger, installation)

    problems = _shipped(installation) if is_shipped(installation.settings) else ()

    # Last: a refusal ends the process, and what it rests on has to be recorded by then.
    if failure is not None:
        raise failure
    if is_let_through and refusals:
        raise RefusedError(
            f"register@{run.case}",
            refusals,
            remedy="The stage let it through; the worker does not.",
        )
    return problems


def _record_rest(
    notary: Notary,
    observed: Observed,
    decision: Statement | None,
    claimed: dict[str, int],
    code: int,
    review: AgreementReview | None,
) -> None:
    """Record provenance and verdict of a run that ended well, a decision, and the audit events.

    One transaction: there is no verdict without its provenance, and no event without both.
    """
    home = observed.before.installation.home
    run = observed.run
    statements = statements_of(observed, claimed) if code == 0 else []
    if decision is not None:
        statements.append(decision)

    if review is not None:
        # Of a run that was refused nothing is admitted, and perhaps nothing was written.
        name = f"{DATA}{run.case}/{ADMITTING.product}"
        admitted = (artefact(observed.before.data, name),) if code == 0 else ()
        statements.append(review.to_statement(*admitted))

    events = events_of(run, observed.materials, claimed, code, home)
    with auditing(home, events) as batches:
        notary.record_all([*statements, *batches])


def _review(
    observed: Observed, *, is_ended_well: bool
) -> tuple[AgreementReview | None, PortcullisError | None]:
    """Return what the worker finds in the agreements, and why a run that ended well is refused.

    Of a run that ended otherwise the stage has said why; what was found is signed all the same, but
    where it cannot be read.
    """
    before = observed.before
    run = replace(observed.run, finished=timestamp())
    try:
        review = review_agreements(run, before.configuration, before.installation.settings)
    except ConfigError as error:
        return None, error if is_ended_well else None
    if review.result == PASSED or not is_ended_well:
        return review, None

    from tasks.agreements.judging import agreement_error, refusals_of

    return review, agreement_error(refusals_of(review.sources, run.case))


def _decision(
    notary: Notary, observed: Observed, *, is_refused: bool
) -> tuple[Statement, tuple[Refusal, ...]]:
    """Return the decision about the model that lies here, and what speaks against it.

    PASSED where the ledger itself holds nothing against it; of a registration, the worker asks the
    policy, too.
    """
    stage = observed.run.stage
    case = observed.run.case
    before = observed.before
    mode = effective_mode(observed.run.mode)
    log, chain = chain_here(notary, observed)
    consents = Consents.of(log, chain, mode)

    # 1. What the ledger itself says: a broken link, a verdict that is no pass. An accepted
    # undecided verdict passes at registration only, because `decide` comes before anybody could
    # accept it.
    refusals = list(chain.broken)
    for verdict in chain.verdicts.values():
        is_accepted = stage == "register" and consents.accepts(verdict)
        if verdict.outcome != Outcome.PASS and not is_accepted:
            refusals += _verdict_refusals(verdict)

    # 2. What is in force, and what the stage found, or what the policy says: the stage's own word
    # can only add refusals.
    law = law_of(log)
    registry_name = ""
    if stage == "decide":
        decision = before.data / "data" / case / "decide" / "decision.json"
        refusals += plan_refusals(chain, before.configuration)
        refusals = _joined(refusals, _written_refusals(decision))
    if stage == "register":
        # Late: what asks the policy is slow to import, and of all stages `register` alone asks.
        from tasks.clearance.check import clear_model

        # The snapshot that the run was given, not the checkout: a policy that is lax for a moment
        # would be read here.
        frozen = replace(before.installation, workspace=before.configuration)
        clearance = clear_model(case, chain.model_sha256, frozen, mode=mode)
        refusals += clearance.refusals
        # The law that it was cleared by, and not one that was signed a moment later.
        law = clearance.law
        registry_name = clearance.registry_name
    # Last and by itself: a stage that refused without a reason must not be decided PASSED.
    if is_refused:
        refusals.append(Refusal(RefusalKind.REGISTRATION_REFUSED, "register: refused"))

    inputs = chain.inputs()
    if stage == "register":
        inputs += consents.inputs()
    if law is not None:
        inputs += law.inputs()
    unique = tuple(dict.fromkeys(refusals))
    return decision_of(observed, inputs, unique, registry_name), unique


def _verdict_refusals(verdict: GateVerdict) -> list[Refusal]:
    """Return why a verdict is no pass: a refusal for each check, so that each is answered alone."""
    entry = f"entry {verdict.signed.index}"
    checks = [
        *((RefusalKind.CHECK_FAILED, "fail", key) for key in verdict.content.failed),
        *((RefusalKind.CHECK_UNDECIDED, "undecided", key) for key in verdict.content.warned),
    ]
    refusals = [
        Refusal(kind, f"{verdict.gate}: {outcome}: `{key}`, {entry}", verdict.gate, key)
        for kind, outcome, key in checks
    ]

    # An outcome that none of its checks explains is answered by nothing.
    if verdict.outcome not in {outcome for _, outcome, _ in checks}:
        text = f"{verdict.gate}: {verdict.outcome}, {entry}"
        refusals.append(Refusal(RefusalKind.VERDICT_NOT_PASSED, text, verdict.gate))
    return refusals


def _joined(refusals: list[Refusal], written: list[Refusal]) -> list[Refusal]:
    """Return the worker's refusals and the stage's; of one check, in the stage's words alone.

    What the stage wrote can add refusals, and put those of checks in better words: it takes none
    away, for the kind and the check stay.
    """
    worded = {(refusal.kind, refusal.gate, refusal.check) for refusal in written if refusal.check}
    own = [
        refusal for refusal in refusals if (refusal.kind, refusal.gate, refusal.check) not in worded
    ]
    return [*own, *written]


def chain_here(notary: Notary, observed: Observed) -> tuple[Log, Chain]:
    """Return the log, and the chain of the model that lies here."""
    case = observed.run.case
    notary.begin()
    trusted = trusted_root(observed.before.installation)
    log = read_log(notary.ledger, trusted, Selection.of_case(case))
    # Whatever the plan of an earlier training names: what is decided now needs every gate.
    return log, examine(log, case, _model_of(observed).sha256, gates=tuple(SUBJECTS))


def _model_of(observed: Observed) -> Artefact:
    """Return the model among what a deciding stage reads."""
    name = f"{observed.run.case}/{MODEL}"
    for material in observed.materials:
        if material.name == name:
            return material
    raise _changed(f"data/{name}", "the model that is decided about", "nothing")


def _verdict(
    observed: Observed, run: Circumstances, path: Path, products: tuple[Artefact, ...]
) -> Statement:
    """Return the statement about the verdict that the gate has written to `path`.

    Raises:
        EvidenceError: It is no verdict of this gate, by the limits in force, about these bytes.
    """
    # 1. Read it, and hold it against the gate that ran and the limits that were in force.
    artefacts = {item.name: item for item in (*observed.materials, *products)}
    report = artefacts[f"{run.case}/{run.stage}/verdict.json"]
    try:
        verdict = Verdict.from_dict(parse_json(_read_digested(path, report)))
    except ValueError as error:
        raise _changed(path.name, "a verdict, each of its checks with an id", str(error)) from error
    if verdict.gate != run.stage or verdict.limits_sha256 != observed.limits_sha256:
        raise _changed(
            path.name,
            f"a verdict of gate `{run.stage}` by the limits in force",
            f"one of `{verdict.gate}`, or by others",
        )
    if verdict.use_case != run.case:
        raise _changed(path.name, f"a verdict for `{run.case}`", f"one for `{verdict.use_case}`")
    # The digest of the limits says by what it was judged in the stage's own word; each check is
    # held against the limits here.
    require_limits_in_force(verdict, observed.before.configuration)

    # 2. It is about the very bytes that were digested here, and about nothing else.
    about = {named(f"data/{run.case}/{name}"): digest for name, digest in verdict.about.items()}
    for name, digest in about.items():
        lying_there = artefacts.get(name)
        # Neither more nor less: of what was not digested here nothing can be signed, whatever the
        # verdict says of it.
        if lying_there is None or lying_there.sha256 != digest:
            raise _changed(
                name,
                f"what the verdict is about ({digest[:12]}…)",
                f"{lying_there.sha256[:12]}…" if lying_there else "nothing declared",
            )

    # 3. By what it was judged. `in_force.configuration_now` gives the same names to compare with.
    configuration = (
        Artefact(f"gate:{verdict.gate}", verdict.limits_sha256),
        Artefact("policy", observed.policy.sha256),
        *(
            Artefact(f"params:{key}", digest)
            for key, digest in sorted(judged_params(run.params_sha256).items())
        ),
        *(material for material in observed.materials if is_own_file(material.name)),
    )
    signed_verdict = SignedVerdict.of(run, verdict, report, configuration)
    return signed_verdict.about(*(artefacts[name] for name in sorted(about)))


def _read_digested(path: Path, product: Artefact) -> bytes:
    """Return the bytes of a product that was digested before.

    Raises:
        EvidenceError: Other bytes lie there, or what is no regular file.
    """
    # Read a second time: what is signed about its content must not be of other bytes than the
    # digest beside it, and a stage's account may have left a process behind that still writes.
    try:
        # A tree of explanations has no bound but its own size, which was digested.
        data = read_regular_file(path, most_bytes=max(MOST_FILE_BYTES, path.stat().st_size))
    except OSError as error:
        raise _changed(path.name, "what was digested", describe_unreadable(error)) from error
    if sha256(data).hexdigest() != product.sha256:
        raise _changed(path.name, f"what was digested ({product.sha256[:12]}…)", "other bytes")
    return data


def _shipped(installation: Installation) -> tuple[str, ...]:
    from tasks.audit_log.shipping import ship

    return ship(installation)


def _written_refusals(path: Path) -> list[Refusal]:
    """Return the refusals in the file that `decide` wrote; a decision against has at least one."""
    try:
        decision = parse_json(read_regular_file(path))
        refusals = [Refusal.from_dict(values) for values in decision["refusals"]]
        if refusals or decision["outcome"] == Outcome.PASS:
            return refusals
        return [Refusal(RefusalKind.DECISION_AGAINST, "decide: no pass")]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _changed(path.name, "a decision", type(error).__name__) from error


def _changed(where: str, expected: str, found: str) -> EvidenceError:
    return EvidenceError(
        where,
        expected=expected,
        found=found,
        remedy="Nothing was signed: run the stage again with nothing else writing.",
    )
