"""What is noted beside a model of the attempts on its data, by this installation's ledger."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tasks.notary.earlier_release import EarlierRelease, find_earlier_release
from tasks.notary.notary import open_ledger, trusted_root
from tasks.notary.past_releases import PastRelease, find_past_releases
from tasks.notary.stage_seconds import seconds_by_stage
from tasks.system.installation import Installation
from tasks.verifier.attempts.finding import DataVersion, find_attempts
from tasks.verifier.attempts.shown import attempt_texts, count_attempts
from tasks.verifier.lineage import Chain, examine, short
from tasks.verifier.log_reader import Log, Selection, read_log

MOST_LISTED = 200  # models on the list of releases
MOST_NOTED = 5  # `./portcullis attempts` lists all


@dataclass(frozen=True)
class AttemptNotes:
    """The plan that a model was trained under, and every attempt on its data in words.

    Attributes:
        plan_sha256: Empty where none was sealed.
        summary: How many there were, and with what outcome.
        lines: The latest, each in one line.
        earlier: The model of the use case that was let in before this one.
        releases: Every model of the use case that was decided on, the latest last.
        made_seconds: Stage -> what the run took that made what lies here, by its signed times.
    """

    plan_sha256: str
    summary: str
    lines: tuple[str, ...]
    earlier: EarlierRelease | None = None
    releases: tuple[PastRelease, ...] = ()
    made_seconds: Mapping[str, int] = field(default_factory=dict)


def note_attempts(case: str, model_sha256: str, installation: Installation) -> AttemptNotes:
    """Return the attempts on the data that a model was trained on.

    Raises:
        EvidenceError: The ledger does not verify.
    """
    # Of other use cases, too: attempts on the same data count in whatever use case they were made.
    log = _read(installation, Selection.of_case_and_lineages(case))
    chain = examine(log, case, model_sha256)
    attempts = find_attempts(log, DataVersion.of(chain))

    return AttemptNotes(
        plan_sha256=chain.plan.sha256 if chain.plan else "",
        summary=summarise_attempts(log, chain),
        lines=tuple("; ".join(attempt_texts(item, case)) for item in attempts[-MOST_NOTED:]),
        earlier=find_earlier_release(log, chain),
        releases=find_past_releases(log, case)[-MOST_LISTED:],
        made_seconds=seconds_by_stage(log, chain),
    )


def summarise_attempts(log: Log, chain: Chain) -> str:
    """Return, in a line, the attempts on a model's data, and which of them the model is."""
    attempts = find_attempts(log, DataVersion.of(chain))
    own = next((attempt.number for attempt in attempts if attempt.is_about(chain)), None)
    this_one = short(chain.model_sha256) + (f" is no. {own} of `{chain.case}`" if own else "")
    return f"{count_attempts(attempts)} on the same data; model {this_one}"


def list_releases(case: str, installation: Installation) -> tuple[PastRelease, ...]:
    """Return the latest models of a use case that were decided on.

    Raises:
        EvidenceError: The ledger does not verify.
    """
    return find_past_releases(_read(installation, Selection.of_case(case)), case)[-MOST_LISTED:]


def _read(installation: Installation, selection: Selection) -> Log:
    ledger = open_ledger(installation)
    try:
        return read_log(ledger, trusted_root(installation), selection)
    finally:
        ledger.close()
