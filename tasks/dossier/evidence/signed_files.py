"""What lies at hand of a release: artefacts, sections and files, believed by their digest alone.

Whoever can write into `data/` can put any bytes there. They count where their digest is the one
that a statement of the chain names; else the answer is that they are not at hand.
"""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from tasks.attestation.predicates.provenance import Provenance
from tasks.dossier.claims import Reference
from tasks.dossier.evidence.lacking import Lacking
from tasks.dossier.evidence.release_standing import ReleaseStanding
from tasks.formats.canonical_json import canonical
from tasks.formats.regular_file import read_regular_file
from tasks.formats.yaml_file import MOST_YAML_BYTES, parse_yaml_bytes
from tasks.verifier.statement_index import Signed


@dataclass(frozen=True)
class SignedFiles(ReleaseStanding):
    """A release, and those of its bytes that were signed for."""

    def read_artefact(self, name: str, *fields: str) -> tuple[Any, Reference] | Lacking:
        """Return a JSON artefact and its reference, where its bytes are those that were signed.

        An object that lacks one of `fields` is of another version of the stage, and lacks it.
        """
        maker = self.maker_of(name)
        if maker is None:
            return Lacking(f"no signed statement names {name}")

        signed, digest = maker
        values = self.read_signed(name, digest)
        if values is None:
            return Lacking(f"{name} is not at hand with the bytes that were signed")
        if absent := [field for field in fields if field not in values]:
            return Lacking(f"{name} says nothing of {absent[0]}")
        return values, self.refer(signed, name=f"{self.case}/{name}", sha256=digest)

    def section(self, name: str) -> tuple[Any, Reference] | Lacking:
        """Return a section of the use case and the statement that names its digest."""
        if name not in self.case_values:
            return Lacking(f"the use case declares no {name}")

        digest = sha256(canonical(self.case_values[name])).hexdigest()
        named = [
            step
            for step in self.chain.steps
            if step.signed.predicate.run.params_sha256.get(name) == digest
        ]
        if named:
            return self.case_values[name], self.refer(named[0].signed)

        # Not all sections are any step's of the chain; decisions name those of their stage.
        run = self._last_run_with(name, digest)
        if run is None:
            return Lacking(f"no stage that ended has signed for section {name} as it stands here")
        return self.case_values[name], self.refer(run)

    def read_case_file(self, section: str, field: str) -> tuple[Any, Reference] | Lacking:
        """Return a file that a section of the use case names, and the statement of the section.

        The section holds the file's digest: a file that was exchanged since is not believed.
        """
        declared = self.section(section)
        if isinstance(declared, Lacking):
            return declared

        values, reference = declared
        pinned = values.get(field) if isinstance(values, dict) else None
        if not isinstance(pinned, dict):
            return Lacking(f"{section} names no file of {field}")

        # `data/<case>` lies in the workspace, from which paths of a section are counted.
        path = self.data.parents[1] / pinned["path"]
        try:
            content = read_regular_file(path, most_bytes=MOST_YAML_BYTES)
        except (OSError, ValueError):
            content = None
        # A file that cannot be read has no digest that was signed: it is told as one exchanged.
        if content is None or sha256(content).hexdigest() != pinned["sha256"]:
            return Lacking(f"the file of {field} that was signed for is not at hand")

        # These bytes and not the file's, which may be others by then.
        return parse_yaml_bytes(content, pinned["path"]), reference

    def maker_of(self, name: str) -> tuple[Signed[Provenance], str] | None:
        """Return the statement of the run that made an artefact of the chain, and its digest."""
        full = f"{self.case}/{name}"
        for step in self.chain.steps:
            if digest := step.signed.digest_of(full):
                return step.signed, digest

        stage = name.partition("/")[0]
        verdict = self.chain.verdicts.get(stage)
        if verdict is None or verdict.content.report is None:
            return None

        # A gate's other outputs: by the run that made the verdict's file.
        report = verdict.content.report
        runs = self.log.statements(Provenance, report.name, report.sha256)

        # The same verdict may have been reached twice: the last run's outputs are those that lie
        # there.
        for signed in reversed(runs):
            if digest := signed.digest_of(full):
                return signed, digest
        return None

    def _last_run_with(self, section: str, digest: str) -> Signed[Provenance] | None:
        """Return the last run of the use case that signed for a section as it stands here."""
        own = f"{self.case}/"
        runs = [
            signed
            for signed in self.log.statements(Provenance)
            if signed.predicate.run.params_sha256.get(section) == digest
            and signed.subjects[0].name.startswith(own)
        ]
        return runs[-1] if runs else None

    def read_signed(self, name: str, digest: str) -> Any:
        """Return the JSON in a file of the use case; None where its bytes are not those signed."""
        path = self.data / name
        try:
            content = path.read_bytes()
        except OSError:
            return None

        if sha256(content).hexdigest() != digest:
            return None
        return json.loads(content)
