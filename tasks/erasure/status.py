"""What the privacy officer looks at: requests against their term, what is kept, stale models."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tasks.erasure.journal import FlaggedModel, Hold, Journal
from tasks.erasure.policy import add_months
from tasks.erasure.request import ErasureRequest, RequestState
from tasks.erasure.sinks.tracking import database_url, versions_trained_on
from tasks.registry.client import TRAINED_ON_TAG
from tasks.reports import Page, Section, Table, write_page
from tasks.system.installation import Installation

# GDPR Art. 12(3): without undue delay, and in any event within one month of receipt. The two
# further months that it allows for complex requests are not counted: they need a person's decision.
TERM_MONTHS = 1

REQUEST_HEAD = ("request", "use case", "received", "age", "term ends", "state")
MODEL_HEAD = ("model", "version", "people erased since", "first on", "ago")
HOLD_HEAD = ("hold", "use case", "basis", "since", "review", "state")


@dataclass(frozen=True)
class RequestStatus:
    """Everything on the page, as of a day."""

    day: date
    requests: tuple[ErasureRequest, ...]
    holds: tuple[Hold, ...]
    models: tuple[FlaggedModel, ...]

    @property
    def overdue(self) -> tuple[ErasureRequest, ...]:
        """Requests that are past their term and not done."""
        return tuple(
            request
            for request in self.requests
            if request.state.is_waiting and self.day > term_end(request)
        )


def read_status(journal: Journal, day: date, installation: Installation) -> RequestStatus:
    """Read the journal, and which flagged models the registry still has as they were flagged."""
    models = journal.flagged_models()
    url = database_url(installation)
    if url is not None and models:
        # A version that was trained again carries another code: it learnt from nobody erased.
        current = set(versions_trained_on(url, TRAINED_ON_TAG))
        models = [model for model in models if (model.name, model.version, model.code) in current]
    return RequestStatus(day, tuple(journal.requests()), tuple(journal.holds()), tuple(models))


def term_end(request: ErasureRequest) -> date:
    """Return the last day of a request's term."""
    return add_months(request.received, TERM_MONTHS)


def request_rows(status: RequestStatus) -> list[tuple[str, ...]]:
    """Return one row per request, the oldest first."""
    return [
        (
            request.request_id,
            request.use_case,
            request.received.isoformat(),
            _describe_age(request, status.day),
            term_end(request).isoformat(),
            _describe_state(request, status.day),
        )
        for request in status.requests
    ]


def model_rows(status: RequestStatus) -> list[tuple[str, ...]]:
    """Return one row per registered model that still knows erased people."""
    return [
        (
            model.name,
            model.version,
            str(model.people),
            model.day.isoformat(),
            f"{(status.day - model.day).days} days",
        )
        for model in status.models
    ]


def hold_rows(status: RequestStatus) -> list[tuple[str, ...]]:
    """Return one row per hold."""
    return [
        (
            hold.hold_id,
            hold.use_case,
            hold.basis,
            hold.since.isoformat(),
            hold.review.isoformat(),
            _describe_hold(hold, status.day),
        )
        for hold in status.holds
    ]


def write_status_page(status: RequestStatus, folder: Path) -> Path:
    """Write the page and return its path.

    It names nobody: whose requests they were is known to nobody any more.
    """
    sections = (
        Section(
            heading="Requests",
            text=(
                f"The term is {TERM_MONTHS} month from receipt (GDPR Art. 12(3)). "
                "One that was set aside is tried again by ./portcullis erase --retry and its id, "
                "once its cause is mended.",
            ),
            parts=(_table(REQUEST_HEAD, request_rows(status)),),
        ),
        Section(
            heading="Models to be trained again",
            text=(
                "They learnt from people who were erased since. "
                "The next release of their use case trains without them.",
            ),
            parts=(_table(MODEL_HEAD, model_rows(status)),),
        ),
        Section(
            heading="Legal holds",
            text=(
                "Training data is erased all the same; "
                "only decision records wait, out of every pipeline's reach.",
            ),
            parts=(_table(HOLD_HEAD, hold_rows(status)),),
        ),
    )

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    page = Page(title="Requests of data subjects", lead=_summarise(status), sections=sections)
    return write_page(folder, page)


def _summarise(status: RequestStatus) -> str:
    states = [request.state for request in status.requests]
    return (
        f"As of {status.day}. Requests: {len(states)}; "
        f"not done: {sum(state.is_waiting for state in states)} "
        f"(past their term: {len(status.overdue)}, "
        f"set aside because a step failed: {states.count(RequestState.SET_ASIDE)}); "
        f"with records that are kept: {states.count(RequestState.DEFERRED)}. "
        f"Registered models to be trained again: {len(status.models)}."
    )


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    no_rows = (("none", *[""] * (len(head) - 1)),)
    return Table(head=head, rows=tuple(rows) or no_rows)


def _describe_age(request: ErasureRequest, day: date) -> str:
    return f"{((request.closed or day) - request.received).days} days"


def _describe_state(request: ErasureRequest, day: date) -> str:
    if request.state.is_waiting:
        late_days = (day - term_end(request)).days
        term = f"{late_days} days past its term" if late_days > 0 else f"{-late_days} days left"
        return f"{_describe_waiting(request)}, {term}"

    if (deferral := request.deferral) is not None:
        until = "while held, reviewed" if deferral.is_held else "until"
        return (
            f"training data erased {request.day}; {deferral.retention} kept {until} "
            f"{deferral.review}: {deferral.basis}"
        )

    # Said of what is done as well: the term was missed, whatever came of the request.
    was_late = (request.closed or request.day) > term_end(request)
    end = "nothing was held" if request.state is RequestState.NOTHING_HELD else "erased"
    return f"{end} {request.closed or request.day}{', past its term' if was_late else ''}"


def _describe_waiting(request: ErasureRequest) -> str:
    """Return why a request is not done, where something failed."""
    failure = request.failure
    if failure is None:
        return "not done"
    how = "set aside" if request.state is RequestState.SET_ASIDE else "waits"
    return f"not done, {how} at `{failure.step}` on {failure.day} ({failure.reason})"


def _describe_hold(hold: Hold, day: date) -> str:
    if hold.released:
        return f"released {hold.released}"
    return "review is due" if day >= hold.review else "in force"
