"""Whether a model is still current: how many of the people whom it learnt from were erased since.

Counted, not dated: the rows that it was trained on lie there by digest, and some of their keys are gone. What was gone
already at training was not learnt from.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tasks.config.sources import today
from tasks.erasure.policy import ErasureParams, RetrainAfter
from tasks.errors import EvidenceError, SealError
from tasks.sealed.objects import SealedFile
from tasks.stages.workspace import StageRun

ROWS = ("redact", "rows.parquet")


@dataclass(frozen=True)
class ErasedSince:
    """People among those whom a model learnt from who were erased since, and when the first of them was."""

    people: int
    first: date | None

    def refusal(self, limit: RetrainAfter, on: date) -> str:
        """Return why the model is out of date, or nothing."""
        if not self.people or self.first is None:
            return ""
        days = (on - self.first).days
        if self.people < limit.people and days < limit.days:
            return ""
        return (
            f"{self.people} of the people whom this model learnt from were erased since, the first {days} days ago "
            f"(limits: {limit.people} people, {limit.days} days); run the release again, which trains without them"
        )


def outdated(stage_run: StageRun) -> tuple[str, ...]:
    """Return why the model that lies in `data/` may not be registered any more; empty means it may."""
    params = stage_run.params(ErasureParams, "erasure")
    trained = stage_run.read_json("train", "report.json").get("rows", {}).get("people_shredded")
    if not isinstance(trained, int):
        return ("the model's report does not say whom it was trained without; run `train` again",)
    try:
        since = erased_since(stage_run, stage_run.data.joinpath(*ROWS), trained)
    except (SealError, EvidenceError) as error:
        return (f"whom the model learnt from cannot be told: {error}",)
    refusal = since.refusal(params.retrain_after, today(stage_run.installation.settings))
    return (refusal,) if refusal else ()


def erased_since(stage_run: StageRun, path: Path, shredded_at_training: int) -> ErasedSince:
    """Return whom of a dataset's people a model has learnt from that were erased since.

    Erasures have an order, and training left out the first so many of them: the rest came later.
    """
    ids = SealedFile.open(path).key_ids()
    gone = stage_run.keys.is_shredded(ids)
    if unknown := len(ids) - len(gone) - len(stage_run.keys.by_id(ids)):
        raise EvidenceError(
            path.as_posix(),
            expected="keys that this key store has or has destroyed",
            found=f"{unknown:,} that it never had",
            remedy="Restore the key store that belongs to this data.",
        )
    later = sorted(gone.values())[shredded_at_training:]
    return ErasedSince(len(later), min((date.fromisoformat(day) for _, day in later), default=None))


def trained_on(stage_run: StageRun) -> str:
    """Return what identifies the dataset that the model was trained on, for the registry."""
    return SealedFile.open(stage_run.data.joinpath(*ROWS)).code
