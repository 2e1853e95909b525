"""All that is held about one person, readable by people and machines.

GDPR Art. 15(1) lists what has to be said about the processing, Art. 15(3) asks for a copy of the
data, and Art. 20(1) for a structured, commonly used and machine-readable format: JSON. What was
sealed to custodians is named, and exported when two of them give their keys.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from tasks.config.cases import Columns, case_names, load_case, section
from tasks.config.resolving import field_of
from tasks.erasure.request import identify_person
from tasks.erasure.searching.discovery import SubjectRows, discover_rows, read_subject_rows
from tasks.erasure.searching.places import version_places
from tasks.errors import ConfigError
from tasks.formats.yaml_file import read_yaml
from tasks.guard.opening import open_guarded_keys
from tasks.keystore.custodians import unseal_by_two
from tasks.keystore.keys import KeyStore, SubjectKey
from tasks.keystore.shredding import restricted_envelopes, restricted_of
from tasks.notary.audit import PeopleAction, audit
from tasks.system.installation import Installation

# Of a source: who is responsible, on which legal basis, under which agreement (Art. 15(1)(g)).
SOURCE_FIELDS = ("owner", "role", "legal_basis", "agreement")
# Art. 15(1)(e) and (f) ask for them, with the right to complain.
RIGHTS = (
    "You may have what is wrong corrected (GDPR Art. 16), have it erased (Art. 17) or its use "
    "restricted (Art. 18), take it elsewhere (Art. 20), object (Art. 21), have a person look at a "
    "decision (Art. 22) and complain (Art. 77)."
)
CUSTODIANS_NEEDED = 2

NamedKey = tuple[str, X25519PrivateKey]  # a custodian's name and private key


def export_person(
    case: str,
    identifier: str,
    *,
    why: str,
    day: date,
    installation: Installation,
    custodians: Sequence[NamedKey] = (),
) -> dict[str, Any]:
    """Return everything that is held about a person in every use case and version, as JSON values.

    Each dataset's rows are given once, however many versions and copies hold them.

    Args:
        case: The use case whose rule says which spellings are one person.
        identifier: As in the subject column.
        why: The reason, for the audit.
        day: Today.
        installation: The checkout, its keys and its settings.
        custodians: Two of them, to open restricted records as well.
    """
    keys = open_guarded_keys(installation)
    # As ingestion makes them: the rows hold pseudonyms, and no identifier could be looked for.
    subjects = identify_person(identifier, case, installation).subjects
    key_ids = [key_id for subject in subjects for key_id in keys.ids_of(subject).values()]
    subject_keys = keys.by_id(key_ids)
    envelopes: dict[bytes, str] = {}
    for subject in subjects:
        envelopes |= restricted_envelopes(keys, subject)

    # Before anything is read: what cannot be recorded is not done.
    audit(
        PeopleAction.EXPORT,
        what=f"{len(subject_keys)} keys, {len(envelopes)} restricted",
        why=why,
        installation=installation,
    )
    if custodians:
        # After it was recorded, too: opening what is restricted is the graver of the two readings.
        subject_keys |= {
            key_id: _open_restricted(key_id, sealed, custodians)
            for key_id, sealed in envelopes.items()
        }

    workspace = installation.workspace
    # By keys and in every version, as an erasure finds them (Art. 15(3): a copy of all that is
    # held).
    discovery = discover_rows(version_places(workspace), list(subject_keys))
    return {
        "exported": day.isoformat(),
        "person": identifier,
        "use_cases": [
            _describe_case(case, workspace) for case in _cases_of(discovery.copies, workspace)
        ],
        "held": _read_datasets(discovery.versions(), discovery.copies, subject_keys),
        "restricted": _describe_restricted(keys, subjects),
        "rights": RIGHTS,
    }


def _cases_of(copies: Sequence[SubjectRows], workspace: Path) -> list[str]:
    """Return the use cases that hold something of the person and are still configured."""
    holding = {copy.dataset.partition("/")[0] for copy in copies}
    return [case for case in case_names(workspace) if case in holding]


def _describe_case(case: str, workspace: Path) -> dict[str, Any]:
    """Return what Art. 15(1) asks about a use case.

    Purposes (a), categories of data (b), how long it is kept (d), sources (g), and the logic
    involved in an automated decision (h).
    """
    values = load_case(case, workspace)
    columns = section(case, "columns", Columns, workspace)
    reasons_path = field_of(values, "explain.reasons.path")
    reasons = (
        read_yaml(workspace / reasons_path, reasons_path).get("reasons", []) if reasons_path else []
    )

    family = values["train"]["family"]
    return {
        "use_case": case,
        "title": values.get("title"),
        "purpose": values.get("purpose"),
        "sources": {
            name: {field: source[field] for field in SOURCE_FIELDS if field in source}
            for name, source in values["sources"].items()
        },
        "columns": {
            name: {"from": column.source, "role": column.role.value, "kind": column.kind}
            for name, column in columns.root.items()
        },
        "logic": f"A {family} model scores each application from the columns of role `feature`.",
        "reason_codes": {str(reason.get("code")): reason.get("text") for reason in reasons},
        "kept": values.get("erasure", {}).get("keep", {}),
    }


def _read_datasets(
    versions: Sequence[SubjectRows],
    copies: Sequence[SubjectRows],
    keys: dict[bytes, SubjectKey],
) -> list[dict[str, Any]]:
    """Return by dataset the person's rows, and in how many versions and copies they stand."""
    frames: dict[str, list[pd.DataFrame]] = {}
    for version in versions:
        frames.setdefault(version.dataset, []).append(read_subject_rows(version, keys))

    datasets = []
    for dataset, dataset_frames in sorted(frames.items()):
        rows = [row for frame in dataset_frames for row in _to_json_rows(frame)]
        # A row that did not change between two versions is given once.
        distinct = [row for number, row in enumerate(rows) if row not in rows[:number]]
        datasets.append(
            {
                "dataset": dataset,
                "versions": len(dataset_frames),
                "copies": sum(1 for copy in copies if copy.dataset == dataset),
                "rows": distinct,
            }
        )
    return datasets


def _to_json_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as JSON values: numbers, texts, ISO dates; missing is null."""
    return [
        {str(name): _to_json(value) for name, value in row.items()}
        for row in frame.to_dict(orient="records")
    ]


def _to_json(value: Any) -> Any:
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    # numpy's numbers are no JSON.
    return value.item() if hasattr(value, "item") else value


def _describe_restricted(keys: KeyStore, subjects: Sequence[str]) -> list[dict[str, str]]:
    """Return what is kept out of the pipelines' reach: why, since when, and until when."""
    rows = keys.tables.rows_among(
        "SELECT basis, since, review FROM restricted_keys WHERE key_id {among}",
        [key_id for subject in subjects for key_id in restricted_of(keys, subject)],
    )
    return [
        {"basis": basis, "since": since, "kept_until_or_reviewed_on": review}
        for basis, since, review in rows
    ]


def _open_restricted(key_id: bytes, sealed: str, custodians: Sequence[NamedKey]) -> SubjectKey:
    if len(custodians) != CUSTODIANS_NEEDED:
        raise ConfigError(
            "--custodian",
            expected="two of them",
            found=f"{len(custodians)}",
            remedy="Two people open it together.",
        )
    return SubjectKey(key_id + unseal_by_two(key_id, sealed, custodians))
