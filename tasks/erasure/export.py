"""All that is held about one person, readable by people and machines: GDPR Art. 15 and 20.

What was sealed to custodians is told of, and exported when two of them give their keys.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tasks.config.cases import Columns, case_names, load_case, section
from tasks.config.resolving import field_of
from tasks.erasure.searching.places_here import versions
from tasks.erasure.survey import Holding, read_holding, survey
from tasks.errors import ConfigError
from tasks.keystore.custody import unseal_by_two
from tasks.keystore.keys import KeyStore, SubjectKey, open_keys
from tasks.keystore.pseudonyms import pseudonym
from tasks.keystore.shredding import restricted_envelopes
from tasks.notary.audit import audit
from tasks.system.installation import Installation
from tasks.system.yaml_file import read_yaml

TOLD = ("owner", "role", "legal_basis", "agreement")
RIGHTS = (
    "You may have what is wrong corrected (GDPR Art. 16), have it erased (Art. 17) or its use restricted (Art. 18), "
    "take it elsewhere (Art. 20), object (Art. 21), have a person look at a decision (Art. 22) and complain (Art. 77)."
)


def export_person(
    identifier: str,
    *,
    why: str,
    day: date,
    installation: Installation,
    custodians: Sequence[tuple[str, X25519PrivateKey]] = (),
) -> dict[str, Any]:
    """Return everything that is held about a person in every use case and version, as JSON values.

    Each dataset's rows are given once, however many versions and copies hold them.
    """
    keys = open_keys(installation)
    subject = pseudonym(installation.secret("pseudonym"), identifier)
    known = keys.by_id(keys.ids_of(subject).values())
    envelopes = restricted_envelopes(keys, subject)
    audit(
        "export",
        what=f"{len(known)} keys, {len(envelopes)} restricted",
        why=why,
        installation=installation,
    )
    if custodians:
        known |= {
            key_id: _opened(key_id, sealed, custodians) for key_id, sealed in envelopes.items()
        }
    found = survey(versions(installation.workspace), list(known))
    return {
        "exported": day.isoformat(),
        "person": identifier,
        "use_cases": [
            _use_case(case, installation.workspace)
            for case in _cases(found.holdings, installation.workspace)
        ],
        "held": _held(found.versions(), found.holdings, known),
        "restricted": _restricted(keys, subject),
        "rights": RIGHTS,
    }


def _cases(holdings: Sequence[Holding], workspace: Path) -> list[str]:
    """Return the use cases that hold something of the person and are still configured."""
    held = {holding.dataset.partition("/")[0] for holding in holdings}
    return [case for case in case_names(workspace) if case in held]


def _use_case(case: str, workspace: Path) -> dict[str, Any]:
    """Return what Art. 15(1) asks about a use case: purposes, sources, recipients, terms, and the logic involved."""
    values = load_case(case, workspace)
    reasons = field_of(values, "explain.reasons.path")
    texts = read_yaml(workspace / reasons, reasons).get("reasons", []) if reasons else []
    columns = section(case, "columns", Columns, workspace)
    return {
        "use_case": case,
        "title": values.get("title"),
        "purpose": values.get("purpose"),
        "sources": {
            name: {key: source[key] for key in TOLD if key in source}
            for name, source in values["sources"].items()
        },
        "columns": {
            name: {"from": column.source, "role": column.role.value, "kind": column.kind}
            for name, column in columns.root.items()
        },
        "logic": f"A {values['train']['family']} model scores each application from the columns of role `feature`.",
        "reason_codes": {str(one.get("code")): one.get("text") for one in texts},
        "kept": values.get("erasure", {}).get("keep", {}),
    }


def _held(
    each: Sequence[Holding], copies: Sequence[Holding], keys: dict[bytes, SubjectKey]
) -> list[dict[str, Any]]:
    """Return, by dataset, the person's rows without repetition, and in how many versions and copies they stand."""
    frames: dict[str, list[pd.DataFrame]] = {}
    for holding in each:
        frames.setdefault(holding.dataset, []).append(read_holding(holding, keys))
    found = []
    for dataset in sorted(frames):
        rows = [row for frame in frames[dataset] for row in _rows(frame)]
        distinct = [row for place, row in enumerate(rows) if row not in rows[:place]]
        found.append(
            {
                "dataset": dataset,
                "versions": len(frames[dataset]),
                "copies": sum(1 for holding in copies if holding.dataset == dataset),
                "rows": distinct,
            }
        )
    return found


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as JSON values: numbers, texts, ISO dates; missing is null."""
    rows = []
    for row in frame.to_dict(orient="records"):
        values = {str(name): None if pd.isna(value) else value for name, value in row.items()}
        rows.append({name: _plain(value) for name, value in values.items()})
    return rows


def _plain(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else value


def _restricted(keys: KeyStore, subject: str) -> list[dict[str, str]]:
    from tasks.keystore.shredding import restricted_of

    wanted = list(restricted_of(keys, subject))
    rows = keys.shelf.among(
        "SELECT basis, since, review FROM restricted_keys WHERE key_id {among}", wanted
    )
    return [
        {"basis": basis, "since": since, "kept_until_or_reviewed_on": review}
        for basis, since, review in rows
    ]


def _opened(
    key_id: bytes, sealed: str, custodians: Sequence[tuple[str, X25519PrivateKey]]
) -> SubjectKey:
    if len(custodians) != 2:
        raise ConfigError(
            "--custodian",
            expected="two of them",
            found=f"{len(custodians)}",
            remedy="Two people open it together.",
        )
    key = unseal_by_two(key_id, sealed, custodians)
    return SubjectKey(key_id, AESGCM(key[:32]), key[32:])
