"""Whether a model is still current: how many of the people it learnt from were erased since.

Counted, not dated (ADR 23): the rows that it was trained on lie there by digest, and some of their
keys are destroyed. Whose key was destroyed before training was not learnt from.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any

from tasks.config.sources import today
from tasks.erasure.policy import ErasureParams, RetrainAfter
from tasks.errors import EvidenceError, SealError
from tasks.formats.strict_json import JsonFaultError, parse_json
from tasks.sealed.objects import SealedFile
from tasks.stages.workspace import StageRun

TRAINING_ROWS = ("redact", "rows.parquet")


@dataclass(frozen=True)
class ErasedSinceTraining:
    """People among those a model learnt from who were erased since, and when the first was."""

    people: int
    first_day: date | None

    def reason_outdated(self, limit: RetrainAfter, today: date) -> str:
        """Return why the model is out of date, or nothing."""
        if not self.people or self.first_day is None:
            return ""

        days = (today - self.first_day).days
        if self.people < limit.people and days < limit.days:
            return ""

        return (
            f"{self.people} of the people whom this model learnt from were erased since, "
            f"the first {days} days ago (limits: {limit.people} people, {limit.days} days); "
            "run the release again, which trains without them"
        )


def find_outdated_reasons(
    stage_run: StageRun, rows: IO[bytes] | None = None, report: bytes | None = None
) -> tuple[str, ...]:
    """Return why a model may not be registered, or serve, any more; empty: it may.

    What cannot be counted refuses, too.

    Args:
        stage_run: Of the use case, for its limits and its key store.
        rows: What the model was trained on, open: a path might lead to another file by the time
            it is read. None for what lies in `data/`.
        report: The report of its training, as bytes; likewise.
    """
    limit = stage_run.params(ErasureParams, "erasure").retrain_after
    values = (
        stage_run.read_json("train", "report.json") if report is None else _parse_report(report)
    )
    training_rows = values.get("rows") if isinstance(values, dict) else None
    shredded = training_rows.get("people_shredded") if isinstance(training_rows, dict) else None
    # By type, for true is an int, too.
    if type(shredded) is not int:
        return ("the model's report does not say whom it was trained without; run `train` again",)

    try:
        trained_on = rows or stage_run.data.joinpath(*TRAINING_ROWS)
        since = count_erased_since(stage_run, trained_on, shredded)
    except (SealError, EvidenceError) as error:
        return (f"whom the model learnt from cannot be told: {error}",)
    reason = since.reason_outdated(limit, today(stage_run.installation.settings))
    return (reason,) if reason else ()


def _parse_report(report: bytes) -> Any:
    try:
        return parse_json(report)
    except JsonFaultError as error:
        raise EvidenceError(
            "the report of training",
            expected="JSON with each key once and finite numbers",
            found=str(error),
            remedy="Release the model again.",
        ) from error


def count_erased_since(
    stage_run: StageRun, rows: Path | IO[bytes], shredded_at_training: int
) -> ErasedSinceTraining:
    """Count whom of a dataset's people a model has learnt from that were erased since.

    The key store numbers erasures. Training left out the first `shredded_at_training` of them among
    these people: the rest came later.

    Raises:
        EvidenceError: The key store never had some of the keys: it belongs to other data. Or fewer
            of them are destroyed than training left out: it is of an earlier time, or the report is
            not of that training.
    """
    # Of the sealed file and not of unsealed rows: whoever was erased has no row left to count.
    shown = rows.as_posix() if isinstance(rows, Path) else "the rows of training"
    key_ids = SealedFile.open(rows, shown).key_ids()
    destroyed = stage_run.keys.is_shredded(key_ids)
    live = stage_run.keys.by_id(key_ids)
    if unknown := len(key_ids) - len(destroyed) - len(live):
        raise EvidenceError(
            shown,
            expected="keys that this key store has or has destroyed",
            found=f"{unknown:,} that it never had",
            remedy="Restore the key store that belongs to this data.",
        )

    # A destroyed key does not come back. A number that is too large would take erasures since for
    # earlier ones, and one below 0 would count from the end.
    if not 0 <= shredded_at_training <= len(destroyed):
        raise EvidenceError(
            shown,
            expected="at least as many destroyed keys as training left out",
            found=f"{len(destroyed):,}, where the report says {shredded_at_training:,}",
            remedy="Restore the key store as it was, or run `train` again.",
        )

    # By their place among all erasures, not by day: two of one day have an order, too.
    later = sorted(destroyed.values())[shredded_at_training:]
    first_day = min((date.fromisoformat(day) for _, day in later), default=None)
    return ErasedSinceTraining(len(later), first_day)


def read_training_code(stage_run: StageRun) -> str:
    """Return what identifies the dataset that the model was trained on, for the registry."""
    return SealedFile.open(stage_run.data.joinpath(*TRAINING_ROWS)).code
