"""The stage `decide`: always writes its decision and exits 0; `register` is what a refusal stops."""

import logging

from tasks.stages.weighing import gather
from tasks.stages.workspace import StageRun

logger = logging.getLogger("portcullis.decide")


def run(stage_run: StageRun) -> None:
    """Weigh all verdicts and write the decision."""
    decision = gather(stage_run)
    values = decision.model_dump(mode="json") | {
        "outcome": decision.outcome.value,
        "refusals": list(decision.refusals),
    }
    stage_run.write_report(values, "decision.json")
    logger.info(
        "%s: %d gates, %d refusals",
        decision.outcome.value,
        len(decision.gates),
        len(decision.refusals),
    )
