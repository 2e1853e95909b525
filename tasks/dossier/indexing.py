"""Write `dossier.json`: the dossier for programs, with every claim and the digest of every file."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from tasks.dossier.answering import WeighedRequirement
from tasks.dossier.claims import AnswerStanding
from tasks.dossier.content import DossierPage
from tasks.dossier.subject import DossierSubject

INDEX = "dossier.json"
FORMAT_NAME = "portcullis-dossier/v1"


def index_bytes(
    subject: DossierSubject, pages: tuple[DossierPage, ...], files: Mapping[str, bytes]
) -> bytes:
    """Return the dossier for programs: readiness, requirements, every claim with its references.

    It names the digests of the other files, and of the registers that no statement signs for.
    """
    evidence = subject.evidence
    head = evidence.log.head
    readiness = subject.readiness

    values = {
        "format": FORMAT_NAME,
        "useCase": subject.case,
        "profile": subject.profile,
        "day": evidence.day,
        "model": {"sha256": evidence.chain.model_sha256},
        "isRegistered": evidence.is_let_in,
        "log": {"origin": head.origin, "size": head.size, "root": head.root_hash.hex()},
        "readiness": {
            "answered": readiness.answered,
            "required": readiness.required,
            "ratio": readiness.ratio,
        },
        "requirements": [_requirement_values(row) for row in subject.weighed],
        # No statement signs for the registers: by their digests a reader sees whether two dossiers
        # were asked the same questions.
        "governance": subject.governance.digests,
        # Not the bundle, which is verified by itself.
        "files": {name: sha256(content).hexdigest() for name, content in files.items()},
        "pages": {page.name: _claims_of(page) for page in pages},
    }
    return json_bytes(values)


def _requirement_values(row: WeighedRequirement) -> dict[str, Any]:
    return {
        "id": row.requirement.id,
        "law": row.requirement.law,
        "kind": row.requirement.kind,
        "standing": str(row.standing),
        "isAhead": row.is_ahead,
        "owner": row.requirement.owner,
    }


def json_bytes(values: Mapping[str, Any]) -> bytes:
    """Return values as JSON that people can read, in one order: the same values, the same bytes."""
    return (json.dumps(values, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _claims_of(page: DossierPage) -> list[dict[str, Any]]:
    """Return every answer of a page, and every box of a diagram that evidence stands behind."""
    rows = [
        {
            "labels": list(row.labels),
            "figures": list(row.figures),
            "standing": str(row.answer.standing),
            "text": row.answer.text,
            "references": [reference.to_dict() for reference in row.answer.references],
        }
        for row in page.answered_rows()
    ]

    # A box of a diagram claims as a row does: whoever checks the folder checks it the same way.
    boxes = [
        {
            "labels": [node.name],
            "figures": [],
            "standing": str(AnswerStanding.ANSWERED),
            "text": "; ".join(node.lines),
            "references": [node.reference.to_dict()],
        }
        for node in page.known_nodes()
        if node.reference
    ]
    return [*rows, *boxes]
