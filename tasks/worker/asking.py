"""What the ledger, the policy and DVC say before a stage begins, and how the stage is told.

The stage unites these refusals with its own, so that people see everything at once. It is asked for
nothing in return: what it lets through, the worker refuses by itself (`attest_stage.attest`).
"""

import json
from dataclasses import replace
from pathlib import Path

from tasks.errors import DataError, Refusal, RefusalKind
from tasks.formats.digests import sha256_of
from tasks.keystore.known_stores import KNOWN, KnownStores
from tasks.path import STAGES
from tasks.system.installation import Installation
from tasks.worker.mandate import Mandate
from tasks.worker.run_folder import RunFolder

CLEARED = ("train", "register")
TRAINED_ON = STAGES["train"].made_from


def ask_before(
    stage: str, case: str, run: RunFolder, snapshot: Path, installation: Installation
) -> tuple[Refusal, ...] | None:
    """Return why a stage may not do its work, as far as its code has no say in that.

    None for stages that nobody has to clear.
    """
    if stage not in CLEARED:
        return None
    # Late: of all stages two alone ask, and what asks the policy is slow to import.
    from tasks.clearance.check import clear_model, clear_training

    # The policy and the limits are those of the snapshot: the stage is judged by what it gets.
    frozen = replace(installation, workspace=snapshot)
    mode = Mandate.of(installation).mode

    # The last look at what is installed may stand in for another one: this only spares a stage work
    # in vain. What opens the registry looks anew (`attest_stage`), and so does the release's end.
    if stage == "train":
        rows = _digest(run, case, TRAINED_ON)
        return clear_training(case, rows, frozen, mode=mode, may_recall=True).refusals
    model = _digest(run, case, STAGES["train"].product)
    # Of the checkout, not of the snapshot: DVC compares what lies in `data/` with its lock.
    stale = find_stale(case, installation)
    cleared = clear_model(case, model, frozen, mode=mode, may_recall=True)
    return (*stale, *cleared.refusals)


def find_stale(case: str, installation: Installation) -> tuple[Refusal, ...]:
    """Return why what lies in the workspace is not what was judged, as DVC sees it."""
    from tasks.pipeline.runner import list_stale

    refusals = []
    # An experiment's workspace is a copy that no commit describes.
    if installation.settings.dvc_experiment:
        text = (
            "register: an experiment (`dvc exp run`) never registers; "
            "release from a committed workspace"
        )
        refusals.append(Refusal(RefusalKind.EXPERIMENT_RUNNING, text))
    try:
        lines = list_stale("decide", case)
    except OSError as error:
        # Something was taken away between DVC's look at a folder and at its files.
        lines = (f"DVC could not look at it ({type(error).__name__}): somebody else writes there",)
    for line in lines:
        text = f"register: {line}, so what was judged is not what lies here"
        refusals.append(Refusal(RefusalKind.SOURCE_CHANGED, text))
    return tuple(refusals)


def write_clearance(run: RunFolder, refusals: tuple[Refusal, ...] | None) -> None:
    """Tell the stage, by a file in its run folder, unless there is nothing to tell."""
    if refusals is None:
        return
    from tasks.stages.workspace import CLEARANCE  # late: it brings pydantic

    values = [refusal.to_dict() for refusal in refusals]
    (run.path / CLEARANCE).write_text(json.dumps(values), encoding="utf-8")


def write_known_stores(run: RunFolder, known: KnownStores) -> None:
    """Tell the stage which key store the ledger has seen: it refuses an older one, or another."""
    (run.path / KNOWN).write_text(json.dumps(known.to_dict()), encoding="utf-8")


def _digest(run: RunFolder, case: str, artefact: str) -> str:
    path = run.path / "data" / case / artefact
    if not path.exists():
        raise DataError(
            f"data/{case}/{artefact}",
            expected=f"an output of stage `{artefact.partition('/')[0]}`",
            found="nothing",
            remedy=f"Run `./portcullis release {case}`, which makes it.",
        )
    return sha256_of(path)
