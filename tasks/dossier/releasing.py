"""The dossier of a release, written where its path ends: registered, refused, or stopped before.

Which artefact it is about follows from how far the release came: the model that was decided on, the
rows that nothing may be learnt from, or nothing at all where no data was admitted.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from tasks.config.cases import load_case
from tasks.dossier.governance import load_governance
from tasks.dossier.indexing import INDEX
from tasks.dossier.writing import Dossier, make_dossier, make_subject, write_dossier
from tasks.errors import PortcullisError
from tasks.formats.digests import sha256_of
from tasks.formats.zipapps import zipapp_of
from tasks.notary.notary import open_ledger, trusted_root
from tasks.path import BEFORE_TRAINING, DOSSIER, SEALING, STAGES
from tasks.system.installation import Installation
from tasks.verifier.lineage import Chain, examine
from tasks.verifier.log_reader import EVERYTHING, Log, read_log

CHECKER = "tasks.dossier.offline.__main__"
_ORDER = tuple(STAGES)
LAST = _ORDER[-1]


@dataclass(frozen=True)
class DossierTarget:
    """What a dossier is about.

    Attributes:
        artefact: The model, or the rows that training reads; empty where no data was admitted.
        sha256: Of its bytes; empty where there is none.
    """

    artefact: str = ""
    sha256: str = ""

    def examine(self, log: Log, case: str) -> Chain:
        """Return what a log says about it."""
        # Admit refused: there is no artefact that a statement could be about.
        if not self.artefact:
            return Chain(case, "", (), {}, (), ())
        if self.artefact == SEALING.product:
            return examine(log, case, self.sha256)
        # Of rows, the gates after training have nothing to judge: their silence is no broken link.
        return examine(log, case, self.sha256, target=self.artefact, gates=BEFORE_TRAINING)


def target_of(stage: str, case: str, workspace: Path) -> DossierTarget:
    """Return what the dossier of a release is about that has come as far as a stage.

    Args:
        stage: Where it ended: `register`, or the stage that refused.
        case: A use case.
        workspace: Where its `data/` lies.
    """
    # The model of an earlier release lies there still when `train` refuses: it is not this one's.
    reached = _ORDER.index(stage)
    for artefact in (SEALING.product, SEALING.made_from):
        maker = artefact.partition("/")[0]
        path = workspace / "data" / case / artefact
        if _ORDER.index(maker) < reached and path.exists():
            return DossierTarget(artefact, sha256_of(path))

    return DossierTarget()


def make_release_dossier(
    case: str,
    target: DossierTarget,
    installation: Installation,
    configuration: Path,
    profile: str | None = None,
) -> Dossier | None:
    """Return the dossier of a release; None where nothing was ever signed for here.

    Args:
        case: A use case.
        target: What it is about.
        installation: Whose ledger, and in whose workspace the data lies.
        configuration: The folder whose configuration and code are read: the release's snapshot.
        profile: What has to be answered; None for the use case's own.

    Raises:
        EvidenceError: The ledger does not verify, or something looks like personal data.
        ConfigError: The use case or a register is wrong, or a text cites law not in force.
    """
    governance = load_governance(configuration)
    name = governance.profile_of(case, profile)
    ledger = open_ledger(installation)
    try:
        # A log that was never begun has nothing to refer to.
        if ledger.head() is None:
            return None

        # The configuration of the release's snapshot, the data of the workspace: what was edited
        # since the release began is not what it ran by.
        log = read_log(ledger, trusted_root(installation), EVERYTHING)
        chain = target.examine(log, case)
        case_values = load_case(case, configuration)
        subject = make_subject(log, chain, governance, name, case_values, installation.workspace)
        return make_dossier(subject, ledger, zipapp_of(configuration, CHECKER))
    finally:
        ledger.close()


def write_release_dossier(
    case: str, stage: str, installation: Installation, configuration: Path
) -> Dossier | None:
    """Write the dossier of a release that ended at a stage into `data/<case>/dossier`.

    Raises:
        EvidenceError, ConfigError: As `make_release_dossier`; what lay there stays.
    """
    target = target_of(stage, case, installation.workspace)
    dossier = make_release_dossier(case, target, installation, configuration)
    if dossier is not None:
        write_dossier(dossier, folder_of_dossier(case, installation.workspace))
    return dossier


def renew_release_dossier(
    case: str, installation: Installation, *, is_registered: bool, is_failed: bool = False
) -> str:
    """Write it again where the one that lies here is of another model, or says otherwise.

    The worker wrote it where the path ended. Nothing is written where no stage ran, unless it was
    taken away; and what the last look found (a revoked key) is known only after it. A gate that
    failed beside others left none: now that all have ended, it moves no time of theirs.

    Args:
        case: A use case.
        installation: In whose workspace its data lies.
        is_registered: What the release came to.
        is_failed: Whether a stage broke down.

    Returns:
        Why there is none; empty where there is.
    """
    workspace = installation.workspace
    if is_dossier_current(case, workspace, is_registered=is_registered) and not is_failed:
        return ""

    try:
        write_release_dossier(case, LAST, installation, workspace)
    except PortcullisError as error:
        return f"dossier not written: {error}"

    return ""


def is_dossier_current(case: str, workspace: Path, *, is_registered: bool) -> bool:
    """Say whether the dossier that lies here is of the model that lies here, and says as much."""
    path = folder_of_dossier(case, workspace) / INDEX

    # Whatever does not read as a dossier is written again: being wrong costs a moment.
    try:
        values = json.loads(path.read_bytes())
        return bool(
            values["model"]["sha256"] == target_of(LAST, case, workspace).sha256
            and values["isRegistered"] is is_registered
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def folder_of_dossier(case: str, workspace: Path) -> Path:
    """Return where the dossier of a use case's last release lies."""
    return workspace / "data" / case / DOSSIER
