"""Attempts as people read them, and as the report of a bundle holds them."""

from collections.abc import Iterator
from typing import Any

from tasks.verifier.attempts.finding import (
    Attempt,
    AttemptOutcome,
    DataVersion,
    GateOpinion,
    find_attempts,
    find_untrained,
)
from tasks.verifier.lineage import Chain, short
from tasks.verifier.log_reader import Log

MOST_CHECKS = 3  # of a gate in one line for people; the verdict has all
MOST_SETTINGS = 12
# A report has its bound (`tasks.verifier.report.MOST_REPORT_BYTES`), an attempt some 600 bytes.
MOST_REPORTED = 150
NO_TRACE = "what was not run through the worker left no trace, and is not among them"


def lines_about_attempts(
    log: Log, chain: Chain, most: int = MOST_REPORTED, *, is_alone: bool = False
) -> Iterator[str]:
    """Yield every attempt on the data of a chain, its own one marked.

    Args:
        log: As far as it was read.
        chain: Of a model, or of the rows that one is to be learnt from.
        most: So many attempts at most: the latest.
        is_alone: Whether nothing is printed beside them, so that they say what they are about.
    """
    data = DataVersion.of(chain)
    attempts = find_attempts(log, data)
    untrained = find_untrained(log, chain.case, data, attempts)
    if not attempts and not untrained and not is_alone:
        return

    yield f"  {count_attempts(attempts)} on the same data ({NO_TRACE})"
    if len(attempts) > most:
        yield f"  … {len(attempts) - most} earlier ones: ./portcullis attempts {chain.case}"
    # `[-0:]` would be all of them.
    for attempt in attempts[-most:] if most else ():
        is_own = attempt.is_about(chain)
        first, *more = attempt_texts(attempt, chain.case)
        yield f"  attempt {'→' if is_own else ' '} {first}"
        yield from (f"              {text}" for text in more)
    for opinion in untrained:
        yield f"  not trained: {opinion_text(opinion)}"


def count_attempts(attempts: tuple[Attempt, ...]) -> str:
    """Return how many attempts there were, and how many of each outcome."""
    counts = [
        f"{number} {outcome.value}"
        for outcome in AttemptOutcome
        if (number := sum(attempt.outcome is outcome for attempt in attempts))
    ]
    noun = "attempt" if len(attempts) == 1 else "attempts"
    return f"{len(attempts)} {noun}" + (f" ({', '.join(counts)})" if counts else "")


def attempt_texts(attempt: Attempt, case: str) -> tuple[str, ...]:
    """Return an attempt in words: itself, in what it differs, and what gates said against it.

    Its use case is named where it is not `case`.
    """
    whose = "" if attempt.case == case else f"{attempt.case} "
    times = f" and {len(attempt.entries) - 1} times more" if len(attempt.entries) > 1 else ""
    plan = f"plan {short(attempt.plan_sha256)}" if attempt.plan_sha256 else "no plan sealed"
    head = (
        f"{whose}no. {attempt.number} {attempt.outcome.value}, {attempt.finished} by "
        f"{attempt.started_by or 'nobody known'} ({attempt.mode}), "
        f"entry {attempt.entries[0]}{times}, {plan}, model {short(attempt.model_sha256)}"
    )
    differing = f"differs from no. {attempt.number - 1} in {_some(attempt.differs)}"
    changes = (differing,) if attempt.differs else ()
    return (head, *changes, *map(opinion_text, attempt.opinions))


def opinion_text(opinion: GateOpinion) -> str:
    """Return what one gate said, in a few words."""
    checks = opinion.checks[:MOST_CHECKS]
    left_out = len(opinion.checks) - len(checks)
    more = f" and {left_out} more" if left_out else ""
    named = f" ({', '.join(checks)}{more})" if checks else ""
    outside = ", judged outside the plan" if opinion.outside_plan else ""
    later = ", passed later" if opinion.is_superseded else ""
    return f"{opinion.gate}: {opinion.outcome}{named}, entry {opinion.entry}{outside}{later}"


def attempts_section(log: Log, chain: Chain) -> dict[str, Any]:
    """Return the section of a bundle's report; empty where no attempt ever sealed a plan.

    A report of before there were plans stays the bytes that it was.
    """
    values = attempt_values(log, chain, MOST_REPORTED)
    return {"attempts": values} if any(item["plan"] for item in values["latest"]) else {}


def attempt_values(log: Log, chain: Chain, most: int) -> dict[str, Any]:
    """Return every attempt on the data of a chain as JSON values; of more than `most`, the latest.

    The counts are of all.
    """
    data = DataVersion.of(chain)
    attempts = find_attempts(log, data)
    untrained = find_untrained(log, chain.case, data, attempts)

    return {
        "count": len(attempts),
        "thisOne": next((item.number for item in attempts if item.is_about(chain)), None),
        "latest": [attempt.to_dict() for attempt in attempts[-most:]],
        "beforeTraining": [opinion.to_dict() for opinion in untrained[-most:]],
        "note": NO_TRACE,
    }


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - MOST_SETTINGS} more" if len(names) > MOST_SETTINGS else ""
    return ", ".join(names[:MOST_SETTINGS]) + more
