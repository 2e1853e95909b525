"""Attest one run of a stage, from outside it: what lay there before, what lies there after, and what the gate said.

The worker (`python -m tasks`) uses this while and after the stage's own code runs in another process. It believes bytes
on disk, digested here; of what the stage says about itself it takes two counts, and marks them as claimed.
"""

import json
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from tasks.attestation.artefacts import Declared, artefact, declared, named, state_of
from tasks.attestation.predicates.circumstances import Circumstances
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.predicates.signed_verdict import SignedVerdict
from tasks.attestation.predicates.verification_summary import VerificationSummary
from tasks.attestation.run_context import find_commit, started_by, timestamp, tools_of
from tasks.attestation.statement import Artefact, Statement
from tasks.audit_log.events import auditing
from tasks.audit_log.run_events import events_of
from tasks.clearance.in_force import (
    POLICY,
    is_anchored,
    is_own_file,
    is_shipped,
    limits_sha256,
)
from tasks.errors import EvidenceError, Refusal, RefusalKind, RefusedError
from tasks.gates import Outcome, Verdict
from tasks.notary.notary import Notary, open_notary, trusted_root
from tasks.path import PATH, SigningRole
from tasks.system.installation import Installation
from tasks.verifier.approvals import Consents
from tasks.verifier.explanation_commitments import ROOT_NAME, TREE, commitments_of, head_of
from tasks.verifier.lineage import MODEL, Chain, examine
from tasks.verifier.log_reader import Log, Selection, read_log

COUNTS = ("unsealed", "shredded")
DECIDING = tuple(stage.name for stage in PATH if stage.signer is SigningRole.DECISION)
REFUSED = RefusedError.exit_code


@dataclass(frozen=True)
class Before:
    """What was found before a stage's code ran, and while it did."""

    declared: Declared
    states: dict[str, tuple[tuple[str, int, int, int], ...]]
    started: str
    installation: Installation


@dataclass(frozen=True)
class Observed:
    """A run whose inputs are digested: what is still to come is its end."""

    before: Before
    materials: tuple[Artefact, ...]
    policy: Artefact
    limits_sha256: str
    run: Circumstances


def look(stage: str, case: str, installation: Installation) -> Before:
    """Note the state of everything a stage is declared to read: cheap, before its code starts."""
    workspace = installation.workspace
    found = declared(stage, case, workspace)
    states = {
        name: state_of(workspace, name) for name in found.inputs if (workspace / name).exists()
    }
    return Before(found, states, timestamp(), installation)


def observe(before: Before, invocation: str) -> Observed:
    """Digest the inputs and find the circumstances: while the stage's code runs."""
    found = before.declared
    workspace = before.installation.workspace
    commit = find_commit(workspace)
    lock = workspace / "dvc.lock"
    run = Circumstances(
        stage=found.stage,
        case=found.case,
        invocation=invocation,
        started=before.started,
        finished="",
        started_by=started_by(before.installation.settings),
        commit=commit.sha,
        commit_author_sha256=commit.author_sha256,
        dirty=commit.dirty,
        params_sha256=found.params_sha256,
        lock_sha256=sha256(lock.read_bytes()).hexdigest() if lock.is_file() else "",
        tools=tools_of(found.stage),
    )
    materials = tuple(
        artefact(workspace, name) for name in found.inputs if (workspace / name).exists()
    )
    limits = limits_sha256(found.stage, found.case, workspace)
    return Observed(before, materials, artefact(workspace, POLICY), limits, run)


def statements_of(seen: Observed, claimed: dict[str, int]) -> list[Statement]:
    """Return what is to be signed about a run that ended well, each figure from the bytes that lie there now.

    Raises:
        EvidenceError: An input changed under the run, an output is missing, or a verdict is about something else.
    """
    found = seen.before.declared
    workspace = seen.before.installation.workspace
    for name, state in seen.before.states.items():
        if not (workspace / name).exists() or state_of(workspace, name) != state:
            raise _changed(name, "to stay as it was while the stage ran", "it was written to")
    products = tuple(artefact(workspace, name) for name in found.outputs)
    if (tree := f"data/{found.case}/{TREE}") in found.outputs:
        products += (
            Artefact(
                f"{found.case}/{ROOT_NAME}",
                head_of(commitments_of((workspace / tree).read_bytes())),
            ),
        )
    run = replace(seen.run, finished=timestamp(), claimed=claimed)
    statements = [Provenance(run, seen.materials).about(*products)]
    path = workspace / "data" / found.case / found.stage / "verdict.json"
    if f"data/{found.case}/{found.stage}/verdict.json" in found.outputs:
        statements.append(_verdict(seen, run, path, products))
    return statements


def decision_of(
    seen: Observed, inputs: tuple[tuple[str, str], ...], refusals: tuple[Refusal, ...]
) -> Statement:
    """Return the decision about the model that lies here, by what the ledger says."""
    (model,) = (each for each in seen.materials if each.name == f"{seen.run.case}/{MODEL}")
    run = replace(seen.run, finished=timestamp())
    summary = VerificationSummary.of(run, model, seen.policy, inputs, refusals)
    return summary.about(model)


def attest(seen: Observed, claimed: dict[str, int], code: int = 0) -> tuple[str, ...]:
    """Sign and append everything about a run that ended with `code`: provenance, verdict, decision, audit events.

    Of a refused registration the decision is signed; of any other run that did not end well, the audit event alone.

    Returns:
        One line for each receiver of the audit log that did not take it.

    Raises:
        RefusedError: `register` let a model through that the worker finds is not cleared. That, too, is signed.
    """
    installation = seen.before.installation
    home = installation.home
    with open_notary(installation) as notary:
        statements = statements_of(seen, claimed) if code == 0 else []
        against: tuple[Refusal, ...] = ()
        if seen.run.stage in DECIDING and code in (0, REFUSED):
            decision, against = _decision(notary, seen, is_refused=code == REFUSED)
            statements.append(decision)
        with auditing(home, events_of(seen.run, seen.materials, claimed, code, home)) as batches:
            notary.record_all([*statements, *batches])
        if seen.run.stage in DECIDING and is_anchored(installation.settings):
            from tasks.anchoring.publishing import publish

            publish(notary.ledger, installation)
    problems = _shipped(installation) if is_shipped(installation.settings) else ()
    if seen.run.stage == "register" and code == 0 and against:
        raise RefusedError(
            f"register@{seen.run.case}",
            against,
            remedy="The stage let it through; the worker does not.",
        )
    return problems


def _decision(
    notary: Notary, seen: Observed, *, is_refused: bool
) -> tuple[Statement, tuple[Refusal, ...]]:
    """Return the decision about the model that lies here, and what speaks against it.

    PASSED where the ledger itself holds nothing against it; of a registration, the worker asks the policy, too.
    """
    stage = seen.run.stage
    log, chain = chain_here(notary, seen)
    consents = Consents.of(log, chain)
    against = list(chain.broken)
    for gate, verdict in chain.verdicts.items():
        is_accepted = stage == "register" and consents.accepts(verdict)
        if verdict.outcome != Outcome.PASS and not is_accepted:
            text = f"{gate}: {verdict.outcome}, entry {verdict.signed.index}"
            against.append(Refusal(RefusalKind.VERDICT_NOT_PASSED, text))
    if stage == "decide":
        against += _written_refusals(
            seen.before.installation.workspace / "data" / seen.run.case / "decide" / "decision.json"
        )
    if stage == "register":
        # Late: what asks the policy is slow to import, and of all stages `register` alone asks.
        from tasks.clearance.check import clear_model

        against += clear_model(seen.run.case, chain.model_sha256, seen.before.installation).refusals
    if is_refused:
        against.append(Refusal(RefusalKind.REGISTRATION_REFUSED, "register: refused"))
    inputs = (*chain.inputs(), *consents.inputs()) if stage == "register" else chain.inputs()
    refusals = tuple(dict.fromkeys(against))
    return decision_of(seen, inputs, refusals), refusals


def chain_here(notary: Notary, seen: Observed) -> tuple[Log, Chain]:
    """Return the log, and the chain of the model that lies here."""
    case = seen.run.case
    model = next(each for each in seen.materials if each.name == f"{case}/{MODEL}")
    notary.begin()
    log = read_log(
        notary.ledger,
        trusted_root(seen.before.installation),
        Selection.of_case(case),
    )
    return log, examine(log, case, model.sha256)


def _verdict(
    seen: Observed, run: Circumstances, path: Path, products: tuple[Artefact, ...]
) -> Statement:
    try:
        verdict = Verdict.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise _changed(path.name, "a verdict, each of its checks with an id", str(error)) from error
    about = {named(f"data/{run.case}/{name}"): digest for name, digest in verdict.about.items()}
    if verdict.gate != run.stage or verdict.limits_sha256 != seen.limits_sha256:
        raise _changed(
            path.name,
            f"a verdict of gate `{run.stage}` by the limits in force",
            f"one of `{verdict.gate}`, or by others",
        )
    known = {each.name: each for each in (*seen.materials, *products)}
    for name, digest in about.items():
        if name not in known or known[name].sha256 != digest:
            here = known[name].sha256 if name in known else None
            raise _changed(
                name,
                f"what the verdict is about ({digest[:12]}…)",
                f"{here[:12]}…" if here else "nothing declared",
            )
    configuration = (
        Artefact(f"gate:{verdict.gate}", verdict.limits_sha256),
        Artefact("policy", seen.policy.sha256),
        *(Artefact(f"params:{key}", digest) for key, digest in sorted(run.params_sha256.items())),
        *(material for material in seen.materials if is_own_file(material.name)),
    )
    report = next(each for each in products if each.name == f"{run.case}/{run.stage}/verdict.json")
    result = SignedVerdict.of(run, verdict, report, configuration)
    return result.about(*(known[name] for name in sorted(about)))


def _shipped(installation: Installation) -> tuple[str, ...]:
    from tasks.audit_log.shipping import ship

    return ship(installation)


def _written_refusals(path: Path) -> list[Refusal]:
    try:
        decision = json.loads(path.read_text(encoding="utf-8"))
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
