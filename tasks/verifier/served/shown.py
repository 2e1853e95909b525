"""What served when, as people read it, and as the report of a bundle holds it."""

from collections.abc import Iterator
from typing import Any

from tasks.attestation.predicates.serving.promotion import PromotionStep
from tasks.verifier.lineage import Chain
from tasks.verifier.log_reader import Log
from tasks.verifier.served.timeline import ServedPeriod, ServedTimeline, read_timeline

WORDS = {PromotionStep.PROMOTE: "promoted", PromotionStep.ROLL_BACK: "rolled back to"}


def lines_of_timeline(timeline: ServedTimeline) -> Iterator[str]:
    """Yield two lines for each period, the latest last, and one for what counts for nothing."""
    for period in timeline.periods:
        yield from lines_of_period(period)
    for index, reason in timeline.ignored:
        yield f"entry {index} counts for nothing: {reason}"


def lines_of_period(period: ServedPeriod) -> Iterator[str]:
    """Yield what served from when to when, and by whom."""
    span = f"{period.since} to {period.until or 'now'}"
    if not period.since:
        span = f"decided {period.decided_on}, alias not moved"

    name = f"{period.registry_name}@{period.alias}"
    yield f"{span}  {name}: version {period.version}, sha256:{period.model_sha256[:16]}…"
    done = WORDS[PromotionStep(period.step)]
    yield (
        f"  {done} by {period.requested_by} (entry {period.decision}), "
        f"approved by {period.approved_by} (entry {period.approval})"
    )


def lines_about_serving(log: Log, chain: Chain) -> Iterator[str]:
    """Yield when a model served, for `verify`."""
    for period in read_timeline(log, chain.case).periods:
        if period.model_sha256 == chain.model_sha256 and period.since:
            name = f"{period.registry_name}@{period.alias}"
            yield (
                f"  served  {name} from {period.since} to {period.until or 'now'}, approved by "
                f"{period.approved_by}  entry {period.decision}"
            )


def serving_section(log: Log, chain: Chain) -> dict[str, Any]:
    """Return the section of a bundle's report, empty where nothing of the use case ever served."""
    timeline = read_timeline(log, chain.case)
    if not timeline.periods and not timeline.ignored:
        return {}
    return {
        "served": {
            "periods": [period.to_dict() for period in timeline.periods],
            "ignored": [{"entry": index, "reason": reason} for index, reason in timeline.ignored],
        }
    }
