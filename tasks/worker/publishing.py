"""Publish a model whose decision is signed: the worker alone holds the registry's credentials.

Everything that is published is read here again, from the bytes that were decided on, and weighed
again: of the stage `register` nothing is taken over but that it did not refuse.
"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tasks.attestation.predicates.circumstances import Circumstances
from tasks.attestation.statement import Artefact
from tasks.clearance.bundle_writer import bundle_of
from tasks.errors import EvidenceError, RefusedError
from tasks.formats.archives import archive
from tasks.gates.decision import Decision
from tasks.notary.attempts import AttemptNotes, note_attempts
from tasks.notary.notary import Recorded
from tasks.path import GATES, PUBLISHED_PAGES
from tasks.registry.carding import (
    describe_training_data,
    list_unmeasured,
    make_card,
    name_metrics,
    name_words,
    render_release,
    training_parameters,
)
from tasks.stages.register.params import RegisterParams
from tasks.stages.weighing import gather, refusals_that_stand
from tasks.stages.workspace import StageRun
from tasks.system.installation import Installation
from tasks.worker.run_folder import RunFolder

if TYPE_CHECKING:
    from tasks.dossier.writing import Dossier
    from tasks.model import DecisionModel
    from tasks.registry import Publication, Published

RECEIPT = "receipt.json"
UNMEASURED_TAG = "portcullis.not_measured"
DOSSIER = "dossier"  # the folder of the run that holds it, packed with all that checks it
DOSSIER_TAG = "portcullis.dossier_sha256"  # of its `dossier.json`, which names all other digests


def publish_model(
    model: Artefact,
    run: RunFolder,
    circumstances: Circumstances,
    decided: Recorded,
    installation: Installation,
    dossier: "Dossier | None" = None,
) -> "Published":
    """Publish the model that was decided on, and write its receipt into the run folder.

    Args:
        model: The model that was decided on, as the worker has digested it.
        run: The run folder of `register`.
        circumstances: Those of the run: the version names its commit.
        decided: Where the decision PASSED stands in the ledger.
        installation: Whose registry.
        dossier: What was written about the model, as of its decision; None where it was not.

    Raises:
        RefusedError: Weighed again, a verdict does not let it pass.
        ServiceError: The registry does not answer.
        EvidenceError: What lies there, or what the registry stored, is not what was decided on.
    """
    from tasks.registry import publish

    case = run.declared.case
    stage_run = StageRun("register", case, replace(installation, workspace=run.path))
    decision = gather(stage_run)
    # Between the decision and this line somebody may have exchanged everything at once, for files
    # that agree with each other.
    if decision.model_sha256 != model.sha256:
        raise EvidenceError(
            model.name,
            expected=f"the model that was decided on ({model.sha256[:12]}…)",
            found=f"{decision.model_sha256[:12]}…",
            remedy="Nothing was published: run the release again with nothing else writing.",
        )
    # Undecided checks that somebody accepted are let through here, as the decision that is signed
    # has asked for them; a failed check never is.
    if refusals := refusals_that_stand(decision.gates, is_cleared=True):
        raise RefusedError(
            f"register@{case}", refusals, remedy="Mend what failed, never the limit."
        )

    # After the decision was appended: the list of attempts that is published has this one as
    # decided.
    notes = note_attempts(case, model.sha256, installation)
    release = _release(stage_run, decision, circumstances, decided, notes, _standing(dossier))
    # Nothing but the receipt is written into the run folder: the page is of the registry alone.
    with TemporaryDirectory() as scratch:
        page = Path(scratch) / "index.html"
        verdicts = {gate.name: stage_run.read_verdict(gate.name) for gate in GATES}
        page.write_text(render_release(stage_run, verdicts, decided, notes), encoding="utf-8")
        documents = {**release.documents, "report": page}
        tags = release.tags
        if dossier is not None:
            packed = Path(scratch) / f"{DOSSIER}.zip"
            packed.write_bytes(archive(dossier.files))
            documents[DOSSIER] = packed
            tags = {**tags, DOSSIER_TAG: dossier.sha256}
        # The log as it stands now, with the decision: whoever has the run can verify it offline.
        clearance = bundle_of(
            case,
            model.sha256,
            installation,
            leaves_house=bool(installation.settings.tracking_uri),
        )
        complete = {"documents": documents, "clearance": clearance, "tags": tags}
        published = publish(release.model_copy(update=complete), installation)
    stage_run.write_report(published.receipt, RECEIPT)
    return published


def _release(
    stage_run: StageRun,
    decision: Decision,
    circumstances: Circumstances,
    decided: Recorded,
    notes: AttemptNotes,
    dossier: str,
) -> "Publication":
    from tasks.model import DecisionModel
    from tasks.registry import Publication
    from tasks.registry.client import TRAINING
    from tasks.registry.describing import describe_version

    params = stage_run.params(RegisterParams)
    folder = stage_run.input("train", "model")
    decision_path = stage_run.input("decide", "decision.json")
    model = DecisionModel.load(folder)
    verdicts = {gate.name: stage_run.read_verdict(gate.name) for gate in GATES}
    pages = {stage: stage_run.data / stage / "page" for stage in PUBLISHED_PAGES}

    return Publication(
        name=params.model,
        experiment=params.experiment,
        alias=params.alias,
        use_case=stage_run.case,
        log_origin=decided.origin,
        log_entry=decided.index,
        model_folder=folder,
        model_sha256=decision.model_sha256,
        decision_sha256=stage_run.inputs["decide/decision.json"],
        params={
            "use_case": stage_run.case,
            "limits_sha256": decision.limits_sha256,
            "family": model.scorer.family,
            "cutoff": repr(model.scorer.cutoff),
            **training_parameters(stage_run.case_values),
            **name_words(stage_run.words),
        },
        metrics=name_metrics(verdicts),
        tags=_tags(stage_run, decision, model, circumstances)
        | _tags_of_attempts(notes)
        | {UNMEASURED_TAG: list_unmeasured(verdicts)},
        trained_on=describe_training_data(stage_run, decision.about),
        documents={
            # Laid out as in `data/`, so that the links of the pages hold.
            **{f"{stage}/page": path for stage, path in pages.items() if path.is_dir()},
            **{f"evidence/{gate.name}": stage_run.data / gate.verdict for gate in GATES},
            "evidence/decide": decision_path,
            # By which whoever loads it later counts who was erased since.
            TRAINING: stage_run.input("train", "report.json"),
        },
        description=describe_version(
            model,
            params.model,
            params.alias,
            (notes.summary, *notes.lines),
            make_card(stage_run, verdicts, decided, dossier),
            stage_run.words,
        ),
    )


def _standing(dossier: "Dossier | None") -> str:
    """Return how much of a dossier is answered, and its digest, for the model's description."""
    if dossier is None:
        return ""
    return f"{dossier.subject.readiness.text}; dossier.json sha256:{dossier.sha256}"


def _tags_of_attempts(notes: AttemptNotes) -> dict[str, str]:
    from tasks.registry.client import ATTEMPTS_TAG, PLAN_TAG

    return {PLAN_TAG: notes.plan_sha256, ATTEMPTS_TAG: notes.summary}


def _tags(
    stage_run: StageRun,
    decision: Decision,
    model: "DecisionModel",
    circumstances: Circumstances,
) -> dict[str, str]:
    """Return what leads from the registry back to here: commit, digests of the data, outcomes."""
    from tasks.registry.client import CODE_TAG, REASONS_TAG, TRAINED_ON_TAG
    from tasks.stages.register.currency import read_training_code

    data = {
        f"portcullis.data.{name}": digest
        for name, digest in decision.about.items()
        if name.endswith("rows.parquet")
    }
    return {
        CODE_TAG: model.contract.code_sha256,
        REASONS_TAG: model.reasons.version,
        TRAINED_ON_TAG: read_training_code(stage_run),
        "portcullis.git_commit": circumstances.commit or "no git",
        "portcullis.git_dirty": str(bool(circumstances.dirty)).lower(),
        **{f"portcullis.gate.{gate.gate}": gate.outcome.value for gate in decision.gates},
        **data,
    }
