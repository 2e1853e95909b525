"""A use case that is judged on one's own machine, without its stages: made in a second.

Every stage before `register` is signed for by the worker's own keys, and nothing speaks against
its registration, until an attempt begins.
"""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

from tasks.attestation.dsse import sign
from tasks.attestation.predicates.in_force import InForce, Terms
from tasks.attestation.roles import ROOT
from tasks.clearance.check import clear_model
from tasks.clearance.proposing import ProposedChanges, draft_terms
from tasks.formats.digests import sha256_of
from tasks.notary.notary import open_notary
from tests.installations import installation_at
from tests.tasks.judged import CASE

NOW = "2026-01-01T00:00:06Z"


def model_of(workspace: Path) -> str:
    """Return the digest of the model that lies there."""
    return sha256_of(workspace / "data" / CASE / "train" / "model")


def kinds(workspace: Path) -> list[str]:
    """Return why the model that lies there is not cleared; nothing where it is."""
    here = installation_at(workspace)
    return [refusal.kind for refusal in clear_model(CASE, model_of(workspace), here).refusals]


def put_in_force(workspace: Path, **changes: Any) -> None:
    """Let the root key sign that what the checkout asks for is in force, with changes."""
    here = installation_at(workspace)
    terms: Terms = replace(draft_terms(here, None, ProposedChanges()), **changes)
    with open_notary(here) as notary:
        statement = InForce(terms, "worker", "as decided", NOW).to_statement()
        notary.append_signed([sign(statement.to_bytes(), notary.signer(ROOT))])


def commit(workspace: Path) -> None:
    """Make a repository of a checkout, with everything committed."""
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    for words in (("init", "-q"), ("add", "-A"), (*who, "commit", "-qm", "x")):
        subprocess.run(["git", *words], cwd=workspace, check=True, capture_output=True)
