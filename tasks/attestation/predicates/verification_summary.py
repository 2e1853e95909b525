"""A model was decided on: SLSA verification summary v1.

Specification: slsa.dev/spec/v1.0/verification_summary.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from tasks.attestation.predicates.circumstances import Circumstances
from tasks.attestation.predicates.predicate import Predicate, text_of, texts_of
from tasks.attestation.roles import OWN, SUMMARY
from tasks.attestation.statement import Artefact
from tasks.errors import Refusal

PASSED = "PASSED"
FAILED = "FAILED"
LEVELS = ("PORTCULLIS_EVERY_GATE",)
SLSA_VERSION = "1.0"
SCHEME = "portcullis:"


@dataclass(frozen=True)
class VerificationSummary(Predicate):
    """What `decide` or `register` came to about the subject, a model, and on what it rests.

    `inputs` are (name, sha256 of the envelope) of each statement that it rests on; `refusals` are
    the reasons against it. A decision of a time before refusals had kinds holds their texts alone,
    and one of before they named their checks names none: no acceptance ever answers those.
    """

    TYPE = SUMMARY

    verifier: str
    finished: str
    resource: str
    policy_uri: str
    policy_sha256: str
    inputs: tuple[tuple[str, str], ...]
    result: str
    levels: tuple[str, ...]
    refusals: tuple[Refusal | str, ...]
    tools: dict[str, str] = field(hash=False)
    case: str
    started_by: str
    mode: str = ""  # as in `Circumstances`
    drill: str = ""  # likewise
    registry_name: str = ""  # under which the model may be registered; of `register` alone

    @classmethod
    def of(
        cls,
        run: Circumstances,
        model: Artefact,
        policy: Artefact,
        inputs: tuple[tuple[str, str], ...],
        refusals: tuple[Refusal, ...],
        registry_name: str = "",
    ) -> Self:
        """Return the decision about a model: PASSED where nothing speaks against it."""
        return cls(
            verifier=verifier_of(run.stage),
            finished=run.finished,
            # By name and digest: SLSA's verifiers compare the URI, and a name alone is that of
            # every model.
            resource=f"{SCHEME}{model.name}@sha256:{model.sha256}",
            policy_uri=f"{SCHEME}{policy.name}",
            policy_sha256=policy.sha256,
            inputs=inputs,
            result=FAILED if refusals else PASSED,
            # A reader of the public format may look at the levels alone: a failed decision vouches
            # for none.
            levels=() if refusals else LEVELS,
            refusals=refusals,
            tools=run.tools,
            case=run.case,
            started_by=run.started_by,
            mode=run.mode,
            drill=run.drill,
            registry_name=registry_name,
        )

    @property
    def has_passed(self) -> bool:
        """Whether the model was cleared."""
        return self.result == PASSED

    @property
    def lets_in(self) -> bool:
        """Whether the model was registered by it, and not only cleared for that."""
        return self.has_passed and self.verifier == verifier_of("register")

    @property
    def signed_on(self) -> str:
        """When it was decided."""
        return self.finished

    def to_dict(self) -> dict[str, Any]:
        """Return the predicate."""
        refusals = [
            refusal.to_dict() if isinstance(refusal, Refusal) else refusal
            for refusal in self.refusals
        ]
        mode = {"portcullis_mode": self.mode} if self.mode else {}
        drill = {"portcullis_drill": self.drill} if self.drill else {}

        # A decision that names none stays the bytes that it was before there was the field.
        registry = {"portcullis_registryName": self.registry_name} if self.registry_name else {}
        return {
            "verifier": {"id": self.verifier},
            "timeVerified": self.finished,
            "resourceUri": self.resource,
            "policy": {"uri": self.policy_uri, "digest": {"sha256": self.policy_sha256}},
            "inputAttestations": [
                {"uri": f"{SCHEME}{name}", "digest": {"sha256": digest}}
                for name, digest in self.inputs
            ],
            "verificationResult": self.result,
            "verifiedLevels": list(self.levels),
            "slsaVersion": SLSA_VERSION,
            "portcullis_refusals": refusals,
            "portcullis_tools": self.tools,
            "portcullis_useCase": self.case,
            "portcullis_startedBy": self.started_by,
            **mode,
            **drill,
            **registry,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read a decision; fields that are unknown are ignored ("Parsing rules").

        A result that is neither PASSED nor FAILED is kept: it is no pass, and it must not make this
        decision void, for then an earlier pass would count instead.
        """
        inputs = tuple(
            (str(item.get("uri", "")).removeprefix(SCHEME), str(item["digest"]["sha256"]))
            for item in values.get("inputAttestations", [])
        )
        refusals = tuple(
            Refusal.from_dict(refusal) if isinstance(refusal, dict) else str(refusal)
            for refusal in values.get("portcullis_refusals", ())
        )

        return cls(
            verifier=text_of(values["verifier"], "id"),
            finished=text_of(values, "timeVerified"),
            resource=text_of(values, "resourceUri"),
            policy_uri=text_of(values["policy"], "uri"),
            policy_sha256=str(values["policy"].get("digest", {}).get("sha256", "")),
            inputs=inputs,
            result=text_of(values, "verificationResult"),
            levels=texts_of(values, "verifiedLevels"),
            refusals=refusals,
            tools={
                str(name): str(text) for name, text in values.get("portcullis_tools", {}).items()
            },
            case=str(values.get("portcullis_useCase", "")),
            started_by=str(values.get("portcullis_startedBy", "")),
            mode=str(values.get("portcullis_mode", "")),
            drill=str(values.get("portcullis_drill", "")),
            registry_name=str(values.get("portcullis_registryName", "")),
        )


def verifier_of(stage: str) -> str:
    """Return the id by which a summary names the stage that decided."""
    return f"{OWN}/{stage}/v1"
