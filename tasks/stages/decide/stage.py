"""The stage `decide`: it always writes its decision; `register` is what a refusal stops."""

import logging

from tasks.stages.weighing import gather
from tasks.stages.workspace import StageRun

logger = logging.getLogger("portcullis.decide")


def run(stage_run: StageRun) -> None:
    """Weigh all verdicts and write the decision."""
    decision = gather(stage_run)
    stage_run.write_report(decision.to_dict(), "decision.json")
    logger.info(
        "%s: %d gates, %d refusals",
        decision.outcome.text,
        len(decision.gates),
        len(decision.refusals),
    )
