"""A verdict: the checks of one gate about exactly the bytes that it judged."""

import hashlib
import json
import math
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Outcome(StrEnum):
    """What a check came to. `undecided` blocks like `fail`; it is never a pass."""

    PASS = "pass"
    FAIL = "fail"
    UNDECIDED = "undecided"

    @classmethod
    def worst(cls, outcomes: "tuple[Outcome, ...]") -> "Outcome":
        """Return the outcome of the whole: fail beats undecided beats pass; nothing at all is undecided."""
        for outcome in (cls.FAIL, cls.UNDECIDED):
            if outcome in outcomes:
                return outcome
        return cls.PASS if outcomes else cls.UNDECIDED


class Check(BaseModel):
    """One measure against one limit.

    `value` is None where nothing could be measured: then `reason` says why and the outcome is never a pass.
    `margin` is how far the value is on the right side of the limit, in the measure's own unit; negative is a miss.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    measure: str = Field(min_length=1)
    outcome: Outcome
    value: float | None
    limit: str = Field(min_length=1)
    margin: float | None = None
    interval: tuple[float, float] | None = None
    reason: str = ""
    would_decide: str = ""

    @field_validator("value", "margin")
    @classmethod
    def _finite(cls, number: float | None) -> float | None:
        if number is not None and not math.isfinite(number):
            raise ValueError("not a finite number; use None and a reason")
        return number

    def line(self, gate: str) -> str:
        """Return the check as the one line a person reads: gate, measure, value, limit, by how much."""
        value = "not measured" if self.value is None else f"{self.value:.4g}"
        span = f" [{self.interval[0]:.4g}, {self.interval[1]:.4g}]" if self.interval else ""
        miss = (
            f", missed by {-self.margin:.4g}" if self.margin is not None and self.margin < 0 else ""
        )
        tail = "; ".join(part for part in (self.reason, self.would_decide) if part)
        return (
            f"{gate}: {self.measure} = {value}{span}, limit {self.limit}{miss}: {self.outcome}"
            + (f" ({tail})" if tail else "")
        )


class Verdict(BaseModel):
    """What one gate found about one set of artefacts.

    `about` maps each artefact that was judged to the sha256 of its bytes; `limits_sha256` is the digest of the limits
    that were in force, so that neither can be exchanged afterwards.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    gate: str = Field(min_length=1)
    use_case: str = Field(min_length=1)
    checks: tuple[Check, ...] = Field(min_length=1)
    limits_sha256: str
    about: dict[str, str] = Field(default_factory=dict)

    @property
    def outcome(self) -> Outcome:
        """The worst of its checks."""
        return Outcome.worst(tuple(check.outcome for check in self.checks))

    def refusals(self) -> tuple[str, ...]:
        """Return one line per check that did not pass."""
        return tuple(
            check.line(self.gate) for check in self.checks if check.outcome is not Outcome.PASS
        )


def digest_of(value: Any) -> str:
    """Return the sha256 of a JSON value in one canonical form (sorted keys, no spaces, UTF-8; NaN refused)."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return hashlib.sha256(text.encode()).hexdigest()
