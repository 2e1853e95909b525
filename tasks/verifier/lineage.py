"""The chain of a model: from its bytes back to its sources, and every verdict on the way, as the ledger has it. Pure.

Evidence is matched by digest, never by name alone, by run or by time. Where several statements fit, the latest in log
order counts, so that a failed verdict cannot be hidden behind an earlier pass.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tasks.attestation.roles import OWN, PROVENANCE, SUMMARY, TEST_RESULT
from tasks.attestation.statement import Statement, read_statement
from tasks.errors import EvidenceError, Refusal, RefusalKind
from tasks.gates import Check
from tasks.path import GATES, PATH
from tasks.verifier.log_reader import Log, Signed, verified

# What each gate must have judged; its verdict is looked up by the last.
JUDGED: dict[str, tuple[str, ...]] = {gate.name: gate.judges for gate in GATES}
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
    signed: Signed = field(repr=False)

    @property
    def definition(self) -> dict[str, Any]:
        """What was built: its parameters and materials."""
        found: dict[str, Any] = self.signed.statement.predicate["buildDefinition"]
        return found

    @property
    def commit(self) -> str:
        """The commit it was made at; empty outside git."""
        return next(
            (
                str(each["digest"]["gitCommit"])
                for each in self._materials
                if "gitCommit" in each["digest"]
            ),
            "",
        )

    @property
    def dirty(self) -> tuple[str, ...]:
        """What differed from the commit."""
        found = (
            each.get("annotations", {}).get("dirty", ())
            for each in self._materials
            if "gitCommit" in each["digest"]
        )
        return tuple(path for paths in found for path in paths)

    def materials(self) -> dict[str, str]:
        """Return name -> sha256 of everything that went in."""
        return {
            str(each["name"]): str(each["digest"]["sha256"])
            for each in self._materials
            if "sha256" in each["digest"]
        }

    @property
    def _materials(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.definition["resolvedDependencies"]
        return found


@dataclass(frozen=True)
class GateVerdict:
    """The verdict that counts for one gate."""

    gate: str
    outcome: str
    signed: Signed = field(repr=False)

    @property
    def predicate(self) -> dict[str, Any]:
        """What it says."""
        return self.signed.statement.predicate

    def tests(self, kind: str) -> tuple[str, ...]:
        """Return the keys of the checks that `passed`, `warned` (undecided) or `failed`."""
        return tuple(self.predicate[f"{kind}Tests"])

    def checks(self) -> tuple[Check, ...]:
        """Return its checks, without their reasons.

        Raises:
            EvidenceError: It was signed before checks had ids, and says by text which they are.
        """
        try:
            return tuple(Check.from_dict(values) for values in self.predicate["portcullis_checks"])
        except (ValueError, KeyError, TypeError) as error:
            raise EvidenceError(
                f"{self.gate}: ledger entry {self.signed.index}",
                expected="a verdict, each of its checks with an id",
                found=str(error),
                remedy="Run the release again, which judges anew.",
            ) from error

    @property
    def report_sha256(self) -> str:
        """The digest of the verdict's file, by which an acceptance names it."""
        return str(self.predicate["portcullis_context"]["report"]["digest"]["sha256"])

    def configuration(self) -> dict[str, str]:
        """Return name -> sha256 of what it was judged by."""
        return {each["name"]: each["digest"]["sha256"] for each in self.predicate["configuration"]}


@dataclass(frozen=True)
class Chain:
    """What the ledger says about one model.

    `broken` names every link that does not hold; empty means a whole chain.
    """

    case: str
    model_sha256: str
    steps: tuple[Step, ...]
    verdicts: dict[str, GateVerdict]
    decisions: tuple[Signed, ...]  # about this model, in log order
    broken: tuple[Refusal, ...]

    def artefacts(self) -> dict[str, str]:
        """Return name -> sha256 of everything in the chain."""
        found: dict[str, str] = {}
        for step in self.steps:
            found |= step.materials() | {
                each.name: each.sha256 for each in step.signed.statement.subjects
            }
        return found

    def inputs(self) -> tuple[tuple[str, str], ...]:
        """Return what a decision about this model rests on: (what, sha256 of the envelope)."""
        steps = [(f"stage:{step.stage}", step.signed.envelope_sha256) for step in self.steps]
        return (
            *steps,
            *(
                (f"gate:{gate}", each.signed.envelope_sha256)
                for gate, each in self.verdicts.items()
            ),
        )


def examine(
    log: Log,
    case: str,
    sha256: str,
    *,
    target: str = "train/model",
    gates: tuple[str, ...] = tuple(JUDGED),
) -> Chain:
    """Walk from a model (or another `target` with these bytes) to its sources, and find the verdicts that count."""
    broken: list[Refusal] = []
    statements, void = _believed(log, case)
    steps = _walk(statements, void, case, target, sha256, broken)
    artefacts: dict[str, str] = {}
    for step in steps:
        artefacts |= step.materials() | {
            each.name: each.sha256 for each in step.signed.statement.subjects
        }
    verdicts = {}
    for gate in gates:
        if (found := _verdict(statements, void, case, gate, artefacts, broken)) is not None:
            verdicts[gate] = found
    decisions = tuple(
        each
        for each in statements
        if each.statement.predicate_type == SUMMARY and _is_about(each, case, sha256)
    )
    return Chain(case, sha256, tuple(steps), verdicts, decisions, tuple(broken))


def latest_decision(chain: Chain, stage: str) -> Signed | None:
    """Return the last decision that `stage` took about the model."""
    wanted = f"{OWN}/{stage}/v1"
    found = [
        each for each in chain.decisions if each.statement.predicate["verifier"]["id"] == wanted
    ]
    return found[-1] if found else None


def short(digest: str | None) -> str:
    """Return a digest as people compare it."""
    return f"{digest[:12]}…" if digest else "nothing"


@dataclass(frozen=True)
class Void:
    """A statement that counts for nothing, and why: shown where it would have filled a gap."""

    index: int
    statement: Statement
    reason: str


def _believed(log: Log, case: str) -> tuple[list[Signed], list[Void]]:
    """Return the statements about a use case whose signature holds, and those whose does not."""
    found, void = [], []
    for entry in log.entries:
        if f'"{case}/'.encode() not in entry.envelope.payload:
            continue
        try:
            found.append(verified(entry, log.keys))
        except EvidenceError as error:
            with suppress(EvidenceError):
                claimed = read_statement(entry.envelope.payload, error.where)
                void.append(
                    Void(entry.index, claimed, f"expected {error.expected}; found {error.found}")
                )
    return found, void


def _but(void: list[Void], kind: str, name: str, sha256: str | None) -> str:
    """Say which void statements would have said what is missing."""
    fitting = [
        v
        for v in void
        if v.statement.predicate_type == kind and v.statement.digest_of(name) == sha256
    ]
    return "".join(
        f"; entry {each.index} says so and counts for nothing: {each.reason}"
        for each in fitting[-2:]
    )


def _walk(
    statements: list[Signed],
    void: list[Void],
    case: str,
    target: str,
    sha256: str,
    broken: list[Refusal],
) -> list[Step]:
    steps: list[Step] = []
    name, wanted = target, sha256
    while name:
        stage, material = MADE[name]
        of_stage = [each for each in statements if _made(each, case, stage)]
        made = [each for each in of_stage if each.statement.digest_of(f"{case}/{name}") == wanted]
        if not made:
            known = _known_as(statements, wanted, f"{case}/{name}") + _but(
                void, PROVENANCE, f"{case}/{name}", wanted
            )
            text = f"{case}/{name}: no signed statement that stage `{stage}` made {short(wanted)}"
            broken.append(Refusal(RefusalKind.LINEAGE_UNSIGNED, text + known))
            break
        steps.append(Step(stage, f"{case}/{name}", wanted, made[-1]))
        if material:
            found = steps[-1].materials().get(f"{case}/{material}")
            if found is None:
                entry = made[-1].index
                text = f"{case}/{name}: stage `{stage}` read no {material}, says entry {entry}"
                broken.append(Refusal(RefusalKind.LINEAGE_INCOMPLETE, text))
                break
            wanted = found
        name = material
    return steps


def _verdict(
    statements: list[Signed],
    void: list[Void],
    case: str,
    gate: str,
    artefacts: dict[str, str],
    broken: list[Refusal],
) -> GateVerdict | None:
    """Return the latest verdict of a gate on exactly what lies in the chain."""
    primary = f"{case}/{JUDGED[gate][-1]}"
    wanted = artefacts.get(primary)
    of_gate = [each for each in statements if _judged(each, case, gate)]
    fitting = [each for each in of_gate if wanted and each.statement.digest_of(primary) == wanted]
    if not fitting:
        others = f"; the latest of {len(of_gate)} is about another" if of_gate else ""
        others += _but(void, TEST_RESULT, primary, wanted)
        text = f"{gate}: no signed verdict on {primary} {short(wanted)}{others}"
        broken.append(Refusal(RefusalKind.VERDICT_UNSIGNED, text))
        return None
    found = fitting[-1]
    for name in (f"{case}/{subject}" for subject in JUDGED[gate]):
        judged = found.statement.digest_of(name)
        if judged != artefacts.get(name):
            held = short(artefacts.get(name))
            text = (
                f"{gate}: entry {found.index} judged {name} {short(judged)}, the chain has {held}"
            )
            broken.append(Refusal(RefusalKind.SUBJECT_CHANGED, text))
    return GateVerdict(gate, str(found.statement.predicate.get("portcullis_outcome", "")), found)


def _made(signed: Signed, case: str, stage: str) -> bool:
    if signed.statement.predicate_type != PROVENANCE:
        return False
    said = signed.statement.predicate["buildDefinition"]["externalParameters"]
    return (said.get("stage"), said.get("useCase")) == (stage, case)


def _judged(signed: Signed, case: str, gate: str) -> bool:
    if signed.statement.predicate_type != TEST_RESULT:
        return False
    said = signed.statement.predicate.get("portcullis_context", {})
    return (said.get("gate"), said.get("useCase")) == (gate, case)


def _is_about(signed: Signed, case: str, sha256: str) -> bool:
    return signed.statement.digest_of(f"{case}/train/model") == sha256


def _known_as(statements: Iterable[Signed], sha256: str, but: str) -> str:
    names = {
        each.name
        for signed in statements
        for each in signed.statement.subjects
        if each.sha256 == sha256
    } - {but}
    return f" (it is known as {', '.join(sorted(names))})" if names else ""
