"""The stage `train`: refuses behind a shut gate; else trains, reports and judges."""

import json
import logging
from pathlib import Path

from tasks.clearance.check import clear_training
from tasks.config.cases import CONFIGS, Role, load_case
from tasks.config.sources import Sources, lapsed
from tasks.errors import RefusedError
from tasks.gates import digest_of
from tasks.gates.decision import weigh_gate
from tasks.model import save_refits
from tasks.path import BEFORE_TRAINING
from tasks.stages.train.pages import write_performance_page
from tasks.stages.train.params import TrainLimits, TrainParams
from tasks.stages.train.performance import judge_performance, measure, roc
from tasks.stages.train.training import train
from tasks.stages.weighing import refusals_that_stand
from tasks.stages.workspace import Work
from tasks.system.digests import sha256_of

logger = logging.getLogger("portcullis.train")


def run(work: Work) -> None:
    """Train the model of a use case and judge how good it is."""
    params, limits = work.params(TrainParams), work.limits(TrainLimits)
    _refuse_behind_a_shut_gate(work)
    needed = work.columns.named(Role.FEATURE, Role.PROTECTED, Role.TARGET)
    trained = train(
        work.read_rows("redact", columns=("subject", "person", *needed)), work.columns, params
    )
    found = trained.predictions
    labels, scores = found["actual"].to_numpy(float), found["oof_score"].to_numpy(float)
    performance = measure(scores, found["oof_approved"].to_numpy(), labels)
    checks = judge_performance(performance, _champion_auc(work.case, work.root), limits)
    with work.folder_of("model") as folder:
        trained.scorer.save(folder)
    with work.folder_of("refits") as folder:
        save_refits(folder, trained.refits)
    work.write_rows(found, "predictions")
    with work.folder_of("page") as page:
        write_performance_page(
            page, work.case, performance, checks, scores, labels, trained.scorer.cutoff
        )
    work.write_report(
        {
            "limits_sha256": digest_of(load_case(work.case, work.root)["limits"]),
            "features": list(trained.scorer.features),
            "left_out": params.left_out,
            "cutoff": trained.scorer.cutoff,
            "rows": {
                "unsealed": work.rows_unsealed,
                "shredded": work.rows_shredded,
                "people_shredded": work.people_shredded,
            },
            "parts": found["part"].value_counts().sort_index().to_dict(),
            "performance": performance.model_dump(mode="json"),
        }
    )
    points = [
        {"false_positive_rate": round(x, 6), "true_positive_rate": round(y, 6)}
        for x, y in roc(scores, labels)
    ]
    work.write_report({"roc": points}, "roc.json")
    verdict = work.write_verdict(checks)
    logger.info("%d rows unsealed, %d shredded", work.rows_unsealed, work.rows_shredded)
    logger.info(
        "AUC %.3f, %d features: %s",
        performance.auc,
        len(trained.scorer.features),
        verdict.outcome.value,
    )


def _refuse_behind_a_shut_gate(work: Work) -> None:
    limits = load_case(work.case, work.root)["limits"]
    lines = [f"agreements: {line}" for line in lapsed(work.params(Sources, "sources"))]
    cleared = clear_training(work.case, sha256_of(work.input("redact", "rows.parquet")), work.root)
    lines += cleared.refusals
    for gate in BEFORE_TRAINING:
        verdict = work.read_verdict(gate)
        artefacts = {
            name: sha256_of(work.data / name)
            for name in verdict.about
            if (work.data / name).exists()
        }
        result = weigh_gate(
            gate,
            verdict,
            use_case=work.case,
            artefacts=artefacts,
            limits_sha256=digest_of(limits.get(gate)),
        )
        lines += refusals_that_stand((result,), is_cleared=not cleared.refusals)
    if lines:
        raise RefusedError(
            f"train@{work.case}", tuple(lines), remedy="Mend what failed, never the limit."
        )


def _champion_auc(case: str, root: Path) -> float | None:
    """Return the accepted model's AUC, or None where none has been accepted."""
    path = root / CONFIGS / "references" / f"{case}.champion.json"
    return float(json.loads(path.read_text(encoding="utf-8"))["auc"]) if path.is_file() else None
