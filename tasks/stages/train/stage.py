"""The stage `train`: refuses behind a closed gate; else trains, reports and judges."""

import logging
from pathlib import Path

from tasks.adverse_action.params import BackgroundParams
from tasks.adverse_action.reason_map import load_reason_map
from tasks.config.case_files import CaseFile
from tasks.config.cases import Role, validated_file
from tasks.config.sources import Sources, lapsed, today
from tasks.errors import Refusal, RefusalKind, RefusedError
from tasks.formats.digests import sha256_of
from tasks.gates import digest_of
from tasks.gates.decision import weigh_gate
from tasks.learning.leaks import measure_leaks
from tasks.learning.performance import roc_points
from tasks.learning.training import features_of, prepare, train_prepared
from tasks.model import save_refits
from tasks.model.contract import judged_columns
from tasks.path import BEFORE_TRAINING, STAGES
from tasks.stages.train.completing import complete_model
from tasks.stages.train.judging import judge_model
from tasks.stages.train.measuring import measure_model
from tasks.stages.train.pages import write_performance_page
from tasks.stages.train.params import Champion, TrainLimits, TrainParams
from tasks.stages.weighing import refusals_that_stand
from tasks.stages.workspace import StageRun
from tasks.under_way import under_way

JUDGED = STAGES["train"].judges
SHOWN = frozenset(STAGES["train"].reads)

logger = logging.getLogger("portcullis.train")


def run(stage_run: StageRun) -> None:
    """Train the model of a use case and judge how good it is.

    Raises:
        RefusedError: A gate that guards training has not passed, or an agreement has lapsed.
        ConfigError: The parameters do not fit to the columns.
        DataError: The labels are incomplete, or there are too few rows to learn from.
    """
    params = stage_run.params(TrainParams)
    limits = stage_run.limits(TrainLimits)
    reason_map = stage_run.params(CaseFile, "explain.reasons")
    background = stage_run.params(BackgroundParams, "explain.background")
    # Before the rows are unsealed: what may not be learnt from need not be read.
    _refuse_behind_closed_gate(stage_run)

    features = features_of(stage_run.columns, params)
    reasons = load_reason_map(reason_map.path_in(stage_run.workspace), features)

    # Features that are left out are not even unsealed.
    needed = (*features, *stage_run.columns.named(Role.PROTECTED, Role.TARGET))
    rows = stage_run.read_rows("redact", columns=("subject", "person", *needed))
    # Before training: a use case that cannot be certified on its rows is told so, and trains.
    for line in stage_run.foretell(stage_run, rows):
        logger.info(line)
    # A fit takes this machine's cores by itself: further processes of it would only share them.
    several = stage_run.engine if stage_run.engine_params.root.kind == "dask" else None
    is_challenged = params.family != "logistic"
    protected = stage_run.columns.named(Role.PROTECTED)

    # All that is asked of features as they came is asked before the fits, so that they are held
    # but once meanwhile: as inputs.
    prepared = prepare(rows, stage_run.columns, params)
    with under_way("looking for leaks"):
        leaks = measure_leaks(rows[list(prepared.features)], prepared.data.labels, prepared.persons)
    judged = judged_columns(prepared.data.inputs, rows)
    rows = rows[["person", *protected]]

    trained = train_prepared(prepared, params, several, is_challenged=is_challenged)
    model = complete_model(prepared.data.matrix, judged, trained, reasons, background)

    predictions = trained.predictions
    labels = predictions["actual"].to_numpy(float)
    scores = predictions["oof_score"].to_numpy(float)
    with under_way("measuring the model"):
        report = measure_model(rows, trained, leaks, protected, params)
    del prepared
    # Read last: the figures that a model is compared with cannot have steered its training.
    champion_auc = _champion_auc(params, stage_run.workspace)
    checks = judge_model(report, champion_auc, limits)

    # Everything is written, also of a model that fails: `register` refuses by the verdict, and
    # people see why by the page.
    with stage_run.folder_of("model") as folder:
        model.save(folder)
    with stage_run.folder_of("refits") as folder:
        save_refits(folder, trained.refits)
    stage_run.write_rows(predictions, "predictions")
    with stage_run.folder_of("page") as page:
        write_performance_page(
            page,
            stage_run.case,
            report,
            checks,
            scores,
            labels,
            trained.scorer.cutoff,
            stage_run.words,
        )
    stage_run.write_report(
        {
            "limits_sha256": digest_of(stage_run.case_values["limits"]),
            "features": list(trained.scorer.features),
            "left_out": params.left_out,
            "cutoff": trained.scorer.cutoff,
            "rows": {
                "unsealed": stage_run.rows_unsealed,
                "shredded": stage_run.rows_shredded,
                "people_shredded": stage_run.people_shredded,
            },
            "parts": predictions["part"].value_counts().sort_index().to_dict(),
            **report.model_dump(mode="json"),
        }
    )
    # In a file of its own, for `dvc plots`. Rounded: the points are quantiles of people's scores.
    points = [
        {"false_positive_rate": round(false_rate, 6), "true_positive_rate": round(true_rate, 6)}
        for false_rate, true_rate in roc_points(scores, labels)
    ]
    stage_run.write_report({"roc": points}, "roc.json")

    verdict = stage_run.write_verdict(checks, about=JUDGED)
    logger.info("%d rows unsealed, %d shredded", stage_run.rows_unsealed, stage_run.rows_shredded)
    logger.info(
        "AUC %.3f, %d features: %s",
        report.performance.auc,
        len(trained.scorer.features),
        verdict.outcome.value,
    )


def _refuse_behind_closed_gate(stage_run: StageRun) -> None:
    """Stop unless agreements are in force and every gate that guards training has passed.

    Each verdict is weighed by the digests of the artefacts that lie there now: a verdict about
    other rows clears nothing. Rows from before redaction are not shown to this stage: whether they
    are those that were judged is among what the ledger was asked. All refusals are collected, so
    that people see everything at once.
    """
    limits = stage_run.case_values["limits"]
    day = today(stage_run.installation.settings)
    # 1. The agreements of the sources, by today's date: a verdict of last month does not know that
    # one has lapsed since.
    lapses = lapsed(stage_run.params(Sources, "sources"), day)
    refusals = [Refusal(RefusalKind.AGREEMENT_LAPSED, f"agreements: {line}") for line in lapses]

    # 2. What the ledger says of the lineage of these rows: the worker has asked before this stage
    # began.
    stage_run.input("redact", "rows.parquet")
    refusals += stage_run.clearance

    # 3. What each verdict says itself, of the bytes that lie here. Both are asked: a verdict that
    # somebody edits has no statement, and a statement about other bytes clears nothing.
    for gate in BEFORE_TRAINING:
        verdict = stage_run.read_verdict(gate)
        artefacts = {
            name: sha256_of(stage_run.data / name) if name in SHOWN else digest
            for name, digest in verdict.about.items()
            if name not in SHOWN or (stage_run.data / name).exists()
        }
        result = weigh_gate(
            gate,
            verdict,
            use_case=stage_run.case,
            artefacts=artefacts,
            limits_sha256=digest_of(limits.get(gate)),
        )
        refusals += refusals_that_stand((result,), is_cleared=not stage_run.clearance)

    if refusals:
        raise RefusedError(
            f"train@{stage_run.case}", tuple(refusals), remedy="Mend what failed, never the limit."
        )


def _champion_auc(params: TrainParams, workspace: Path) -> float | None:
    """Return the accepted model's AUC, or None where the use case declares that there is none yet.

    A declared champion that is gone, or that is not the one whose digest the section holds, has
    stopped the stage before: `load_case` refuses.
    """
    if isinstance(params.champion, str):
        return None

    return validated_file(
        Champion,
        params.champion.path_in(workspace),
        expected="the accepted model's figures",
        remedy="Restore it from git.",
    ).auc
