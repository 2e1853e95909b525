"""The golden files: what one fixed piece of evidence comes to, in every format for machines.

Renew them after a change that is meant: `.venv/bin/python -m tests.tasks.dossier.golden`, then read
the difference. Keys are derived from the names of their roles and the registers are small, so the
bytes change with the code of the formats and with nothing else.
"""

import tempfile
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tasks.attestation.roles import ROLES
from tasks.dossier.composing import compose_dossier
from tasks.dossier.governance import DossierProfile, Governance
from tasks.dossier.indexing import INDEX, index_bytes
from tasks.dossier.writing import machine_files
from tasks.formats.pem import private_pem
from tests.tasks.dossier.making import DECLARED, GOVERNANCE, SmallDossier

FOLDER = Path(__file__).parent / "golden"
PROFILE = "small"
# One of each other way to be answered and to be owed.
REQUIREMENTS = ("AIV-4", "GDP-28", "GDP-32", "MRM-1", "MRM-3", "MRM-5")
THREATS = ("substitution", "extraction")


def small_governance() -> Governance:
    """Return registers of a few rows of the shipped ones, in words that change with nothing."""
    asked = [row for row in GOVERNANCE.requirements if row.id in REQUIREMENTS]
    requirements = tuple(
        row.model_copy(update={"part": "frameworks", "law": "a-law", "text": f"What {row.id} asks"})
        for row in asked
    )
    law = next(iter(GOVERNANCE.law.values())).model_copy(
        update={"id": "a-law", "valid_from": None, "valid_to": None, "cited_as": ()}
    )
    return Governance(
        law={"a-law": law},
        requirements=requirements,
        profiles={PROFILE: DossierProfile(title="A small one", parts=("frameworks",))},
        threats=tuple(row for row in GOVERNANCE.threats if row.id in THREATS),
        default=PROFILE,
        cases={},
        digests={"configs/governance/law.yaml": "e" * 64},
    )


def golden_files(folder: Path) -> dict[str, bytes]:
    """Return the files of the fixed evidence, by name; a ledger is made in `folder`."""
    for role in ROLES:
        path = folder / f"{role}.pem"
        path.write_bytes(private_pem(Ed25519PrivateKey.from_private_bytes(_seed(role))))
        path.chmod(0o600)
    small = SmallDossier(folder, sections=DECLARED)
    subject = small.subject(profile=PROFILE, governance=small_governance())
    files = machine_files(subject)
    # The index names the digests of these files alone: pages change with their look.
    index = index_bytes(subject, compose_dossier(subject), files)
    return {**files, INDEX: index}


def _seed(role: str) -> bytes:
    return sha256(f"golden {role}".encode()).digest()


def main() -> None:
    """Write the files anew."""
    with tempfile.TemporaryDirectory() as folder:
        files = golden_files(Path(folder))
    FOLDER.mkdir(exist_ok=True)
    for name, content in files.items():
        (FOLDER / name).write_bytes(content)


if __name__ == "__main__":
    main()
