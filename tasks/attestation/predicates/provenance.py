"""A stage made its products out of materials: SLSA provenance v1.

Specification: slsa.dev/spec/v1.0/provenance.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from tasks.attestation.plan import PLAN_FIELD, Plan
from tasks.attestation.predicates.circumstances import Circumstances
from tasks.attestation.predicates.code_identity import CODE_FIELD, CodeIdentity, code_field
from tasks.attestation.predicates.predicate import Predicate, digests_of, require_fields, text_of
from tasks.attestation.roles import OWN, PROVENANCE
from tasks.attestation.statement import Artefact
from tasks.errors import EvidenceError
from tasks.path import STAGES

BUILD_TYPE = f"{OWN}/stage/v1"
BUILDER = f"{OWN}/worker/v1"
CLAIMED = "rows "  # how the names of by-products begin that are counts a stage claims


@dataclass(frozen=True)
class Provenance(Predicate):
    """How a stage made the subjects, out of which materials; of training, also by which plan."""

    TYPE = PROVENANCE

    run: Circumstances
    materials: tuple[Artefact, ...]
    plan: Plan | None = None  # of training; None of other stages, and of before plans were sealed

    @property
    def role(self) -> str:
        """The role of the stage's own worker: data, model or decision.

        Raises:
            EvidenceError: There is no such stage, so nobody may sign for it.
        """
        stage = STAGES.get(self.run.stage)
        if stage is None:
            raise EvidenceError(
                f"provenance of stage `{self.run.stage}`",
                expected="a kind of statement that some role may make",
                found="none",
                remedy="See tasks/attestation/roles.py.",
            )

        return stage.signer.value

    @property
    def signed_on(self) -> str:
        """When the stage ended."""
        return self.run.finished

    def artefact_names(self) -> tuple[str, ...]:
        """Return the names of its materials."""
        return tuple(material.name for material in self.materials)

    def material_digests(self) -> dict[str, str]:
        """Return name -> sha256 of everything that went in."""
        return {material.name: material.sha256 for material in self.materials}

    def to_dict(self) -> dict[str, Any]:
        """Return the predicate. Outside git there is no source among the dependencies."""
        run = self.run
        source = {
            "uri": "git+.",
            "digest": {"gitCommit": run.commit},
            "annotations": {"dirty": list(run.dirty)},
        }

        # A field is written where it says something, here and below: statements of before there was
        # the field come out as the bytes that were signed.
        mode = {"portcullis_mode": run.mode} if run.mode else {}
        drill = {"portcullis_drill": run.drill} if run.drill else {}

        return {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "stage": run.stage,
                    "useCase": run.case,
                    "paramsSha256": run.params_sha256,
                },
                "internalParameters": {
                    "dvcLockSha256": run.lock_sha256,
                    **code_field(run.code),
                },
                "resolvedDependencies": [
                    *([source] if run.commit else []),
                    *(material.to_dict() for material in self.materials),
                ],
            },
            "runDetails": {
                "builder": {"id": BUILDER, "version": run.tools},
                "metadata": {
                    "invocationId": run.invocation,
                    "startedOn": run.started,
                    "finishedOn": run.finished,
                },
                "byproducts": [
                    {"name": f"{CLAIMED}{name}", "annotations": {"count": count}}
                    for name, count in run.claimed.items()
                ],
            },
            "portcullis_startedBy": run.started_by,
            "portcullis_commitAuthorSha256": run.commit_author_sha256,
            **mode,
            **_if_any("portcullis_release", {"ref": run.ref, "signer": run.signer}),
            **_if_any("portcullis_isolation", run.isolation),
            **_if_any("portcullis_claimedEngine", run.engine),
            **drill,
            **({PLAN_FIELD: self.plan.to_dict()} if self.plan else {}),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read provenance of one of our stages.

        The specification, "Parsing rules": unknown fields are ignored, with the exception of
        external parameters. A verifier has to know all of those, for each may change what is built.
        """
        definition = values["buildDefinition"]
        parameters = definition["externalParameters"]
        internal = definition.get("internalParameters", {})
        details = values["runDetails"]

        # 1. buildType says how to read externalParameters; of another type we know nothing.
        if definition["buildType"] != BUILD_TYPE:
            raise ValueError("another build type")
        require_fields(parameters, ("stage", "useCase", "paramsSha256"))

        # 2. resolvedDependencies: at most one is the source, by its commit; all others have bytes.
        dependencies = definition.get("resolvedDependencies", [])
        source = next((item for item in dependencies if "gitCommit" in item["digest"]), None)
        materials = tuple(
            Artefact.from_dict(item) for item in dependencies if "gitCommit" not in item["digest"]
        )

        # 3. runDetails: all but the builder's id is optional there.
        metadata = details.get("metadata", {})
        run = Circumstances(
            stage=text_of(parameters, "stage"),
            case=text_of(parameters, "useCase"),
            invocation=str(metadata.get("invocationId", "")),
            started=str(metadata.get("startedOn", "")),
            finished=str(metadata.get("finishedOn", "")),
            started_by=str(values.get("portcullis_startedBy", "")),
            # Below, from the source among the dependencies; outside git there is none.
            commit="",
            commit_author_sha256=str(values.get("portcullis_commitAuthorSha256", "")),
            dirty=(),
            params_sha256=digests_of(parameters, "paramsSha256"),
            lock_sha256=str(internal.get("dvcLockSha256", "")),
            tools={
                str(name): str(text) for name, text in details["builder"].get("version", {}).items()
            },
            claimed=_claimed(details.get("byproducts", [])),
            mode=str(values.get("portcullis_mode", "")),
            ref=str(values.get("portcullis_release", {}).get("ref", "")),
            signer=str(values.get("portcullis_release", {}).get("signer", "")),
            isolation={
                str(name): str(text)
                for name, text in values.get("portcullis_isolation", {}).items()
            },
            engine={
                str(name): str(text)
                for name, text in values.get("portcullis_claimedEngine", {}).items()
            },
            code=CodeIdentity.from_dict(internal.get(CODE_FIELD)),
            drill=str(values.get("portcullis_drill", "")),
        )
        if source is not None:
            dirty = tuple(str(path) for path in source.get("annotations", {}).get("dirty", ()))
            run = replace(run, commit=str(source["digest"]["gitCommit"]), dirty=dirty)

        return cls(run, materials, Plan.from_dict(values.get(PLAN_FIELD)))


def _claimed(byproducts: list[dict[str, Any]]) -> dict[str, int]:
    return {
        item["name"].removeprefix(CLAIMED): int(item["annotations"]["count"])
        for item in byproducts
        # The format lets a builder name by-products of any kind; these are ours.
        if str(item.get("name", "")).startswith(CLAIMED)
    }


def _if_any(name: str, values: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return a field with those values that are set, or nothing."""
    present = {key: value for key, value in values.items() if value}
    return {name: present} if present else {}
