"""What the privacy officer looks at: requests against their term, what is kept and why, models to be trained again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tasks.erasure.journal import DEFERRED, RUNNING, Flagged, Hold, Journal, Request
from tasks.erasure.policy import months_later
from tasks.erasure.sinks.tracking import database_url, versions_trained_on
from tasks.registry.client import TRAINED_ON_TAG
from tasks.reports import Page, Section, Table, write_page
from tasks.system.installation import Installation

TERM_MONTHS = 1  # GDPR Art. 12(3): without undue delay, and within one month of receipt


@dataclass(frozen=True)
class Status:
    """Everything on the page, as of a day."""

    day: date
    requests: tuple[Request, ...]
    holds: tuple[Hold, ...]
    models: tuple[Flagged, ...]

    @property
    def overdue(self) -> tuple[Request, ...]:
        """Requests that are past their term and not done."""
        return tuple(one for one in self.requests if one.state == RUNNING and self.day > due(one))


def read_status(journal: Journal, day: date, installation: Installation) -> Status:
    """Read the journal, and which flagged models the registry still has as they were flagged."""
    url = database_url(installation)
    flagged = journal.flagged()
    if url is not None and flagged:
        current = set(versions_trained_on(url, TRAINED_ON_TAG))
        flagged = [model for model in flagged if (model.name, model.version, model.code) in current]
    return Status(day, tuple(journal.requests()), tuple(journal.holds()), tuple(flagged))


def due(request: Request) -> date:
    """Return the last day of a request's term."""
    return months_later(request.received, TERM_MONTHS)


def request_rows(status: Status) -> list[tuple[str, ...]]:
    """Return one row per request, the oldest first."""
    return [
        (
            one.request,
            one.use_case,
            one.received.isoformat(),
            _age(one, status.day),
            due(one).isoformat(),
            _state(one, status.day),
        )
        for one in status.requests
    ]


def model_rows(status: Status) -> list[tuple[str, ...]]:
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


def hold_rows(status: Status) -> list[tuple[str, ...]]:
    """Return one row per hold."""
    return [
        (
            one.hold,
            one.use_case,
            one.basis,
            one.since.isoformat(),
            one.review.isoformat(),
            _hold_state(one, status.day),
        )
        for one in status.holds
    ]


REQUESTS = ("request", "use case", "received", "age", "term ends", "state")
MODELS = ("model", "version", "people erased since", "first on", "ago")
HOLDS = ("hold", "use case", "basis", "since", "review", "state")


def write_status_page(status: Status, folder: Path) -> Path:
    """Write the page and return its path. It names nobody: whose requests they were is known to nobody any more."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    opened = sum(1 for one in status.requests if one.state == RUNNING)
    kept = sum(1 for one in status.requests if one.state == DEFERRED)
    late, stale = len(status.overdue), len(status.models)
    lead = (
        f"As of {status.day}: {len(status.requests)} requests, {opened} not done ({late} past their term), "
        f"{kept} with records that are kept, {stale} registered models to be trained again."
    )
    sections = (
        Section(
            heading="Requests",
            text=(f"The term is {TERM_MONTHS} month from receipt (GDPR Art. 12(3)).",),
            parts=(_table(REQUESTS, request_rows(status)),),
        ),
        Section(
            heading="Models to be trained again",
            text=(
                "They learnt from people who were erased since. The next release of their use case trains without.",
            ),
            parts=(_table(MODELS, model_rows(status)),),
        ),
        Section(
            heading="Legal holds",
            text=(
                "Training data is erased all the same; only decision records wait, out of every pipeline's reach.",
            ),
            parts=(_table(HOLDS, hold_rows(status)),),
        ),
    )
    return write_page(folder, Page(title="Requests of data subjects", lead=lead, sections=sections))


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    return Table(head=head, rows=tuple(rows) or (("none", *[""] * (len(head) - 1)),))


def _age(request: Request, day: date) -> str:
    return f"{((request.closed or day) - request.received).days} days"


def _state(request: Request, day: date) -> str:
    if request.state == RUNNING:
        late = (day - due(request)).days
        return (
            f"not done, {late} days past its term" if late > 0 else f"not done, {-late} days left"
        )
    if request.state == DEFERRED:
        kept = request.figures["deferred"]
        until = "while held, reviewed" if kept["held"] else "until"
        return f"training data erased {request.day}; {kept['retention']} kept {until} {kept['review']}: {kept['basis']}"
    past = ", past its term" if request.day > due(request) else ""
    return f"erased {request.closed or request.day}{past}"


def _hold_state(hold: Hold, day: date) -> str:
    if hold.released:
        return f"released {hold.released}"
    return "review is due" if day >= hold.review else "in force"
