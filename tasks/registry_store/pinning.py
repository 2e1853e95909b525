"""What a server may trust of one installation, as the configuration of its store has it.

For a stack on one machine, and as a draft for an operator, who compares it with what the other side
publishes: whoever writes this file says whose evidence counts.
"""

from typing import Any

from tasks.attestation.artefacts import artefact
from tasks.attestation.keyring import origin_of
from tasks.attestation.roles import DECISION, ROOT
from tasks.attestation.signing_keys import role_signer
from tasks.clearance.configuration import POLICY
from tasks.config.cases import case_names, load_case
from tasks.errors import PortcullisError
from tasks.notary.notary import open_ledger, trusted_root
from tasks.system.installation import Installation
from tasks.verifier.log_reader import KEYS_ALONE, read_log

DECISION_SECONDS = 3600
CLOCK_SKEW_SECONDS = 5
MOST_MODEL_BYTES = 1 << 30


def pin_installation(installation: Installation, artifact_roots: list[str]) -> dict[str, Any]:
    """Return a configuration that trusts this installation's log, keys, policy and names.

    Keys are made where there are none yet, as the first release would.

    Args:
        installation: Whose.
        artifact_roots: Where the artifacts of released runs lie.

    Raises:
        EvidenceError: The ledger does not verify.
    """
    return {
        "logs": [{**_log_of(installation), "names": _names_of(installation)}],
        "policies": [artefact(installation.workspace, POLICY).sha256],
        "policy_workspace": str(installation.workspace.absolute()),
        "least_mode": "local",
        "artifact_roots": artifact_roots,
        "decision_seconds": DECISION_SECONDS,
        "clock_skew_seconds": CLOCK_SKEW_SECONDS,
        "serving_aliases": ["champion"],
        "most_model_bytes": MOST_MODEL_BYTES,
    }


def _log_of(installation: Installation) -> dict[str, Any]:
    """Return origin, root key and the keys of decisions that are valid at the log's head."""
    ledger = open_ledger(installation)
    try:
        head = ledger.head()
        if head is not None:
            log = read_log(ledger, trusted_root(installation), KEYS_ALONE)
            valid = [
                keyid
                for keyid, entry in log.keys.entries.items()
                if DECISION in entry.roles and entry.is_valid_at(head.size)
            ]
            if valid:
                root_key = next(iter(log.keys.entries))
                return {"origin": head.origin, "root_key": root_key, "decision_keys": valid}
    finally:
        ledger.close()

    # Nothing is decided yet: the keys by which the first release will sign.
    root = role_signer(ROOT, installation).public
    decision = role_signer(DECISION, installation).public

    return {
        "origin": origin_of(root),
        "root_key": root.keyid,
        "decision_keys": [decision.keyid],
    }


def _names_of(installation: Installation) -> dict[str, str]:
    """Return registered model -> use case; of two use cases with one name, the first has it."""
    names: dict[str, str] = {}
    for case in case_names(installation.workspace):
        try:
            values = load_case(case, installation.workspace)
        except PortcullisError:
            continue  # it cannot be released either

        name = (values.get("register") or {}).get("model")
        if isinstance(name, str):
            names.setdefault(name, case)
    return names
