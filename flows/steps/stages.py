"""A stage of the data path as a Prefect task: its name, its log, its state."""

import logging
from collections import Counter
from pathlib import Path
from typing import Any

from prefect import State, task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from flows.steps.progress import progress_of
from flows.steps.where import place_of
from flows.steps.withholding import withholding_texts
from tasks.config.cases import section
from tasks.config.sources import Sources
from tasks.errors import PortcullisError, Refusal, RefusedError, ServiceError
from tasks.path import STAGES
from tasks.release_page.gates import verdict_of

# The name of a Completed state, then those of Failed states.
UNCHANGED = "Unchanged"
REFUSED = "Refused"
GATE_FAILED = "GateFailed"
UNAVAILABLE = "Unavailable"

# Of stages that read a remote source alone (`task_for`): a gate is never tried again.
RETRY_DELAYS_SECONDS: list[float] = [5, 20, 60]


def _is_news(record: logging.LogRecord) -> bool:
    """Say whether a task run's log record tells more than its state does.

    Prefect logs a Failed state once more, with `exc_info` that holds no exception.
    """
    return record.exc_info is None or record.exc_info[0] is not None


logging.getLogger("prefect.task_runs").addFilter(_is_news)


def _cut_to_first_line(record: logging.LogRecord) -> bool:
    """Leave the first line of a state's message in a flow run's log, where each reason stood once.

    Prefect logs a final state with its whole message, as Python writes a text.
    """
    message = record.getMessage()
    first, is_longer, _ = message.partition("\\n")
    if is_longer and message.startswith("Finished in state"):
        record.msg = f"{first}')"
        record.args = ()
    return True


logging.getLogger("prefect.flow_runs").addFilter(_cut_to_first_line)


@task(
    name="stage",
    task_run_name="{stage}",
    cache_policy=NO_CACHE,
    persist_result=False,
    log_prints=False,
)
# Between `@task` and the function: Prefect stores the traceback of whatever leaves the function.
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
        # What a gate has said in its own log is not said again.
        for reason in progress_of(case).block(refusal.refusals):
            logger.error(reason.text)
        return Failed(name=REFUSED, message=describe_refusals(refusal.refusals))
    except PortcullisError as error:
        return failed_state(error)

    progress_of(case).reach(stage)
    progress_of(case).note_result(result)
    # After `reach`: a gate that fails has done its work, and its report is this release's.
    verdict = verdict_of(stage, case, place.shown)
    if verdict is not None and verdict.outcome.is_blocking:
        refusals = verdict.refusals()
        progress_of(case).note_gate(refusals)
        for check in refusals:
            logger.warning(check.text)
        return Failed(
            name=GATE_FAILED,
            message=f"{len(refusals)} of {len(verdict.checks)} checks did not pass",
        )
    return Completed(name="Completed" if result.changed else UNCHANGED)


def failed_state(error: PortcullisError) -> State[Any]:
    """Log what a person can mend, and return the state that says it: of a service, by its name."""
    get_run_logger().error(error)
    # By the exit code and not by the class: what a stage's process reports arrives as a
    # `StageError`.
    name = UNAVAILABLE if error.exit_code == ServiceError.exit_code else None
    return Failed(name=name, message=str(error))


def describe_refusals(refusals: tuple[Refusal, ...]) -> str:
    """Return how many reasons there are of each kind, in one line."""
    counts = Counter(str(refusal.kind) for refusal in dict.fromkeys(refusals))
    noun = "reason" if counts.total() == 1 else "reasons"
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items()))
    return f"{counts.total()} {noun}: {kinds}"


def blocked_message(refusals: tuple[Refusal, ...]) -> str:
    """Return the message of a blocked run's state: a line for each reason, its kind first.

    The first line counts them, and is all that the run's log repeats.
    """
    lines = [f"{refusal.kind}: {refusal.text}" for refusal in dict.fromkeys(refusals)]
    return "\n".join((describe_refusals(refusals), *lines))


def task_for(stage: str, case: str, workspace: Path) -> Any:
    """Return the task that runs `stage` once, or again while a remote source does not answer."""
    # A file is there or not: asking again would only keep a person waiting.
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
