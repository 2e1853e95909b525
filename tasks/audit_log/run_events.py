"""What happened in one run, as audit events.

Who started what, read which sealed data, changed what.
"""

import json
from pathlib import Path
from typing import Any

from tasks.attestation.predicates.circumstances import Circumstances
from tasks.attestation.statement import Artefact
from tasks.audit_log.events import DATASTORE, READ, UPDATE, event
from tasks.config.case_paths import resolved_path
from tasks.formats.canonical_json import canonical
from tasks.formats.whole_file import write_whole

SEALED_SUFFIX = ".parquet"
KNOWN = "configuration.json"


def events_of(
    run: Circumstances,
    materials: tuple[Artefact, ...],
    claimed: dict[str, int],
    code: int,
    home: Path,
) -> list[dict[str, Any]]:
    """Return the events of a run that ended with an exit code."""
    ends = {0: "done", 3: "refused by a gate"}.get(code, f"failed with exit {code}")
    started = {"started": run.started, "invocation": run.invocation, "commit": run.commit}

    events = [
        event(
            f"stage:{run.stage}",
            actor=run.started_by,
            is_success=code == 0,
            resources=[(run.case, "use case", started)],
            detail=f"{run.stage}@{run.case}: {ends}",
        )
    ]

    sealed = [material for material in materials if material.name.endswith(SEALED_SUFFIX)]
    # The count is the stage's own word: what a process unseals cannot be seen from outside of it.
    if sealed and claimed.get("unsealed"):
        rows = {
            "sha256": sealed[0].sha256,
            **claimed,
            "datasets": [material.name for material in sealed],
        }
        named = ", ".join(material.name for material in sealed)

        events.append(
            event(
                "sealed data:read",
                actor=run.started_by,
                activity=READ,
                kind=DATASTORE,
                resources=[(sealed[0].name, "sealed dataset", rows)],
                detail=f"{run.stage}@{run.case} read {named}",
            )
        )

    return events + _changes(run, materials, home)


def _changes(
    run: Circumstances, materials: tuple[Artefact, ...], home: Path
) -> list[dict[str, Any]]:
    """Return an event for each setting that is not as the last run of any stage read it."""
    present = {
        f"{resolved_path(run.case).as_posix()}#{key}": digest
        for key, digest in run.params_sha256.items()
    }
    present |= {
        material.name: material.sha256
        for material in materials
        if material.name.startswith("configs/")
    }

    path = home / "audit" / KNOWN
    known: dict[str, str] = json.loads(path.read_bytes()) if path.is_file() else {}
    changed = sorted(name for name, digest in present.items() if known.get(name, digest) != digest)

    if present.items() - known.items():
        # Whole: another run that reads it meanwhile reads the one or the other.
        path.parent.mkdir(mode=0o700, exist_ok=True)
        write_whole(path, canonical(known | present))

    return [
        event(
            "configuration:changed",
            actor=run.started_by,
            activity=UPDATE,
            resources=[(name, "configuration", {"from": known[name], "to": present[name]})],
            detail=f"{name} is not what it was in the last run",
        )
        for name in changed
    ]
