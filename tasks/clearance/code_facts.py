"""What the policy is told of code: by which each step and gate was made, and what lies here now."""

from typing import Any

from tasks.attestation.artefacts import declared
from tasks.attestation.predicates.code_identity import CodeIdentity
from tasks.attestation.predicates.provenance import Provenance
from tasks.code_identity.environment import identity
from tasks.code_identity.tree import Tree, read_tree
from tasks.system.installation import Installation
from tasks.verifier.lineage import GateVerdict, Step
from tasks.verifier.log_reader import Log
from tasks.verifier.statement_index import Signed

LOCK = "requirements.lock"
CODE = "tasks/"


class CodeFacts:
    """Facts about code, for one question to the policy: everything present is measured once.

    Of a whole tree, only what a stage declares has to be as it was: stages run again when that
    changes, and not when anything else does. Of the environment all has to be as it was, because
    nothing declares which of its files a stage reads.
    """

    def __init__(self, case: str, log: Log, installation: Installation) -> None:
        self._case = case
        self._log = log
        self._installation = installation
        self._tree = read_tree(installation.workspace)

    def now(self, *, may_recall: bool = False) -> dict[str, Any]:
        """Return what could be imported here, now; by the last look, where that may stand in."""
        code = identity(self._installation, self._tree, may_recall=may_recall)
        return {"environment": code.environment_sha256, "foreign": list(code.foreign)}

    def of_step(self, step: Step) -> dict[str, Any]:
        """Return the fact `code` of a step; none where its statement does not say."""
        provenance = step.signed.predicate
        return self._facts(step.stage, provenance.run.code, provenance)

    def of_gate(self, verdict: GateVerdict) -> dict[str, Any]:
        """Return the fact `code` of a gate; none where nobody signed for what it was made of.

        A verdict does not name the code that judged. The provenance of its file does, which is
        found by the file's digest.
        """
        provenance = provenance_of_gate(verdict, self._case, self._log)
        if provenance is None:
            return {}
        return self._facts(verdict.gate, verdict.content.code, provenance)

    def _facts(
        self, stage: str, code: CodeIdentity | None, provenance: Provenance
    ) -> dict[str, Any]:
        if code is None:
            return {}

        materials = {
            name: digest for name, digest in provenance.material_digests().items() if is_code(name)
        }

        return {
            "code": {
                "environment": code.environment_sha256,
                "foreign": list(code.foreign),
                "materials": materials,
                "current": self._current(stage, materials),
            }
        }

    def _current(self, stage: str, materials: dict[str, str]) -> dict[str, str]:
        """Return the digests, now, of what was read and of what would be read now.

        A dependency that `dvc.yaml` gained is missing among the materials; what is no longer there
        has an empty digest. Both differ.
        """
        # Both what was read and what would be read now: compared over the old list alone, a file of
        # code that `dvc.yaml` gained since would never be looked at.
        inputs = declared(stage, self._case, self._installation.workspace).inputs
        declared_now = {name for name in inputs if is_code(name) and self._tree.has(name)}
        return {
            name: _sha256_in(self._tree, name) for name in sorted(declared_now | set(materials))
        }


def provenance_of_gate(verdict: GateVerdict, case: str, log: Log) -> Provenance | None:
    """Return how the file of a verdict was made; None where nobody signed for it."""
    report = verdict.content.report
    made: tuple[Signed[Provenance], ...] = ()
    if report is not None:
        made = log.statements(Provenance, report.name, report.sha256)

    # A file of these bytes may be another stage's or use case's product: by digest alone the
    # verdict of a gate could be explained by whoever copied it.
    of_gate = [
        signed.predicate
        for signed in made
        if (signed.predicate.run.stage, signed.predicate.run.case) == (verdict.gate, case)
    ]
    return of_gate[-1] if of_gate else None


def is_code(name: str) -> bool:
    """Say whether a material is code; configuration is compared by what a verdict says itself."""
    return name == LOCK or name.startswith(CODE)


def _sha256_in(tree: Tree, name: str) -> str:
    return tree.artefact(name).sha256 if tree.has(name) else ""
