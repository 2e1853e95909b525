"""A release in which nothing has changed: the same checks as in any other, without Prefect.

Whatever cannot be told here is not decided here: the whole path runs then, and says what it finds.
So this may end a release in one way only, with a model that is registered and still cleared today.

1. DVC finds nothing stale, from the last stage back to the first; by the same look, `register` is
   kept from running in the whole path.
2. `admit` and `packages` run, as in every release: agreements, sources and erasures are of today,
   and so is what is known of vulnerabilities.
3. They wrote what they wrote before: DVC's lock file has the same bytes.
4. The verdicts can be read, and the last look (`tasks.worker.confirming`) finds the model cleared
   by ledger, policy, what is in force and code, and its very bytes in the registry.
5. The page of the release is written, as by any other; what each stage took is noted likewise.
"""

from pathlib import Path
from threading import Thread

from flows.steps.progress import begin_progress
from flows.steps.where import (
    OPENS_REGISTRY,
    LineSink,
    ReleasePlace,
    describe_registration,
    one_release_at_a_time,
    open_place,
)
from tasks.config.cases import load_case
from tasks.path import PATH, STAGES
from tasks.pipeline.runner import StageResult, list_stale
from tasks.release_page.gates import verdict_of
from tasks.release_page.listing import write_list
from tasks.release_page.record import ReleaseRecord
from tasks.release_page.writing import write_release_page
from tasks.system.installation import Installation
from tasks.worker.confirming import prepare_to_confirm

# Of the current folder, as DVC's own (`tasks/pipeline/runner.py`).
LOCK_FILE = Path("dvc.lock")


def confirm_unchanged(case: str, installation: Installation, on_line: LineSink) -> str:
    """Return the outcome of a release in which nothing has changed.

    Empty where something has, or where anything at all is in the way of telling.
    """
    # Whatever went wrong goes wrong in the whole path, too, where it is said, with what helps.
    try:
        with (
            one_release_at_a_time(case, installation, on_line),
            open_place(case, installation, on_line) as place,
        ):
            return _confirm(case, installation, place, on_line)
    except Exception:
        return ""


def _confirm(case: str, installation: Installation, place: ReleasePlace, on_line: LineSink) -> str:
    # 1. Nothing is stale from the last stage back.
    if list_stale(OPENS_REGISTRY, case):
        return ""

    # While a stage's own process runs, this one only waits for it.
    # Imports of the last look, while this thread waits for a stage's process. They change nothing,
    # and where they fail the look itself will say so.
    Thread(target=prepare_to_confirm, daemon=True).start()
    # 2. and 3. What always runs, runs; and what it wrote is what stood there.
    before = LOCK_FILE.read_bytes()
    progress = begin_progress(case)
    for stage in PATH:
        result = StageResult(stage.name, changed=False, seconds=None, peak_mib=None)
        if stage.is_always_run:
            result = place.reproduce(stage.name, on_line)
        progress.note_result(result)
    if LOCK_FILE.read_bytes() != before:
        return ""

    # 4. A verdict that cannot be read raises here, and the whole path says which. Then the last
    # look.
    for stage in PATH:
        verdict_of(stage.name, case, place.shown)
    confirmation = place.confirm()

    # 5. The page, made of the same record as after a whole path.
    outcome = describe_registration(case, confirmation)
    history = place.history()
    progress.note_made(history.made_seconds)
    record = ReleaseRecord(
        case=case,
        reached=frozenset(STAGES),
        outcome=outcome,
        version=confirmation.version,
        attempts=history.attempts,
        earlier=history.earlier,
        releases=history.releases,
    )
    write_release_page(record, place.shown, load_case(case, installation.workspace))
    write_list(place.shown, installation.workspace)
    return outcome
