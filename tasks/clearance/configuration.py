"""What configures this installation: policy and limits, and who else is told of the ledger."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from tasks.attestation.artefacts import artefact, declared, named, section_of
from tasks.config.case_paths import resolved_path
from tasks.formats.canonical_json import canonical
from tasks.path import WORDS
from tasks.settings import Settings

POLICY = "configs/policy"
CONFIGS = "configs/"


def limits_sha256(gate: str, case: str, workspace: Path) -> str:
    """Return the digest of a gate's limits, as a verdict has to name it."""
    limits = section_of(workspace / resolved_path(case), f"limits.{gate}")
    return sha256(canonical(limits)).hexdigest()


def configuration_now(gate: str, case: str, workspace: Path) -> dict[str, str]:
    """Return what a verdict of `gate` has to be made by, as it lies here now: name -> sha256."""
    stage = declared(gate, case, workspace)
    files = {name for name in stage.inputs if is_own_file(name) and (workspace / name).exists()}

    return {
        f"gate:{gate}": limits_sha256(gate, case, workspace),
        "policy": artefact(workspace, POLICY).sha256,
        **{f"params:{key}": digest for key, digest in judged_params(stage.params_sha256).items()},
        **{named(name): artefact(workspace, name).sha256 for name in files},
    }


def judged_params(params_sha256: Mapping[str, str]) -> dict[str, str]:
    """Return the sections that can move a verdict: all but the words that a page shows."""
    # Words move no verdict: were they compared, a corrected sentence would ask for every gate
    # again.
    return {key: digest for key, digest in params_sha256.items() if key != WORDS}


def is_own_file(name: str) -> bool:
    """Say whether an input is a file of configuration that the gate reads besides the policy."""
    return name.startswith(CONFIGS) and name != POLICY


def is_anchored(settings: Settings) -> bool:
    """Say whether a mirror, a witness or an authority is set.

    Where none is, their modules are not even imported: every stage would pay for it.
    """
    return bool(settings.mirror_url or settings.witness_url or settings.tsa_url)


def is_shipped(settings: Settings) -> bool:
    """Say whether the audit log is sent anywhere."""
    return bool(settings.syslog_address or settings.hec_url)
