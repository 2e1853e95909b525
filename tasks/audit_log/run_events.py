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
    found = [
        event(
            f"stage:{run.stage}",
            actor=run.started_by,
            is_success=code == 0,
            resources=[(run.case, "use case", started)],
            detail=f"{run.stage}@{run.case}: {ends}",
        )
    ]
    sealed = [each for each in materials if each.name.endswith(SEALED_SUFFIX)]
    if sealed and claimed.get("unsealed"):
        rows = {"sha256": sealed[0].sha256, **claimed, "datasets": [each.name for each in sealed]}
        named = ", ".join(each.name for each in sealed)
        found.append(
            event(
                "sealed data:read",
                actor=run.started_by,
                activity=READ,
                kind=DATASTORE,
                resources=[(sealed[0].name, "sealed dataset", rows)],
                detail=f"{run.stage}@{run.case} read {named}",
            )
        )
    return found + _changes(run, materials, home)


def _changes(
    run: Circumstances, materials: tuple[Artefact, ...], home: Path
) -> list[dict[str, Any]]:
    """Return an event for each setting that is not as the last run of any stage read it."""
    now = {
        f"{resolved_path(run.case).as_posix()}#{key}": digest
        for key, digest in run.params_sha256.items()
    }
    now |= {each.name: each.sha256 for each in materials if each.name.startswith("configs/")}
    path = home / "audit" / KNOWN
    known: dict[str, str] = json.loads(path.read_bytes()) if path.is_file() else {}
    changed = sorted(name for name, digest in now.items() if known.get(name, digest) != digest)
    if now.items() - known.items():
        path.parent.mkdir(mode=0o700, exist_ok=True)
        draft = path.with_suffix(f".{run.invocation[:8]}")
        draft.write_bytes(canonical(known | now))
        draft.replace(path)
    return [
        event(
            "configuration:changed",
            actor=run.started_by,
            activity=UPDATE,
            resources=[(name, "configuration", {"from": known[name], "to": now[name]})],
            detail=f"{name} is not what it was in the last run",
        )
        for name in changed
    ]
