"""The main job: from raw data to a gated, registered model, or to a refusal that says why."""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import State, flow
from prefect.events import emit_event
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.steps.approval_form import ask_for_approval
from flows.steps.artifacts import publish_artifacts, publish_list, publish_timings
from flows.steps.progress import ReleaseProgress, begin_progress
from flows.steps.stages import (
    GATE_FAILED,
    REFUSED,
    UNAVAILABLE,
    UNCHANGED,
    blocked_message,
    failed_state,
    task_for,
)
from flows.steps.where import (
    OPENS_REGISTRY,
    ReleasePlace,
    describe_registration,
    one_release_at_a_time,
    open_place,
)
from flows.steps.withholding import withholding_texts
from tasks.config.cases import case_names, load_case
from tasks.errors import PortcullisError, RefusedError
from tasks.path import SEALING, waves
from tasks.pipeline.listener import end_all_stages
from tasks.pipeline.runner import order_lock_entries
from tasks.release_page.listing import read_records, write_list
from tasks.release_page.record import ReleaseRecord
from tasks.release_page.writing import write_release_page
from tasks.secrets.opening import open_with_secrets
from tasks.system.installation import Installation
from tasks.system.machine_faults import explaining_machine
from tasks.worker.confirming import Confirmation

if TYPE_CHECKING:
    UseCase = StrEnum
else:
    # Prefect's form offers these, by their values. The members are in capitals, because a use case
    # may be called as a method of text is (`title`, `count`), which a member would take the place
    # of.
    UseCase = StrEnum("UseCase", {name.upper(): name for name in case_names(Path())})

WAVES = waves()  # stages of one wave are independent of each other: they run at once


@flow(
    name="release",
    flow_run_name="release-{use_case}",
    # Threads, since a stage's work is a process of its own: they wait. As many as the largest wave
    # has stages, or one of them would wait for another.
    task_runner=ThreadPoolTaskRunner(max_workers=max(map(len, WAVES))),  # type: ignore[arg-type]
    persist_result=False,
    validate_parameters=True,
)
@withholding_texts()
def release(use_case: UseCase) -> State[str]:
    """Take one use case from its sources to a registered model, through every gate.

    Runs the same DVC stages as `dvc repro`: what has not changed is not run again. Ends `Completed`
    with the model registered, `Blocked` with one line per failed check and nothing registered, or
    `Unavailable` where a service did not answer.
    """
    try:
        installation = open_with_secrets(Path(), os.environ)
        with explaining_machine(installation):
            return _release(str(use_case), installation)
    # A state and not an exception, of which Prefect would log a traceback.
    except PortcullisError as error:
        return failed_state(error)


def _release(case: str, installation: Installation) -> State[str]:
    with (
        one_release_at_a_time(case, installation, get_run_logger().warning),
        open_place(case, installation, get_run_logger().info) as place,
    ):
        progress = begin_progress(case)
        try:
            stop = _run_all_stages(case, installation, place)
        except BaseException:
            # An interruption ends this process at once; a stage's own process must not outlive it.
            end_all_stages()
            raise

        # A stage that could not do its work is no outcome of a release: no page says BLOCKED, and
        # no automation for it fires.
        if stop is not None and stop.name != REFUSED:
            # Of a stage that ends a path the worker has written why; of a gate beside others not.
            if SEALING.name in progress.reached and (
                problem := place.renew_dossier(is_registered=False, is_failed=True)
            ):
                get_run_logger().warning(problem)
            name = UNAVAILABLE if stop.name == UNAVAILABLE else None
            return Failed(name=name, message=stop.message)
        # That no stage stopped it is no proof that the model is registered.
        # A stage that did not have to run was not asked today: the receipt may be of a model that
        # was revoked, or of bytes that somebody exchanged since.
        confirmation = None
        if stop is None:
            try:
                confirmation = place.confirm()
            except RefusedError as refusal:
                for reason in progress.block(refusal.refusals):
                    get_run_logger().error(reason.text)
            if problem := place.renew_dossier(is_registered=confirmation is not None):
                get_run_logger().warning(problem)
        record = _record(case, progress, place, confirmation)
        page = write_release_page(record, place.shown, load_case(case, installation.workspace))
        listed = write_list(place.shown, installation.workspace)
        publish_artifacts(record, place.shown, page)
        publish_timings(case, progress.results)
        publish_list(read_records(place.shown, case_names(installation.workspace)), listed)

    _tell(record, page)
    if not record.is_blocked:
        return Completed(message=record.outcome)
    return Failed(name="Blocked", message=blocked_message(record.refusals))


def _record(
    case: str, progress: ReleaseProgress, place: ReleasePlace, confirmation: Confirmation | None
) -> ReleaseRecord:
    history = place.history()
    progress.note_made(history.made_seconds)

    return ReleaseRecord(
        case=case,
        reached=progress.reached,
        refusals=progress.refusals,
        outcome=describe_registration(case, confirmation) if confirmation else "",
        version=confirmation.version if confirmation else "",
        attempts=history.attempts,
        earlier=history.earlier,
        releases=history.releases,
    )


def _tell(record: ReleaseRecord, page: Path) -> None:
    """Tell automations what a release came to: kinds, which they match, and texts for people."""
    emit_event(
        event=f"portcullis.release.{'blocked' if record.is_blocked else 'registered'}",
        resource={
            "prefect.resource.id": f"portcullis.use-case.{record.case}",
            "prefect.resource.name": record.case,
        },
        payload={
            "kinds": sorted({str(refusal.kind) for refusal in record.refusals}),
            "refusals": [refusal.to_dict() for refusal in record.refusals],
            "outcome": record.outcome,
            "page": page.absolute().as_uri(),
            "flow_run": str(flow_run.id),
        },
    )


def _run_all_stages(
    case: str, installation: Installation, place: ReleasePlace
) -> State[str] | None:
    """Run all stages; return the state of the one that stopped the release, if one did."""
    for wave in WAVES:
        # After every gate, and before the stage that would refuse for want of it: a suspended run
        # has nothing running.
        if OPENS_REGISTRY in wave:
            ask_for_approval(case, place)
        if (state := _run_wave(wave, case, installation)) is not None:
            return state
    return None


def _run_wave(wave: tuple[str, ...], case: str, installation: Installation) -> State[str] | None:
    """Run independent stages, all to their end; return the first state that ends the path."""
    tasks = [(stage, task_for(stage, case, installation.workspace)) for stage in wave]

    # A stage that runs alone does so in the flow's own thread.
    if len(tasks) == 1:
        ((stage, task),) = tasks
        states: list[State[Any]] = [task(stage, case, return_state=True)]
    else:
        futures = [task.submit(stage, case) for stage, task in tasks]
        # All of them, also after one that was refused: people are to see every gate at once.
        for future in futures:
            future.wait()
        states = [future.state for future in futures]

        # DVC wrote its lock file from several threads: order what they changed before it is read.
        is_here = not installation.settings.worker_socket
        if is_here and any(state.name != UNCHANGED for state in states):
            order_lock_entries(wave, case)

    # The first in the order of the path, and not of time: the same data end in the same state.
    return next((state for state in states if _stops(state)), None)


def _stops(state: State[Any]) -> bool:
    """Say whether the path ends here; not at a failed gate, for people are to see every gate."""
    return not state.is_completed() and state.name != GATE_FAILED
