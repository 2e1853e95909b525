"""The stage `register`: it trusts no file, checks everything again, and publishes or refuses."""

import logging
from typing import TYPE_CHECKING

from tasks.attestation.run_context import find_commit
from tasks.clearance.check import clear_model
from tasks.errors import Refusal, RefusalKind, RefusedError
from tasks.gates import Check, Verdict
from tasks.gates.decision import Decision
from tasks.path import GATES, PUBLISHED_PAGES
from tasks.stages.register.params import RegisterParams
from tasks.stages.weighing import gather, refusals_that_stand
from tasks.stages.workspace import StageRun

if TYPE_CHECKING:
    from tasks.model import DecisionModel

logger = logging.getLogger("portcullis.register")


def run(stage_run: StageRun) -> None:
    """Register the model if, and only if, every gate passed about exactly these bytes."""
    params = stage_run.params(RegisterParams)
    decision = gather(stage_run)
    cleared = clear_model(stage_run.case, decision.model_sha256, stage_run.installation)
    written = refusals_that_stand(decision.gates, is_cleared=not cleared.refusals)

    if refusals := (*_circumstances(stage_run, decision), *written, *cleared.refusals):
        raise RefusedError(
            f"register@{stage_run.case}", refusals, remedy="Mend what failed, never the limit."
        )
    _publish(stage_run, params, decision)


def _circumstances(stage_run: StageRun, decision: Decision) -> tuple[Refusal, ...]:
    """Return why this is no moment to register, whatever the verdicts say."""
    from tasks.config.sources import Sources, lapsed, today
    from tasks.pipeline.runner import list_stale
    from tasks.stages.register.currency import find_outdated_reasons

    refusals: list[Refusal] = []

    def refuse(kind: RefusalKind, text: str) -> None:
        refusals.append(Refusal(kind, text))

    # An experiment's workspace is a copy that no commit describes.
    settings = stage_run.installation.settings
    if settings.dvc_experiment:
        refuse(
            RefusalKind.EXPERIMENT_RUNNING,
            "register: an experiment (`dvc exp run`) never registers; "
            "release from a committed workspace",
        )
    for line in list_stale("decide", stage_run.case):
        refuse(
            RefusalKind.SOURCE_CHANGED,
            f"register: {line}, so what was judged is not what lies here",
        )
    for line in lapsed(stage_run.params(Sources, "sources"), today(settings)):
        refuse(RefusalKind.AGREEMENT_LAPSED, f"register: {line}")
    for line in find_outdated_reasons(stage_run):
        refuse(RefusalKind.MODEL_STALE, f"erasure: {line}")

    written = stage_run.read_json("decide", "decision.json")
    is_about_this = written.get("model_sha256") == decision.model_sha256
    if not is_about_this or written.get("about") != decision.about:
        refuse(
            RefusalKind.DECISION_FOREIGN,
            "register: the decision that was written is about something else; run `decide` again",
        )
    return tuple(refusals)


def _publish(stage_run: StageRun, params: RegisterParams, decision: Decision) -> None:
    """Publish the model with its evidence, and leave a receipt."""
    from tasks.model import DecisionModel
    from tasks.registry import Release, publish
    from tasks.registry.describing import describe_version

    folder = stage_run.input("train", "model")
    model = DecisionModel.load(folder)
    verdicts = {gate.name: stage_run.read_verdict(gate.name) for gate in GATES}
    pages = {stage: stage_run.data / stage / "page" for stage in PUBLISHED_PAGES}
    release = Release(
        name=params.model,
        experiment=params.experiment,
        alias=params.alias,
        model_folder=folder,
        model_sha256=decision.model_sha256,
        decision_sha256=stage_run.inputs["decide/decision.json"],
        params={
            "use_case": stage_run.case,
            "limits_sha256": decision.limits_sha256,
            "family": model.scorer.family,
            "cutoff": repr(model.scorer.cutoff),
        },
        metrics=_metrics(verdicts),
        tags=_tags(stage_run, decision, model),
        documents={
            **{f"pages/{stage}": path for stage, path in pages.items() if path.is_dir()},
            **{f"evidence/{gate.name}": stage_run.data / gate.verdict for gate in GATES},
            "evidence/decide": stage_run.input("decide", "decision.json"),
        },
        description=describe_version(model, params.model, params.alias),
    )

    published = publish(release, stage_run.installation)
    stage_run.write_report(published.receipt, "receipt.json")

    event = "registered" if published.is_new else "was registered already"
    logger.info(
        "%s version %s %s in %s as `%s`",
        params.model,
        published.version,
        event,
        published.registry,
        params.alias,
    )


def _metrics(verdicts: dict[str, Verdict]) -> dict[str, float]:
    """Return metric -> value; what was not measured is no metric, for MLflow knows numbers only."""
    return {
        _metric(check): check.value
        for verdict in verdicts.values()
        for check in verdict.checks
        if check.value is not None
    }


def _metric(check: Check) -> str:
    """Return the registry's name of a check: `fairness.disparate_impact_ratio/sex/female`."""
    return "/".join((check.id, *(str(value) for value in check.about.to_dict().values())))


def _tags(stage_run: StageRun, decision: Decision, model: "DecisionModel") -> dict[str, str]:
    """Return what leads from the registry back to here: commit, digests of the data, outcomes."""
    from tasks.registry.client import CODE_TAG, REASONS_TAG, TRAINED_ON_TAG
    from tasks.stages.register.currency import read_training_code

    commit = find_commit(stage_run.workspace)
    data = {
        f"portcullis.data.{name}": digest
        for name, digest in decision.about.items()
        if name.endswith("rows.parquet")
    }
    return {
        CODE_TAG: model.contract.code_sha256,
        REASONS_TAG: model.reasons.version,
        TRAINED_ON_TAG: read_training_code(stage_run),
        "portcullis.use_case": stage_run.case,
        "portcullis.git_commit": commit.sha or "no git",
        "portcullis.git_dirty": str(bool(commit.dirty)).lower(),
        **{f"portcullis.gate.{gate.gate}": gate.outcome.value for gate in decision.gates},
        **data,
    }
