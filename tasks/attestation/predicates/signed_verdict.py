"""A gate judged: in-toto test-result v0.1.

Specification: in-toto/attestation, spec/predicates/test-result.md.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from tasks.attestation.predicates.circumstances import Circumstances
from tasks.attestation.predicates.code_identity import CODE_FIELD, CodeIdentity, code_field
from tasks.attestation.predicates.predicate import Predicate, text_of
from tasks.attestation.roles import TEST_RESULT
from tasks.attestation.statement import Artefact
from tasks.gates import Check, Outcome, Verdict

# Of a check's fields: the words that explain it to people stay in the verdict's file.
SIGNED_FIELDS = ("id", "about", "measure", "outcome", "value", "limit", "margin")


@dataclass(frozen=True)
class EarlierCheck:
    """A check as it was signed before checks had ids: its measure says which it is."""

    measure: str
    outcome: str
    value: float | None
    limit: str | None
    margin: float | None


@dataclass(frozen=True)
class SignedVerdict(Predicate):
    """What a gate found about the subjects, and by which configuration.

    `passed`, `warned` and `failed` are the keys of its checks. An undecided check is among the
    warned, and an undecided gate has FAILED: whoever knows the public format only is not let
    through. A check that was not measured is in none of the three; `checks` has them all. Where
    `checks` cannot be read it is empty, which is never a pass.
    """

    TYPE = TEST_RESULT

    result: str
    outcome: str
    gate: str
    case: str
    invocation: str
    commit: str
    finished: str
    started_by: str
    report: Artefact | None  # the verdict's file, by which an acceptance names it
    configuration: tuple[Artefact, ...]
    passed: tuple[str, ...]
    warned: tuple[str, ...]
    failed: tuple[str, ...]
    checks: tuple[Check | EarlierCheck, ...]
    mode: str = ""  # as in `Circumstances`
    code: CodeIdentity | None = None
    drill: str = ""  # as in `Circumstances`

    @classmethod
    def of(
        cls,
        run: Circumstances,
        verdict: Verdict,
        report: Artefact,
        configuration: tuple[Artefact, ...],
    ) -> Self:
        """Return what `verdict`, whose file is `report`, says."""

        # A check that was not measured is in none of the three lists: the format knows no such
        # result, and each of its three would be untrue.
        def keys(outcome: Outcome) -> tuple[str, ...]:
            return tuple(check.key for check in verdict.checks if check.outcome is outcome)

        return cls(
            # The format's third result, WARNED, lets through: undecided is FAILED there
            # (docs/adr/0035).
            result="FAILED" if verdict.outcome.is_blocking else "PASSED",
            outcome=verdict.outcome.value,
            gate=verdict.gate,
            case=run.case,
            invocation=run.invocation,
            commit=run.commit,
            finished=run.finished,
            started_by=run.started_by,
            report=report,
            configuration=configuration,
            passed=keys(Outcome.PASS),
            warned=keys(Outcome.UNDECIDED),
            failed=keys(Outcome.FAIL),
            checks=verdict.checks,
            mode=run.mode,
            code=run.code,
            drill=run.drill,
        )

    @property
    def summary(self) -> str:
        """What the gate came to, in one sentence: outcome, and how many checks of each."""
        return (
            f"gate {self.gate}: {self.outcome}; {len(self.passed)} pass, "
            f"{len(self.failed)} fail, {len(self.warned)} undecided"
        )

    @property
    def signed_on(self) -> str:
        """When the gate had judged."""
        return self.finished

    @property
    def report_sha256(self) -> str:
        """The digest of the verdict's file; empty where none is named."""
        return self.report.sha256 if self.report else ""

    def artefact_names(self) -> tuple[str, ...]:
        """Return the names of its configuration and of the verdict's file."""
        names = tuple(artefact.name for artefact in self.configuration)
        return (*names, self.report.name) if self.report else names

    def to_dict(self) -> dict[str, Any]:
        """Return the predicate."""
        context: dict[str, Any] = {
            "gate": self.gate,
            "useCase": self.case,
            "invocationId": self.invocation,
            "gitCommit": self.commit,
            "finishedOn": self.finished,
            "startedBy": self.started_by,
            **code_field(self.code),
        }
        if self.report:
            context["report"] = self.report.to_dict()
        if self.mode:
            context["mode"] = self.mode
        if self.drill:
            context["drill"] = self.drill

        return {
            "result": self.result,
            "configuration": [artefact.to_dict() for artefact in self.configuration],
            "passedTests": list(self.passed),
            "warnedTests": list(self.warned),
            "failedTests": list(self.failed),
            # The specification has no word for undecided: extension fields hold what we mean.
            "portcullis_outcome": self.outcome,
            "portcullis_context": context,
            "portcullis_checks": [_signed_fields(check) for check in self.checks],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read a verdict; fields that are unknown are ignored ("Parsing rules").

        It is read as far as it goes, and what is missing reads as nothing. A verdict that the gate
        has signed must not be void for a detail: then an earlier pass would count instead.
        """
        context = values.get("portcullis_context", {})
        report = context.get("report")

        return cls(
            result=text_of(values, "result"),
            outcome=str(values.get("portcullis_outcome", "")),
            gate=str(context.get("gate", "")),
            case=str(context.get("useCase", "")),
            invocation=str(context.get("invocationId", "")),
            commit=str(context.get("gitCommit", "")),
            finished=str(context.get("finishedOn", "")),
            started_by=str(context.get("startedBy", "")),
            report=None if report is None else Artefact.from_dict(report),
            configuration=tuple(map(Artefact.from_dict, values.get("configuration", ()))),
            passed=tuple(map(str, values.get("passedTests", ()))),
            warned=tuple(map(str, values.get("warnedTests", ()))),
            failed=tuple(map(str, values.get("failedTests", ()))),
            checks=_checks(values.get("portcullis_checks", ())),
            mode=str(context.get("mode", "")),
            code=CodeIdentity.from_dict(context.get(CODE_FIELD)),
            drill=str(context.get("drill", "")),
        )


def _signed_fields(check: Check | EarlierCheck) -> dict[str, Any]:
    if isinstance(check, EarlierCheck):
        return asdict(check)
    return {name: value for name, value in check.to_dict().items() if name in SIGNED_FIELDS}


def _checks(values: Any) -> tuple[Check | EarlierCheck, ...]:
    try:
        # All or none: without the one that cannot be read the list could look complete, and
        # clearance asks for required checks by their ids. An empty list has none of them.
        return tuple(
            Check.from_dict(check) if "id" in check else EarlierCheck(**check) for check in values
        )
    except (ValueError, KeyError, TypeError):
        return ()
