"""A stage of the data path as a Prefect task: its name, its log, its state."""

import logging
from pathlib import Path
from typing import Any

from prefect import State, task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from flows.steps.where import place_of
from flows.steps.withholding import withholding_texts
from tasks.config.cases import section
from tasks.config.sources import Sources
from tasks.errors import EvidenceError, PortcullisError, RefusedError, ServiceError
from tasks.formats.shown import kind_of_error
from tasks.formats.strict_json import parse_json
from tasks.gates import Verdict
from tasks.path import STAGES

# The name of a Completed state, then those of Failed states.
UNCHANGED = "Unchanged"
REFUSED = "Refused"
GATE_FAILED = "GateFailed"
UNAVAILABLE = "Unavailable"

RETRY_DELAYS_SECONDS: list[float] = [5, 20, 60]


def _is_news(record: logging.LogRecord) -> bool:
    """Say whether a task run's log record tells more than its state does.

    Prefect logs a Failed state once more, with `exc_info` that holds no exception.
    """
    return record.exc_info is None or record.exc_info[0] is not None


logging.getLogger("prefect.task_runs").addFilter(_is_news)


def verdict_of(stage: str, case: str, workspace: Path) -> Verdict | None:
    """Return the verdict that `stage` left, or None where it is no gate or has not run.

    Raises:
        EvidenceError: What lies there is no verdict, or one of a time before checks had ids.
    """
    path = workspace / "data" / case / stage / "verdict.json"
    if not path.is_file():
        return None

    try:
        return Verdict.from_dict(parse_json(path.read_bytes()))
    except ValueError as error:
        raise EvidenceError(
            path.as_posix(),
            expected="a verdict, each of its checks with an id",
            found=kind_of_error(error),
            remedy=f"`./portcullis release {case}` makes it anew.",
        ) from error


@task(
    name="stage",
    task_run_name="{stage}",
    cache_policy=NO_CACHE,
    persist_result=False,
    log_prints=False,
)
@withholding_texts()
def run_stage(stage: str, case: str) -> State[str]:
    """Run one stage through DVC, and stream its process's output into this task run's log.

    Ends `Unchanged` where DVC found nothing to do, `GateFailed` where the stage's verdict is not a
    pass (later gates still run), `Refused` where the stage would not work behind a shut gate,
    `Unavailable` where a service that it needs did not answer.
    """
    logger = get_run_logger()
    try:
        place = place_of(case)
        result = place.reproduce(stage, logger.info)
    except RefusedError as refusal:
        for line in refusal.lines:
            logger.error(line)
        return Failed(name=REFUSED, message="\n".join(refusal.lines))
    except PortcullisError as error:
        logger.error(error)
        name = UNAVAILABLE if error.exit_code == ServiceError.exit_code else None
        return Failed(name=name, message=str(error))

    verdict = verdict_of(stage, case, place.shown)
    if verdict is not None and verdict.outcome.is_blocking:
        refusals = verdict.refusals()
        for check in refusals:
            logger.warning(check.text)
        return Failed(
            name=GATE_FAILED,
            message=f"{len(refusals)} of {len(verdict.checks)} checks did not pass",
        )
    return Completed(name="Completed" if result.changed else UNCHANGED)


def task_for(stage: str, case: str, workspace: Path) -> Any:
    """Return the task that runs `stage` once, or again while a remote source does not answer."""
    is_remote = (
        STAGES[stage].reads_sources and section(case, "sources", Sources, workspace).is_remote
    )
    if not is_remote:
        return run_stage
    return run_stage.with_options(
        retries=len(RETRY_DELAYS_SECONDS),
        retry_delay_seconds=RETRY_DELAYS_SECONDS,
        retry_condition_fn=_is_unavailable,
    )


def _is_unavailable(_task: object, _run: object, state: State[Any]) -> bool:
    return state.name == UNAVAILABLE
